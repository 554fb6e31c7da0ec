"""Defaults of a recipe: what "auto" becomes, for docks, command line, Python and batch alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict

from napari_tweedie import samplers, solvers
from napari_tweedie.core.method import Method
from napari_tweedie.core.registry import Registry
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.samplers import Sampler
from napari_tweedie.solvers import Solver

if TYPE_CHECKING:
    from torch import device as Device

    from napari_tweedie.degradations import Degradation
    from napari_tweedie.recipe.recipe import Recipe

AUTO = "auto"
CHOSEN = ("neighbours", "tile", "denoiser")
"""Fields of a recipe in which a run leaves nothing to the image, the memory or the device once it has begun, see `as_begun`."""
PRIOR = {"name": "implicit-prior", "samples": 4, "beta": 0.5, "iterations": 300}
"""The sampler, and its parameters, that suit sampling without a measurement."""
LEAST_WEIGHT = 1e-3
"""Share of its peak down to which a point-spread function counts as non-negative."""


class AutoSolver(Solver):
    """The solver that suits the degradation; parameters that are given are handed on to it."""

    name: ClassVar[str] = AUTO
    title: ClassVar[str] = "Automatic"
    model_config = ConfigDict(extra="allow")


class AutoSampler(Sampler):
    """The sampler that suits the degradation; parameters that are given are handed on to it."""

    name: ClassVar[str] = AUTO
    title: ClassVar[str] = "Automatic"
    model_config = ConfigDict(extra="allow")


def build_solver(value: Any) -> Any:
    """Build a solver from an instance, its name, or its description; without a name, or called auto, it is chosen later."""
    return _built(value, solvers.registry, AutoSolver)


def build_sampler(value: Any) -> Any:
    """Build a sampler in the same way."""
    return _built(value, samplers.registry, AutoSampler)


def _built(value: Any, registry: Registry[Any], auto: Callable[..., Any]) -> Any:
    description = {"name": value} if isinstance(value, str) else value
    if isinstance(description, dict) and description.get("name", AUTO) == AUTO:
        return auto(**{key: given for key, given in description.items() if key != "name"})
    return registry.build(value)


def solver_of(kinds: Sequence[type[Degradation]], volume: bool = False) -> dict[str, Any]:
    """Return name and parameters of the solver that measured best for a degradation, or for several after one another."""
    if volume and all(issubclass(kind, Blur) for kind in kinds):
        return {"name": "denoised-richardson-lucy"}
    name = kinds[0].solver if len(kinds) == 1 else "hqs"
    return {"name": name, "iterations": max(kind.iterations for kind in kinds)} if name == "hqs" else {"name": name}


def solver_for(recipe: Recipe) -> dict[str, Any]:
    """Return the same for a recipe: light that a point-spread function takes away is none that Richardson–Lucy knows of."""
    kinds, degradation = recipe.degradation.kinds(), recipe.degradation
    suited = solver_of(kinds, recipe.volume)
    if isinstance(degradation, Blur) and recipe.volume and not degradation.missing_inputs():
        kernel = degradation.kernel(3)
        if kernel.min() < -LEAST_WEIGHT * kernel.max():
            return solver_of(kinds)
    return suited


def sampler_of(job: str, degradation: str) -> dict[str, Any]:
    """Return name and parameters of the sampler that suits a job: for the prior, for noise alone, for everything else."""
    if job == "synthesise":
        return PRIOR
    return {"name": "moment-matched" if degradation == "identity" else "split-gibbs"}


def objective_of(partners: bool) -> dict[str, Any]:
    """Return name and parameters of the objective that suits what is learnt from.

    Where there is a second image of every scene nothing needs to be known of the noise. Otherwise it is known from the
    measurement, with its spectrum where it correlates, and recorrupted pairs use all of that. So does Stein's estimate, whose
    gradients are less steady: a page of text gained 1.13, 0.92 and 0.75 dB by pairs and 0.77, 0.70 and 0.26 dB by it
    (`unet-small`, `unet`, `lidia`); a fresh network learnt 0.5 dB less from single frames of W2S in the same time.
    """
    return {"name": "noise2noise" if partners else "recorrupted2recorrupted"}


def with_neighbours(recipe: Recipe, axes: str, shape: Sequence[int]) -> tuple[Recipe, str]:
    """Return a recipe that says which planes of an image help each other, and a sentence on that where there are some.

    Raises
    ------
    ValueError
        If planes are to help each other where there are none, or where they cannot.
    """
    lengths = dict(zip(axes, shape, strict=True))
    several = [axis for axis in "tz" if lengths.get(axis, 1) > 1]
    if recipe.job != "denoise" or (recipe.neighbours == "auto" and not several):
        return recipe, ""
    obstacle = _no_neighbours(recipe, axes)
    if recipe.neighbours in ("t", "z"):
        if not obstacle and recipe.neighbours not in axes:
            obstacle = f"the axes {axes!r} have no {recipe.neighbours}"
        if obstacle:
            raise ValueError(f"neighbours = {recipe.neighbours!r}: {obstacle}; choose none")
        made = recipe.model_copy(update={"fusion": _fusion(recipe)})
        return made, _helped(made)
    note = ""
    if recipe.hides_depth and lengths.get("z", 1) > 1 and 3 not in recipe.denoiser.ndim:
        note = (
            "The distance of the planes is not known, so that each was denoised alone: give the spacing for all three directions "
            "to count."
        )
    if recipe.neighbours == "auto" and not obstacle:
        if several[0] == "t" or len(recipe.spacing) == 3:
            made = recipe.model_copy(update={"neighbours": several[0], "fusion": _fusion(recipe)})
            return made, _helped(made)
        note = (
            "The distance of the planes is not known, so that each was denoised alone: give the spacing, or choose "
            "neighbours: z, for those beside it to help."
        )
    return recipe.model_copy(update={"neighbours": "none"}), note


def _fusion(recipe: Recipe) -> str:
    """Return how planes come together.

    Raises
    ------
    ValueError
        If that was learnt for other denoisers only.
    """
    if recipe.fusion == "learnt" and not recipe.denoiser.knows_fusion:
        raise ValueError(f"fusion = 'learnt': it was not learnt for the denoiser {recipe.denoiser.name!r}; choose averaged")
    return ("learnt" if recipe.denoiser.knows_fusion else "averaged") if recipe.fusion == AUTO else recipe.fusion


def _helped(recipe: Recipe) -> str:
    what = "frames" if recipe.neighbours == "t" else "planes"
    return (
        f"The {what} were denoised with the help of those beside them, up to {2 * recipe.context}; neighbours: none is without."
    )


def _no_neighbours(recipe: Recipe, axes: str) -> str:
    """Return why planes cannot help each other, whatever the image; empty: they can."""
    if recipe.volume:
        return "planes of a volume are denoised together already"
    if "s" in axes:
        return "colour is denoised plane by plane"
    if 2 not in recipe.denoiser.ndim:
        return f"the denoiser {recipe.denoiser.name!r} takes volumes only"
    if recipe.probes and recipe.denoiser.context:
        return f"no standard deviation is known of the denoiser {recipe.denoiser.name!r}, which looks at them itself"
    return ""


def on(device: Device, recipe: Recipe) -> Recipe:
    """Return a recipe whose denoiser leaves nothing to the device, so that it gives the same pixels again, and elsewhere."""
    denoiser = recipe.denoiser.on(device) if recipe.uses_denoiser else recipe.denoiser
    return recipe if denoiser is recipe.denoiser else recipe.model_copy(update={"denoiser": denoiser})


def as_begun(recipe: Recipe, begun: Mapping[str, Any]) -> Recipe:
    """Return a recipe in which what was chosen when a run began, as its description says, is not chosen once more."""
    changed: dict[str, Any] = {}
    if recipe.neighbours == AUTO:
        changed["neighbours"] = begun.get("neighbours", AUTO)
    if not recipe.tile:
        changed["tile"] = begun.get("tile", 0)
    if (denoiser := _as_begun(recipe.denoiser, begun.get("denoiser"))) is not recipe.denoiser:
        changed["denoiser"] = denoiser
    return recipe.model_copy(update=changed) if changed else recipe


def _as_begun(value: Any, begun: Any) -> Any:
    """Return a denoiser, or what one is made of, with the choices of its description."""
    if isinstance(value, str) and value == AUTO and isinstance(begun, str):
        return begun
    if isinstance(value, tuple) and isinstance(begun, list) and len(value) == len(begun):
        chosen = tuple(_as_begun(one, was) for one, was in zip(value, begun, strict=True))
        return value if all(one is was for one, was in zip(chosen, value, strict=True)) else chosen
    if isinstance(value, Method) and isinstance(begun, Mapping):
        found = {field: _as_begun(getattr(value, field), begun.get(field)) for field in type(value).model_fields}
        changed = {field: one for field, one in found.items() if one is not getattr(value, field)}
        return value.model_copy(update=changed) if changed else value
    return value


def resolved(recipe: Recipe) -> Recipe:
    """Return a recipe in which nothing that its job needs is left to be chosen.

    Raises
    ------
    ValueError
        If a parameter was given that the method which suits does not have; the message names both.
    """
    changed: dict[str, Any] = {}
    if not recipe.denoiser.obstacle() and (pinned := recipe.denoiser.pinned()) is not recipe.denoiser:
        changed["denoiser"] = pinned
    if recipe.job == "restore" and isinstance(recipe.solver, AutoSolver):
        changed["solver"] = solvers.registry.build(solver_for(recipe) | dict(recipe.solver.model_extra or {}))
    elif recipe.job == "restore" and (pinned_solver := recipe.solver.pinned(recipe.degradation)) is not recipe.solver:
        changed["solver"] = pinned_solver
    if recipe.job in ("sample", "calibrate", "synthesise") and isinstance(recipe.sampler, AutoSampler):
        given = recipe.sampler.model_dump(exclude_unset=True)
        changed["sampler"] = samplers.registry.build(sampler_of(recipe.job, recipe.degradation.name) | given)
    elif recipe.job in ("sample", "calibrate") and (pinned_sampler := recipe.sampler.pinned()) is not recipe.sampler:
        changed["sampler"] = pinned_sampler
    if recipe.job == "sample" and recipe.interval.is_plain and (known := recipe.sampler.calibrated(recipe.interval.level)):
        changed["interval"] = recipe.interval.model_copy(update=dict(zip(("factor", "coverage"), known, strict=True)))
    return recipe.model_copy(update=changed) if changed else recipe
