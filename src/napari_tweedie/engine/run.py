"""Run of a recipe on an array: whole or in part, of one step or several, and what would be known before it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_tweedie.core import device as devices
from napari_tweedie.core.cancellation import cancellable
from napari_tweedie.core.results import Cancelled, Output, Preview, Progress, Result, last
from napari_tweedie.engine import chain
from napari_tweedie.engine.blocks import Blocks
from napari_tweedie.engine.single_run import SingleRun

if TYPE_CHECKING:
    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.recipe.recipe import Recipe

__all__ = ["Cancelled", "Preview", "Progress", "Result", "last", "measure", "outputs", "run", "run_region"]


def run(
    recipe: Recipe,
    image: Any,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    inside: Sequence[slice] | None = None,
    **inputs: Any,
) -> Generator[Progress | Preview, None, Result]:
    """Run a recipe on an image; one of several steps as `chain.steps` does.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    image : array-like
        An array of any kind that `images.arrays.as_array` takes, of at least two axes; it is read block by block and never
        changed.
    cancelled : callable
        Asked again and again, also within a tile; the run raises `Cancelled` once it returns True.
    inside : sequence of slice, optional
        One an axis: only blocks that lie there are worked on, and only what lies there is returned; the others are there to help.
    **inputs
        Arrays that the recipe's methods name, such as ``psf`` or ``mask``.

    Yields
    ------
    Progress or Preview
        After every tile or iteration; previews at most twice a second.

    Returns
    -------
    Result
        Images, zoom, provenance, notes.

    Raises
    ------
    ValueError
        If the image, the axes or an input cannot be used, or the result is not finite or nowhere near the image; the message
        says what to change.
    OSError
        If a part of a lazy image cannot be read.
    Cancelled
        If the caller asked to stop.
    MemoryError
        If even small tiles on the CPU do not fit.
    """
    with devices.shortage_told():
        whole = recipe.with_inputs(**inputs)
        steps = chain.steps(whole, image, SingleRun) if whole.first else SingleRun(whole, image, inside=inside).steps()
        return (yield from cancellable(steps, cancelled))


def run_region(recipe: Recipe, region: Any, channels: Mapping[int, Channel], inside: Sequence[slice] | None = None) -> Result:
    """Run a recipe on a region of a larger image; channels have the range and noise level of the whole.

    `inside` and errors are those of `run`.
    """
    with devices.shortage_told():
        return last(SingleRun(recipe.with_inputs(), region, channels, inside).steps())


def measure(recipe: Recipe, image: Any, **inputs: Any) -> list[Channel]:
    """Return what `run` would know of every channel: range, noise model and level; of several steps, what the first would.

    Parameters and errors are those of `run`; an image without missing pixels is measured without torch.
    """
    with devices.shortage_told():
        whole = recipe.with_inputs(**inputs)
        if whole.first:
            whole = chain.fitted(whole.steps[0], whole.axes, whole.spacing, whole.unit, whole).with_inputs()
        blocks = Blocks(image, whole)
        for index in blocks.layout:
            blocks.channel(index)
        return blocks.channels


def outputs(recipe: Recipe, image: Any) -> list[Output]:
    """Return what a run will return, without reading the image; errors are those that `run` raises before it begins."""
    return chain.outputs(recipe, image, SingleRun) if recipe.first else SingleRun(recipe, image).job.outputs()
