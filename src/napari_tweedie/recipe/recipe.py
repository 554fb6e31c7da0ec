"""Recipe: the complete description of a run, as data that can be stored and replayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from napari_tweedie import degradations, denoisers
from napari_tweedie.analysis.decomposition import Decomposition
from napari_tweedie.analysis.inspections import Inspection
from napari_tweedie.analysis.inspections import registry as inspections
from napari_tweedie.analysis.poisson import PoissonEditing
from napari_tweedie.analysis.regions import Regions
from napari_tweedie.core.array_input import Input
from napari_tweedie.core.method import Method, Model
from napari_tweedie.core.registry import chosen_from
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.degradations.noise import Auto, Noise
from napari_tweedie.degradations.noise import registry as noises
from napari_tweedie.denoisers.fusion import CONTEXT
from napari_tweedie.images.picture import Picture
from napari_tweedie.images.units import METRES
from napari_tweedie.recipe.defaults import AutoSampler, AutoSolver, build_sampler, build_solver, resolved
from napari_tweedie.recipe.inputs import OPEN, with_arrays
from napari_tweedie.samplers import Sampler
from napari_tweedie.samplers.interval import Interval
from napari_tweedie.solvers import Solver

M = TypeVar("M", bound=Method)

JobName: TypeAlias = Literal[
    "denoise", "restore", "sample", "calibrate", "measure", "degrade", "decompose", "inspect", "synthesise", "blend", "average",
    "outliers",
]  # fmt: skip


WITHOUT_DENOISER = ("degrade", "blend", "average", "outliers")
"""Jobs that no denoiser has a part in."""
SMALLEST_TILE = 16
"""Side of the smallest tile, in pixels: each comes with a margin of some 50, so that smaller ones take hours."""


FOLLOWED = ("denoise", "restore", "sample", "degrade", "average", "outliers")
"""Jobs whose result another recipe can work on."""


class Recipe(Model):
    """Everything that determines a result, besides the image and the arrays that its methods name.

    A recipe of several steps has in `first` what is done before: every step works on the result of the one before it. Axes and
    pixel sizes of the whole are those of the image; those of the results follow from it.

    Examples
    --------
    >>> recipe = Recipe(job="restore", degradation={"name": "gaussian-blur", "std": 2.0}, solver="hqs")
    >>> Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    True
    >>> [step.job for step in Recipe.chain(Recipe(), recipe).steps]
    ['denoise', 'restore']
    """

    version: Literal[1] = Field(1, description="Version of this format.")
    first: tuple[Recipe, ...] = Field(
        (), description="What is done before, a recipe after the other, each on the result of the one before; empty: nothing."
    )
    job: JobName = Field("denoise", description="What to do.")
    denoiser: Annotated[denoisers.Denoiser, *chosen_from(denoisers.registry.build)] = Field(
        "unet", validate_default=True, description="The model of what images look like."
    )
    degradation: Annotated[degradations.Degradation, *chosen_from(degradations.registry.build)] = Field(
        "identity", validate_default=True, description="What happened to the image."
    )
    noise: Annotated[Noise, *chosen_from(noises.build)] = Field(Auto(), description="Noise of the measurement.")
    strength: float = Field(
        1.0,
        ge=0.05,
        le=20,
        description="How many times as strong as it was found or given the noise is taken to be; 1: as it is.",
    )
    solver: Annotated[Solver, *chosen_from(build_solver)] = Field(
        AutoSolver(), description="How the image is estimated; for the job restore. auto: what suits the degradation."
    )
    sampler: Annotated[Sampler, *chosen_from(build_sampler)] = Field(
        AutoSampler(), description="How draws from the posterior are made; for the job sample. auto: what suits the degradation."
    )
    outliers: Literal["auto", "keep"] = Field(
        "auto",
        description="Pixels that neither their neighbours nor the noise explain: hot, dead, cosmic rays. auto: those that are "
        "certain are left out and filled in; keep: they are the image.",
    )
    interval: Interval = Field(Interval(), description="Which interval is stated; for the job sample.")
    probes: int = Field(
        0,
        ge=0,
        le=64,
        description="Random probes of the posterior standard deviation of a denoised image; 0: none. Where the denoiser's errors "
        "were learnt, any number asks for it, and none are drawn.",
    )
    decomposition: Decomposition = Field(
        Decomposition(), description="Into which bands the image is taken apart; for the job decompose."
    )
    inspection: Annotated[Inspection, *chosen_from(inspections.build)] = Field(
        "score", validate_default=True, description="What is looked at; for the job inspect."
    )
    blending: PoissonEditing | None = Field(None, description="What is pasted into which region; for the job blend.")
    regions: Regions | None = Field(None, description="Where there are numbers to measure; for the job measure.")
    along: Literal["t", "z"] = Field("t", description="Axis whose planes become their mean; for the job average.")
    axes: str = Field("", description="One letter of tczyxsq an axis; empty: guessed from the number of axes.")
    volume: bool = Field(False, description="Treat Z as depth (3-D) rather than plane by plane.")
    neighbours: Literal["auto", "none", "t", "z"] = Field(
        "auto",
        description="Planes beside one another that help to denoise it: t: frames, z: planes of a stack, none; for the job "
        "denoise. auto: t, else z where the distance of the planes is known.",
    )
    fusion: Literal["auto", "learnt", "averaged"] = Field(
        "auto",
        description="How planes beside one another come together: averaged: their average where they fit, denoised; learnt: and "
        "what else they tell, by a network. auto: learnt, where it knows the denoiser.",
    )
    spacing: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] = Field(
        (), description="Size of a pixel along each spatial axis, (Z,) Y, X, in the unit of the layer; empty: unknown."
    )
    unit: str = Field("pixel", description="Unit of the spacing, such as micrometer; pixel: only its ratios count.")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of every random number.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    tile: int = Field(
        0, ge=0, le=2**14, description="Tile size in pixels; 0: what suits the denoiser, smaller only where memory is short."
    )

    @classmethod
    def chain(cls, *steps: Recipe) -> Recipe:
        """Return a recipe that does several after one another; axes and pixel sizes that they were made for are left open.

        Raises
        ------
        ValueError
            If there is none, or one whose result is no image that another could work on.
        """
        open_ = [step.model_copy(update=OPEN) for recipe in steps for step in recipe.steps]
        if not open_:
            raise ValueError("a recipe of several steps needs at least one")
        return cls(**{**dict(open_[-1]), "first": tuple(open_[:-1])})

    @property
    def steps(self) -> tuple[Recipe, ...]:
        """What is done, one after the other; of a recipe of a single step, itself."""
        return (*self.first, self.model_copy(update={"first": (), **OPEN})) if self.first else (self,)

    @field_validator("first")
    @classmethod
    def _flat(cls, first: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
        flat = tuple(step for recipe in first for step in recipe.steps)
        if unfit := next((step.job for step in flat if step.job not in FOLLOWED), None):
            raise ValueError(f"the job {unfit!r} can only be the last step: those before are {', '.join(FOLLOWED)}")
        return flat

    @model_validator(mode="after")
    def _dimensions_fit(self) -> Recipe:
        if obstacle := self.degradation.obstacle(3 if self.volume else 2):
            raise ValueError(obstacle)
        return self

    @model_validator(mode="after")
    def _tile_is_worth_a_call(self) -> Recipe:
        if 0 < self.tile < SMALLEST_TILE:
            raise ValueError(f"tile must be 0, which chooses one, or at least {SMALLEST_TILE} pixels (got {self.tile})")
        return self

    @model_validator(mode="after")
    def _spacing_fits(self) -> Recipe:
        if len(self.spacing) not in (0, 2, 3):
            raise ValueError(f"spacing needs a number for each of YX or ZYX (got {self.spacing})")
        if self.unit not in {"pixel", *METRES}:
            raise ValueError(f"unit must be pixel or one of {', '.join(METRES)} (got {self.unit!r})")
        return self

    def _informed(self, degradation: degradations.Degradation) -> degradations.Degradation:
        """Tell a degradation how large the pixels of the image are: those of the layer, or finer ones that are restored."""
        if not self.spacing:
            return degradation
        factors = degradation.factors(len(self.spacing)) if self.inverts else (1,) * len(self.spacing)
        sizes = (size / factor for size, factor in zip(self.spacing, factors, strict=True))
        return degradation.with_spacing(tuple(sizes), None if self.unit == "pixel" else METRES[self.unit] * 1e9)

    @property
    def aspect(self) -> float:
        """Distance of the planes of a stack over that of the pixels within them; 1 where it is not known."""
        return self.spacing[0] / (self.spacing[1] * self.spacing[2]) ** 0.5 if len(self.spacing) == 3 else 1.0

    @property
    def context(self) -> int:
        """Planes on each side that help to denoise one, once it is chosen which; 0: none."""
        helps = self.job == "denoise" and self.neighbours in ("t", "z") and not self.first
        return (self.denoiser.context or CONTEXT) if helps else 0

    @property
    def hides_depth(self) -> bool:
        """Whether planes along Z are of no use to remove noise, as their distance is not known."""
        return self.job in ("denoise", "measure") and self.volume and len(self.spacing) != 3

    @property
    def notes(self) -> list[str]:
        """What the user should know about the degradation, a sentence each."""
        return self.degradation.notes(3 if self.volume else 2)

    @property
    def obstacle(self) -> str:
        """Why its methods cannot treat what they are given, in one sentence with the way out; empty: nothing is known of it.

        What only the arrays or the image tell is found when the recipe runs.
        """
        if self.first:
            return next(filter(None, (step.obstacle for step in self.steps)), "")
        chosen, obstacle = resolved(self), ""
        if self.job == "restore":
            obstacle = chosen.solver.obstacle_in(self.degradation)
        elif self.job in ("sample", "calibrate"):
            obstacle = chosen.sampler.obstacle_in(self.degradation, self.denoiser)
        return obstacle or (self.denoiser.obstacle() if chosen.uses_denoiser else "")

    @property
    def inverts(self) -> bool:
        """Whether the input is a measurement by the degradation, and the result the image that was measured."""
        return self.job in ("restore", "sample")

    @property
    def kernel(self) -> NDArray[Any] | None:
        """The point-spread function with which a measurement is blurred all over, and by nothing else; None where it is not."""
        ndim = 3 if self.volume else 2
        if not self.inverts or not isinstance(self.degradation, Blur) or self.degradation.varies(ndim):
            return None
        return self.degradation.kernel(ndim)

    @property
    def uses_denoiser(self) -> bool:
        """Whether the denoiser is called."""
        return self.job not in WITHOUT_DENOISER and (self.job != "restore" or self.solver.uses_denoiser)

    @property
    def stabilises(self) -> bool:
        """Whether photon noise, where that is found or given, is made the same everywhere before it is removed."""
        return self.job in ("denoise", "measure") or (self.job == "sample" and self.degradation.name == "identity")

    @property
    def takes_lines_off(self) -> bool:
        """Whether offsets that whole lines share are taken off: not where the results are to add up to the image."""
        return self.job in ("denoise", "measure", "restore", "sample")

    def arrays(self) -> dict[str, Input]:
        """Return the arrays that its methods name, at hand or not; of several steps as ``name_2``, with its number."""
        if self.first:
            return {f"{name}_{n}": given for n, step in enumerate(self.steps, 1) for name, given in step.arrays().items()}
        places = [part.arrays() for part in (self.blending, self.regions) if part is not None]
        arrays = {**self.degradation.arrays(), **self.denoiser.arrays(), **self.noise.arrays()}
        return {**arrays, **{name: given for some in places for name, given in some.items()}}

    def fitted(self, picture: Picture) -> Recipe:
        """Return this recipe with the axes and the pixel size of an image, where it leaves them open."""
        known = {} if self.spacing else picture.sizes()
        return self.model_copy(update=known | {"axes": self.axes or picture.axes})

    def with_inputs(self, **inputs: Any) -> Recipe:
        """Return this recipe ready to run.

        The arrays that its methods name are filled in, its degradation knows the pixel size, and nothing is left to be chosen.
        Of several steps an array goes to each that has one of that name, or as ``name_2`` to the second alone; pixel sizes and
        choices of each are made when it runs.

        Raises
        ------
        ValueError
            If an array is unknown to both, or one that is needed is missing.
        """
        filled = with_arrays(self, inputs)
        if self.first:
            return filled
        return resolved(filled.model_copy(update={"degradation": filled._informed(filled.degradation)}))

    def taken(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of some arrays that its methods name."""
        named = {name for step in self.steps for name in step.arrays()} | set(self.arrays())
        return {name: given for name, given in inputs.items() if name in named}
