"""Methods: small frozen models whose fields are their parameters, declared once and used everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, create_model, field_validator

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.sentences import sentences
from napari_tweedie.images.arrays import LARGEST

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


LEAST = 1e-6
"""Least value of a parameter that must be above 0: with smaller ones numbers of single precision vanish, and are divided by."""


def Parameter(  # noqa: N802 - reads like pydantic's Field
    default: Any, description: str, *, unit: str = "", advanced: bool = False, layer: str = "", **limits: Any
) -> Any:
    """Declare a parameter: a pydantic field with a one-line description.

    Parameters
    ----------
    default : object
        Default value; ``...`` for none.
    description : str
        One line, shown in forms and on the command line.
    unit : str
        Unit, shown behind the value: "px" for pixels, "range" for the grey-level range, "counts" for grey levels.
    advanced : bool
        Whether forms fold it away.
    layer : str
        For an array, the kind of layer it comes from: "image" or "labels".
    **limits
        Limits as pydantic names them: ge, gt, le, lt, multiple_of. Above 0 (gt=0) is at least `LEAST`, but for grey levels.
    """
    if limits.get("gt") == 0 and unit != "counts":
        limits = {("ge" if name == "gt" else name): LEAST if name == "gt" else limit for name, limit in limits.items()}
    extra: dict[str, Any] = {"unit": unit, "advanced": advanced, "layer": layer}
    return Field(default, description=description, json_schema_extra=extra, **limits)


class Model(BaseModel):
    """Base of what is declared once and checked: frozen, and what is wrong with a value is said in one sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        with sentences():
            super().__init__(**values)

    def __setattr__(self, name: str, value: Any) -> None:
        with sentences():
            super().__setattr__(name, value)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Build an instance from a mapping.

        Raises
        ------
        ValueError
            If a value is not allowed.
        """
        with sentences():
            return super().model_validate(obj, **options)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """Build an instance from JSON.

        Raises
        ------
        ValueError
            If this is no JSON, or a value is not allowed.
        """
        with sentences():
            return super().model_validate_json(json_data, **options)

    @field_validator("*", mode="after")
    @classmethod
    def _is_held(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse numbers that overflow on the way."""
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and abs(number) > LARGEST:
                raise ValueError(f"{info.field_name}: should be at most {LARGEST:.0e}")
        return value


def checked(kind: Any, **named: Any) -> Any:
    """Return the value of a function's parameter, given by its name, as what it must be.

    Raises
    ------
    ValueError
        If it is none; one sentence with the name, the limit and the value.
    """
    (name,) = named
    fields: Any = {name: (kind, ...)}
    return getattr(create_model("Parameters", __base__=Model, **fields)(**named), name)


class Method(Model):
    """Base of every denoiser, degradation, noise model, solver and sampler.

    From its fields come forms, command-line options, the recipe's JSON, validation and documentation.
    """

    name: ClassVar[str]
    """Name in recipes and on the command line."""
    title: ClassVar[str]
    """Name in menus."""

    def __eq__(self, other: object) -> bool:
        """Compare the parameters; what a method has computed from them does not count."""
        return type(self) is type(other) and dict(self) == dict(other)

    def describe(self) -> dict[str, Any]:
        """Return the name and the parameters, ready for JSON; arrays appear as name and hash."""
        return {"name": self.name, **self.model_dump(mode="json")}

    @classmethod
    def inputs(cls) -> list[str]:
        """Return the names of the fields that are arrays: they travel beside a recipe, not in it."""
        return [name for name, field in cls.model_fields.items() if field.annotation is Input]

    @classmethod
    def hint(cls, field: str, key: str) -> Any:
        """Return what `Parameter` said of a field: its "unit", whether it is "advanced", its kind of "layer"."""
        extra = cls.model_fields[field].json_schema_extra
        return extra[key] if isinstance(extra, dict) else None

    @classmethod
    def is_composed(cls) -> bool:
        """Tell whether some of the fields are methods themselves, or several methods each."""
        kinds = [kind for field in cls.model_fields.values() for kind in (field.annotation, *_members(field.annotation))]
        return any(isinstance(kind, type) and issubclass(kind, Method) for kind in kinds)

    def arrays(self) -> dict[str, Input]:
        """Return the arrays by field."""
        return {name: getattr(self, name) for name in self.inputs()}

    def with_arrays(self, arrays: Mapping[str, Any]) -> Self:
        """Return this method with those of `arrays` filled in that it names."""
        own = {name: arrays[name] for name in self.inputs() if name in arrays}
        return type(self)(**{**dict(self), **own}) if own else self

    @classmethod
    def needs(cls, field: str) -> bool:
        """Tell whether a field has to be given."""
        return is_needed(cls.model_fields[field])

    def missing_inputs(self) -> list[str]:
        """Return the names of the array fields whose array is needed and not here yet."""
        return [name for name, array in self.arrays().items() if array.array is None and (array.name or array.sha256)]


def is_needed(field: FieldInfo) -> bool:
    """Tell whether a field has to be given: it has no default, or it is an array that there must be."""
    return field.is_required() or (isinstance(field.default, Input) and bool(field.default.name))


def _members(annotation: Any) -> list[Any]:
    """Return the types of the members of a tuple's annotation, without what pydantic is told about them."""
    members = get_args(annotation) if get_origin(annotation) is tuple else ()
    return [get_args(member)[0] if get_origin(member) is Annotated else member for member in members]
