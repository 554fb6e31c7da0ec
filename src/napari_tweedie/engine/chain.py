"""Chain of steps: a recipe on the result of the one before, and what noise that left."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_tweedie.core.results import Output, Preview, Progress, Result, relayed
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.engine.gate import json_ready
from napari_tweedie.engine.jobs.misfit import SMALLER
from napari_tweedie.engine.noise_left import Left, noise_left
from napari_tweedie.recipe.defaults import CHOSEN, as_begun

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.engine.jobs import Job
    from napari_tweedie.engine.results import Results
    from napari_tweedie.recipe.recipe import Recipe


class Run(Protocol):
    """A run of one step, and what it knows of the image."""

    blocks: Blocks
    results: Results
    recipe: Recipe
    job: Job

    def steps(self) -> Generator[Progress | Preview, None, Result]: ...


class Start(Protocol):
    """Begins a run of a recipe of a single step on an image, of whose channels something may be known."""

    def __call__(self, recipe: Recipe, image: Any, channels: Mapping[int, Channel] | None, /) -> Run: ...


def steps(recipe: Recipe, image: Any, start: Start) -> Generator[Progress | Preview, None, Result]:
    """Run the steps of a recipe one after the other; previews are those of the last.

    A step whose noise is left open is told what the step before left, see `noise_left`; outliers are removed once.

    Parameters
    ----------
    recipe : Recipe
        Of several steps, with the arrays that they name.
    image : array-like
        What the first works on.
    start : callable
        Begins a run of a single step.

    Returns
    -------
    Result
        Of the last step; its zoom is that of all, its notes say which step they are of, and its provenance holds the whole
        recipe and, under "steps", that of each.
    """
    begun = time.monotonic()
    whole, axes = recipe.steps, recipe.axes
    spacing, unit = recipe.spacing, recipe.unit
    left, told, made, zoom = Left(), list[str](), list[dict[str, Any]](), tuple[float, ...]()
    array: Any = image
    outliers: NDArray[Any] | None = None  # of the image that was given, not of results in between
    for number, step in enumerate(whole, 1):
        own = fitted(step, axes, spacing, unit, recipe)
        own, note = with_noise(own, left, number)
        last = number == len(whole)
        run = start(own.with_inputs(), array, None)
        result = yield from _shared(run.steps(), number, len(whole), step.job, begun, previews=last)
        expected = SMALLER if left.sigma is not None else None  # what is left of an image without noise is small
        notes = [said for said in result.notes if expected is None or not said.startswith(expected)]
        told += [f"Step {number}, {step.job}: {said}" for said in [*filter(None, [note]), *notes]]
        if not last:
            left = noise_left(run, result, start, removed=left.removed)
        outliers = result.outliers if number == 1 else outliers
        made.append(result.provenance | ({} if last or left.sigma is None else {"noise_left": left.sigma}))
        zoom = result.zoom if number == 1 else tuple(a * b for a, b in zip(zoom, result.zoom, strict=True))
        axes = made[0]["axes"]
        known = dict(zip([axis for axis in axes if axis in "zyx"][-len(spacing) :], spacing, strict=False)) if spacing else {}
        factors = dict(zip(axes, result.zoom, strict=True))
        spacing = tuple(size / factors[axis] for axis, size in known.items())
        array = result.image
        axes = "q" * (array.ndim - len(axes)) + axes
    facts = made[-1] | {name: made[0][name] for name in ("axes", "noise", "noise_levels")}
    done = [as_begun(step, one["recipe"]) for step, one in zip(whole, made, strict=True)]
    as_done = recipe.model_copy(update={"first": tuple(done[:-1]), **{name: getattr(done[-1], name) for name in CHOSEN}})
    facts |= {"recipe": as_done.model_dump(mode="json"), "steps": made, "notes": told}
    facts |= {"seconds": round(time.monotonic() - begun, 2)}
    return replace(result, zoom=zoom, notes=told, provenance=json_ready(facts), outliers=outliers)


def fitted(step: Recipe, axes: str, spacing: tuple[float, ...], unit: str, whole: Recipe) -> Recipe:
    """Return a step for an image with these axes and pixel sizes, on the device of the whole, unless it says its own."""
    sizes = {} if step.spacing else {"spacing": spacing, "unit": unit}
    device = {"device": whole.device} if step.device == "auto" else {}
    return step.model_copy(update={"axes": step.axes or axes, "first": (), **sizes, **device})


def with_noise(step: Recipe, left: Left, number: int) -> tuple[Recipe, str]:
    """Return a step that knows what noise the one before left, where it leaves that open, and a sentence on it."""
    changed: dict[str, Any] = {"outliers": "keep"} if left.removed else {}
    note = ""
    if left.sigma is not None and step.noise.level(0.0) is None and step.job != "degrade":
        changed["noise"] = Gaussian(sigma=left.sigma)
        note = f"took for noise what step {number - 1} left, {left.sigma:.3g}: {left.how}."
    elif left.sigma is None and number > 1 and step.noise.level(0.0) is None and left.how:
        note = f"its noise was measured on the result of step {number - 1}, as {left.how}."
    return (step.model_copy(update=changed) if changed else step), note


def outputs(recipe: Recipe, image: Any, start: Start) -> list[Output]:
    """Return what the last step will return, without reading the image; of a step in between what can be known is checked."""
    array, axes = image, recipe.axes
    for number, step in enumerate(recipe.steps, 1):
        run = start(fitted(step, axes, recipe.spacing, recipe.unit, recipe).with_inputs(), array, None)
        found = run.job.outputs()
        if number == len(recipe.steps) or (step.inverts and not step.degradation.is_image):
            break  # the size of what a measurement is of is known when it is read
        axes = run.blocks.layout.axes
        array = np.broadcast_to(np.float32(0), run.results.empty(found[0]).shape)
        axes = "q" * (array.ndim - len(axes)) + axes
    return _outputs_of(recipe.steps[-1], found, number == len(recipe.steps), array, axes, start)


def _outputs_of(last: Recipe, found: list[Output], reached: bool, array: Any, axes: str, start: Start) -> list[Output]:
    return found if reached else start(last.model_copy(update={"axes": ""}).with_inputs(), np.zeros((8, 8)), None).job.outputs()


def _shared(
    running: Generator[Progress | Preview, None, Result], number: int, count: int, job: str, begun: float, *, previews: bool
) -> Generator[Progress | Preview, None, Result]:
    """Pass on the progress of one of several steps as that of all."""

    def told(step: Any) -> Any:
        if not isinstance(step, Progress):
            return step if previews else None
        share = (number - 1 + step.share) / count
        seconds = (time.monotonic() - begun) * (1 / share - 1) if share else 0.0
        return replace(step, share=share, stage=f"step {number} of {count}, {job} · {step.stage}", seconds_left=seconds)

    return (yield from relayed(running, told))
