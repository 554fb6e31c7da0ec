"""Arrays of a recipe: what is given beside it, in the places of the methods that name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.array_input import MissingInput

if TYPE_CHECKING:
    from napari_tweedie.core.method import Method
    from napari_tweedie.recipe.recipe import Recipe

OPEN: dict[str, Any] = {"axes": "", "spacing": (), "unit": "pixel"}
"""What a recipe does not say of the image that it is for."""


def with_arrays(recipe: Recipe, inputs: Mapping[str, Any]) -> Recipe:
    """Return a recipe with the arrays that its methods name.

    Of several steps an array goes to each that has one of that name, or as ``name_2`` to the second alone.

    Raises
    ------
    ValueError
        If an array is unknown to all methods, or one that is needed is missing.
    """
    if not recipe.first:
        if unknown := set(inputs) - set(recipe.arrays()):
            methods = {"degradation": recipe.degradation, "denoiser": recipe.denoiser, "noise": recipe.noise}
            *some, last = (f"the {part} {method.name!r}" for part, method in methods.items())
            raise ValueError(f"{', '.join(some)} and {last} take no {', '.join(sorted(unknown))}")
        return _filled(recipe, inputs)
    if unknown := set(inputs) - set(recipe.taken(inputs)):
        raise ValueError(f"none of the {len(recipe.steps)} steps takes {', '.join(sorted(unknown))}")
    filled = [_filled(step, _of_step(step, number, inputs)) for number, step in enumerate(recipe.steps, 1)]
    return filled[-1].model_copy(update={"first": tuple(filled[:-1]), **{name: getattr(recipe, name) for name in OPEN}})


def _filled(recipe: Recipe, inputs: Mapping[str, Any]) -> Recipe:
    """Return a recipe of a single step with the arrays that its methods name."""
    parts: dict[str, Method] = {"degradation": recipe.degradation, "denoiser": recipe.denoiser, "noise": recipe.noise}
    parts |= {name: part for name in ("blending", "regions") if (part := getattr(recipe, name)) is not None}
    changed = {part: method.with_arrays(inputs) for part, method in parts.items()}
    for part, method in changed.items():
        for field in method.missing_inputs():
            raise MissingInput(part, method.name, field)
    return recipe.model_copy(update=changed)


def _of_step(step: Recipe, number: int, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arrays that are given which a step names, under its own names."""
    own = {name: f"{name}_{number}" for name in step.arrays()}
    return {name: inputs[its if its in inputs else name] for name, its in own.items() if its in inputs or name in inputs}
