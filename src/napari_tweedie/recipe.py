"""What is to be done? The complete description of a run, as data that can be stored and replayed."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Gaussian, Noise
from napari_tweedie.degradations.noise import build as build_noise
from napari_tweedie.method import Method, Registry

M = TypeVar("M", bound=Method)

_DESCRIBED = PlainSerializer(Method.describe, return_type=dict[str, Any])
_SCHEMA = WithJsonSchema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})


def _from(registry: Registry[Any]) -> BeforeValidator:
    return BeforeValidator(registry.build)


class Recipe(BaseModel):
    """Everything that determines a result, besides the image and the arrays that its methods name.

    Examples
    --------
    >>> recipe = Recipe(job="restore", degradation={"name": "gaussian-blur", "std": 2.0}, solver="hqs")
    >>> Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = Field(1, description="Version of this format.")
    job: Literal["denoise", "restore", "degrade"] = Field("denoise", description="What to do.")
    denoiser: Annotated[denoisers.Denoiser, _from(denoisers.registry), _DESCRIBED, _SCHEMA] = Field(
        "unet", validate_default=True, description="The model of what images look like."
    )
    degradation: Annotated[degradations.Degradation, _from(degradations.registry), _DESCRIBED, _SCHEMA] = Field(
        "identity", validate_default=True, description="What happened to the image."
    )
    noise: Annotated[Noise, BeforeValidator(build_noise), _DESCRIBED, _SCHEMA] = Field(
        Gaussian(), description="Noise of the measurement."
    )
    solver: Annotated[solvers.Solver, _from(solvers.registry), _DESCRIBED, _SCHEMA] = Field(
        "hqs", validate_default=True, description="How the image is estimated; for the job restore."
    )
    axes: str = Field("", description="One letter of tczyxsq an axis; empty: guessed from the number of axes.")
    volume: bool = Field(False, description="Treat Z as depth (3-D) rather than plane by plane.")
    seed: int = Field(0, ge=0, description="Seed of every random number.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    tile: int = Field(0, ge=0, le=2**14, description="Tile size of the denoiser in pixels; 0: from the free memory.")

    @model_validator(mode="after")
    def _dimensions_fit(self) -> Recipe:
        ndim = 3 if self.volume else 2
        if ndim not in self.degradation.ndim:
            raise ValueError(f"the degradation {self.degradation.name!r} does not work on {ndim}-D blocks")
        return self

    def with_inputs(self, **inputs: Any) -> Recipe:
        """Return this recipe with arrays filled in that its degradation and its denoiser name.

        Raises
        ------
        ValueError
            If an array is unknown to both, or one that is needed is missing.
        """
        unknown = set(inputs) - set(self.degradation.arrays()) - set(self.denoiser.arrays())
        if unknown:
            what = f"the degradation {self.degradation.name!r} and the denoiser {self.denoiser.name!r}"
            raise ValueError(f"{what} take no {', '.join(sorted(unknown))}")
        changed = {"degradation": self.degradation.with_arrays(inputs), "denoiser": self.denoiser.with_arrays(inputs)}
        for part, method in changed.items():
            missing = method.missing_inputs()
            if missing:
                raise ValueError(f"the {part} {method.name!r} needs an array: {', '.join(missing)}")
        return self.model_copy(update=changed)
