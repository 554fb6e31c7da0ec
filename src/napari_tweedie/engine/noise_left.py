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

from napari_tweedie.core.results import last
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
    if recipe.job == "denoise":
        return Left(sigma, "the error that its denoiser expects", removed)
    return Left(sigma, "what of the noise reached its result", removed)


def _again(run: Run, start: Start) -> float:
    """Return the level by running the step twice on a crop, with the noise that was found, and with a little more."""
    blocks, recipe = run.blocks, run.recipe
    crop = fetched(blocks.image, _crop(blocks, recipe.neighbours if recipe.context else "")).astype(np.float64)
    channels = dict(enumerate(blocks.channels))
    if len(channels) < (blocks.layout.shape[blocks.layout.axes.index("c")] if "c" in blocks.layout.axes else 1):
        channels = dict.fromkeys(range(64), blocks.channels[0])
    clean = _last(start(recipe, crop, channels))
    noise = _noise(crop, blocks.layout.axes, channels, clean if clean.shape == crop.shape else crop)
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


def _noise(crop: NDArray[Any], axes: str, channels: Mapping[int, Channel], clean: NDArray[Any]) -> NDArray[np.float64]:
    """Draw noise as every channel has it: as strong as at the clean values, and alike in neighbours where it is correlated."""
    random = np.random.default_rng(0)
    along = axes.index("c") if "c" in axes else None
    drawn = np.zeros(crop.shape)
    for number in range(crop.shape[along] if along is not None else 1):
        channel, place = channels[number], [slice(None)] * crop.ndim
        if along is not None:
            place[along] = slice(number, number + 1)
        here = tuple(place)
        white = random.standard_normal(crop[here].shape)
        if channel.correlation is not None:
            white = _coloured(white, channel.correlation.autocorrelation(), (axes.index("y"), axes.index("x")))
        drawn[here] = channel.strength * _level(clean[here], axes, channel) * white
    return drawn


def _level(clean: NDArray[Any], axes: str, channel: Channel) -> Any:
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


def _coloured(white: NDArray[np.float64], r: NDArray[np.float64], planes: tuple[int, int]) -> NDArray[np.float64]:
    """Filter white noise so that neighbours along two axes correlate by r, which is 1 in its middle."""
    moved, middle = np.moveaxis(white, planes, (-2, -1)), len(r) // 2
    reach = [min(middle, (length - 1) // 2) for length in moved.shape[-2:]]
    near = r[middle - reach[0] : middle + reach[0] + 1, middle - reach[1] : middle + reach[1] + 1]
    kernel = np.zeros(moved.shape[-2:])
    kernel[: near.shape[0], : near.shape[1]] = near
    power = np.clip(np.fft.fft2(np.roll(kernel, (-reach[0], -reach[1]), (0, 1))).real, 0, None)
    coloured = np.fft.ifft2(np.fft.fft2(moved) * np.sqrt(power)).real
    return np.moveaxis(coloured, (-2, -1), planes)
