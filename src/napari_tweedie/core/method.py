"""Methods: small frozen models whose fields are their parameters, declared once and used everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args, get_origin

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    field_validator,
)

from napari_tweedie.core.lazy import torch
from napari_tweedie.images.arrays import LARGEST, as_array, fetched

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from torch import Tensor


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


@dataclass(frozen=True, eq=False)
class Input:
    """An array that a method needs (point-spread function, mask): in a recipe only its name, hash and pixel size."""

    array: NDArray[Any] | None
    name: str = ""
    sha256: str = ""
    spacing: tuple[float, ...] = ()
    """Size of its pixels along every axis, in nanometres; empty: unknown."""

    @classmethod
    def needed(cls, name: str) -> Input:
        """Return the default of a field whose array there must be before a run."""
        return cls(None, name)

    @classmethod
    def of(cls, array: Any, name: str = "", spacing: tuple[float, ...] = ()) -> Input:
        """Take a snapshot of an array or tensor, so that later edits of the original change nothing."""
        copy = np.array(fetched(as_array(array, f"array {name!r}" if name else "array", complex_numbers=True)))
        if copy.ndim == 0 or copy.size == 0:
            what = "a single number" if copy.ndim == 0 else f"empty (shape {copy.shape})"
            raise ValueError(f"the array{f' {name!r}' if name else ''} is {what}: give an array of numbers")
        if copy.dtype.kind in "fc" and not np.isfinite(copy).all():
            bad = int(copy.size - np.isfinite(copy).sum())
            raise ValueError(f"the array{f' {name!r}' if name else ''} holds {bad} values that are not finite: replace them")
        return cls(copy, name, fingerprint(copy), spacing)

    def described(self) -> dict[str, Any]:
        """Return what stands in a recipe."""
        sizes = {"spacing": list(self.spacing)} if self.spacing else {}
        return {"name": self.name, "sha256": self.sha256, **sizes}

    def values(self) -> NDArray[Any]:
        """Return the array; refuse if only its name is known."""
        if self.array is None:
            raise ValueError(f"the array {self.name!r} is not at hand: pass it beside the recipe")
        return self.array

    def real(self) -> NDArray[Any]:
        """Return the array; refuse complex numbers."""
        array: NDArray[Any] = as_array(self.values(), f"array {self.name!r}" if self.name else "array")
        return array

    def tensor(self, like: Tensor) -> Tensor:
        """Return the array as a tensor of the dtype and on the device of `like`."""
        return torch.as_tensor(self.real().astype(np.float32)).to(like)


def fingerprint(array: NDArray[Any]) -> str:
    """Return a SHA-256 of shape, dtype and values."""
    digest = hashlib.sha256(f"{array.shape}{array.dtype.str}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _as_input(value: Any) -> Input:
    if isinstance(value, Input):
        return value
    if isinstance(value, dict):
        return _described(value)
    return Input.of(value)


def _described(said: dict[str, Any]) -> Input:
    """Return an array of which a recipe says name, hash and pixel size."""
    texts, sizes = {name: said.get(name, "") for name in ("name", "sha256")}, said.get("spacing", ())
    other = [name for name in said if name not in ("name", "sha256", "spacing")]
    numbers = isinstance(sizes, list | tuple) and all(isinstance(size, int | float) and 0 < size < inf for size in sizes)
    if other or not numbers or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"an array is described by name, sha256 and spacing, sizes above 0 (got {said!r:.80})")
    return Input(None, **texts, spacing=tuple(map(float, sizes)))


ArrayInput = Annotated[
    Input,
    PlainValidator(_as_input),
    PlainSerializer(Input.described, return_type=dict[str, Any]),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "sha256": {"type": "string"},
                "spacing": {"type": "array", "items": {"type": "number"}},
            },
        }
    ),
]
"""Annotation of an array parameter; accepts arrays, tensors, or name and hash from a recipe."""


class MissingInput(ValueError):  # noqa: N818 - reads like Cancelled
    """An array that a method needs is not at hand.

    Parameters
    ----------
    part, method, field : str
        Field of the recipe, name of the method, and name of its array.
    """

    def __init__(self, part: str, method: str, field: str) -> None:
        super().__init__(f"the {part} {method!r} needs an array: pass it beside the recipe, as {field}=array")
        self.part, self.method, self.field = part, method, field


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what pydantic says of a value into a sentence."""
    try:
        yield
    except ValidationError as error:
        raise ValueError(explain(error)) from None
    except RecursionError:
        raise ValueError("this is nested too deeply") from None
    except TypeError as error:
        if "keywords must be strings" not in str(error):
            raise
        raise ValueError("parameters are named by words, not by numbers or other values") from None


SAID = {
    "missing": "must be given",
    "extra_forbidden": "there is no such parameter",
    "frozen_instance": "cannot be changed: make a new one",
    "json_invalid": "this is no JSON",
}
"""What is wrong, in our words, by pydantic's kinds of errors."""


def explain(error: ValidationError) -> str:
    """Say in one line what is wrong with parameters: the name, the limit, the value, and nothing else."""
    lines = []
    for problem in error.errors():
        where = " ".join(str(part) for part in problem["loc"]) or error.title
        message = SAID.get(problem["type"]) or problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if isinstance(problem["input"], int | float | str | bool):
            message += f" (got {problem['input']!r})"
        lines.append(f"{where}: {message}" if problem["type"] != "value_error" else message)
    return "; ".join(lines)
