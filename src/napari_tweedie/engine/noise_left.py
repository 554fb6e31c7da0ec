"""Noise that a step leaves in its result, for the step that works on it.

Measured on a denoised image it would be next to nothing: what is left looks like structure. It is the error that the step itself
expects: for a denoiser ``E[nᵀ(f(y + n) − f(y))]``, which is σ² tr J, the variance of the image given y (Miyasawa 1961); for a
restoration what of the noise reaches its result. Both are found by running the step again on a crop with a little more noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import last
from napari_tweedie.degradations.correlation import draw_noise
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.images.arrays import fetched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.core.results import Result
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.engine.chain import Run, Start
    from napari_tweedie.engine.channel import Channel

SIDE = 192
"""Side of the crop in pixels."""
PLANES = 5
"""Most planes of the crop along an axis whose planes are worked on together."""
MORE = 0.3
"""How much noise is added, in units of that which there is."""
REMOVE_NOISE = ("denoise", "restore", "sample")


@dataclass(frozen=True)
class Left:
    """What a step leaves.

    Parameters
    ----------
    sigma : float, optional
        Standard deviation of the noise in its result, in grey levels; None where it is to be measured there.
    how : str
        How that is known, or why it is measured; empty where there is nothing to tell.
    removed : bool
        Whether outliers are gone.
    """

    sigma: float | None = None
    how: str = ""
    removed: bool = False


def noise_left(run: Run, result: Result, start: Start, removed: bool) -> Left:
    """Return what noise a run has left in its result.

    Parameters
    ----------
    run : Run
        The run, at its end.
    result : Result
        What it returned.
    start : callable
        Begins another one.
    removed : bool
        Whether outliers were gone before.
    """
    recipe = run.recipe
    removed = removed or recipe.job == "outliers" or (recipe.job in REMOVE_NOISE and recipe.outliers == "auto")
    if recipe.job == "degrade":
        return Left(recipe.noise.level(0.0), "the noise that was simulated", removed)
    if recipe.job not in REMOVE_NOISE:
        return Left(None, "that step keeps noise as it is, or averages it", removed)
    if result.std is not None:
        return Left(
            float(np.sqrt(np.nanmean(result.std.astype(np.float64) ** 2))), "the standard deviation that it states", removed
        )
    if not recipe.degradation.is_image and recipe.inverts:
        return Left(None, f"what {recipe.degradation.name!r} leaves is not known otherwise", removed)
    sigma = _again(run, start)
    if sigma is None:
        return Left(None, "the middle of the image holds no numbers", removed)
    if recipe.job == "denoise":
        return Left(sigma, "the error that its denoiser expects", removed)
    return Left(sigma, "what of the noise reached its result", removed)


def _again(run: Run, start: Start) -> float | None:
    """Return the level by running the step twice on a crop, with the noise that was found, and with a little more.

    None where the crop holds no numbers.
    """
    blocks, recipe = run.blocks, run.recipe
    crop = fetched(blocks.image, _crop(blocks, recipe.neighbours if recipe.context else "")).astype(np.float64)
    if not np.isfinite(crop).any():
        return None
    met = blocks.channels
    numbers = blocks.layout.first_of_channels()
    channels = dict(enumerate(met)) if len(met) == len(numbers) else dict.fromkeys(numbers, met[0])
    clean = _last(start(recipe, crop, channels))
    noise = drawn_noise(crop, blocks.layout.axes, channels, clean if clean.shape == crop.shape else crop)
    change = (_last(start(recipe, crop + MORE * noise, channels)) - clean) / MORE
    if recipe.job == "denoise":
        return float(np.sqrt(max(float(np.nanmean(noise * change)), 0.0)))
    return float(np.sqrt(np.nanmean(change**2)))


def _last(run: Run) -> NDArray[np.float64]:
    return np.asarray(last(run.steps()).image, np.float64)


def _crop(blocks: Blocks, helping: str) -> tuple[slice, ...]:
    """Return the middle of an image: all of it along Y and X where the step has arrays that lie on its pixels."""
    layout, places = blocks.layout, []
    fixed = any(array.array is not None and array.array.shape[-2:] == layout.block_shape[-2:] for array in _arrays(blocks))
    for axis, length in zip(layout.axes, layout.shape, strict=True):
        wide = {"c": length, "s": length, "y": SIDE, "x": SIDE}.get(axis, PLANES if axis in (helping, "z" * layout.volume) else 1)
        wide = length if fixed and axis in "zyx" else min(wide, length)
        begin = (length - wide) // 2
        places.append(slice(begin, begin + wide))
    return tuple(places)


def _arrays(blocks: Blocks) -> list[Any]:
    """Return the arrays of a step that may lie on the pixels of the image."""
    recipe = blocks.recipe
    return [*recipe.noise.arrays().values(), *(recipe.degradation.arrays().values() if recipe.inverts else ())]


def drawn_noise(crop: NDArray[Any], axes: str, channels: Mapping[int, Channel], clean: NDArray[Any]) -> NDArray[np.float64]:
    """Draw noise as every channel has it: as strong as at the clean values, and alike in neighbours where it is correlated."""
    generator = torch.Generator().manual_seed(0)
    planes = [axes.index(axis) for axis in "yx"]
    along = axes.index("c") if "c" in axes else None
    drawn = np.zeros(crop.shape)
    for number in range(crop.shape[along] if along is not None else 1):
        channel, place = channels[number], [slice(None)] * crop.ndim
        if along is not None:
            place[along] = slice(number, number + 1)
        here = tuple(place)
        like = torch.from_numpy(np.moveaxis(crop[here], planes, (-2, -1)))
        noise = np.moveaxis(draw_noise(like, channel.correlation, generator).numpy(), (-2, -1), planes)
        drawn[here] = channel.strength * level_of(clean[here], axes, channel) * noise
    return drawn


def level_of(clean: NDArray[Any], axes: str, channel: Channel) -> Any:
    """Return the level of the noise of a channel at its clean values, that of every colour where they differ."""
    models = [model for model in channel.colours or (channel.noise,) if isinstance(model, Poisson) and model.gain is not None]
    if not models:
        return channel.sigma
    values = [[model.gain or 0.0, model.offset or 0.0, model.read_noise or 0.0] for model in models]
    gain, offset, read_noise = np.array(values).T
    if "s" in axes:  # of which the fourth is transparency
        along = axes.index("s")
        shape = [clean.shape[along] if axis == "s" else 1 for axis in axes]
        gain, offset, read_noise = (np.resize(each, clean.shape[along]).reshape(shape) for each in (gain, offset, read_noise))
    return np.sqrt(np.maximum(gain * (clean - offset), 0.0) + read_noise**2)
