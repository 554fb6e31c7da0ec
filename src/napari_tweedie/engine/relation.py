"""Relation of frames or planes: whether those beside one another tell enough of each other to be denoised together.

On a few squares some light is held back from all planes (`degradations.fission`); what is left is denoised with and
without the planes beside it, and the light held back says, without bias and without any truth, which of the two is nearer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie import denoisers
from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.fission import split_gaussian, split_photons
from napari_tweedie.degradations.noise import Camera, Poisson
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.denoisers.fusion import together
from napari_tweedie.denoisers.mapped import mapped
from napari_tweedie.engine.blocks import Blocks
from napari_tweedie.engine.sampling import spread
from napari_tweedie.images.arrays import fetched
from napari_tweedie.images.axes import Index, Layout, window
from napari_tweedie.images.structure import structured

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.recipe.recipe import Recipe

JUDGE = "unet-small"
"""The denoiser that planes are compared with, whatever denoises them: a fast one."""
SIDE = 160
"""Side, in pixels, of the squares that are looked at."""
PIXELS, FEWEST, MOST = 100_000, 4, 12
"""Pixels that are judged, and the fewest and most squares that they are in."""
HELD = 0.15
"""Share of the light, or of the information, that is held back."""
LEAST_GAIN = 0.002
"""Gain, in variances of the noise of a pixel, that a standard error more than what was found must reach."""


def settled(asked: Recipe, recipe: Recipe, image: Any, layout: Layout, channel: Callable[[Index], Channel]) -> tuple[Recipe, str]:
    """Return a recipe whose planes help each other only if they do, and a sentence if they do not.

    Parameters
    ----------
    asked : Recipe
        The recipe as it was given: only where it leaves open whether planes help is that looked at.
    recipe : Recipe
        What `with_neighbours` made of it: its `neighbours` says along which axis they might.
    image : array-like
        All of the image; some squares of it are read.
    layout : Layout
        Of the image.
    channel : callable
        Returns what is known of the channel of a block; it is not asked for blocks without any number.
    """
    if asked.neighbours != "auto" or not recipe.context or recipe.denoiser.context:
        return recipe, ""
    found = (_gain(recipe, image, layout, index, channel) for index in _looked_at(layout))
    gains = [gain for gain in found if gain is not None]
    if not gains:
        return recipe, ""
    mean = float(np.mean([gain for gain, _ in gains]))
    error = float(np.sqrt(sum(variance for _, variance in gains))) / len(gains)
    if mean + error >= LEAST_GAIN:
        return recipe, ""
    what = "frames" if recipe.neighbours == "t" else "planes"
    return recipe.model_copy(update={"neighbours": "none"}), (
        f"The {what} beside one another tell too little of each other, so that each was denoised alone; "
        f"neighbours: {recipe.neighbours} insists."
    )


def _looked_at(layout: Layout) -> list[Index]:
    """Return the blocks of which a square is judged."""
    area = int(np.prod([min(SIDE, length) for length in layout.block_shape]))
    return [layout.block(n) for n in spread(len(layout), min(MOST, max(FEWEST, PIXELS // area)))]


def _gain(
    recipe: Recipe, image: Any, layout: Layout, index: Index, channel: Callable[[Index], Channel]
) -> tuple[float, float] | None:
    """Return by how much planes beside a block lower the mean squared error in a square of it, and the variance of that.

    Both in variances of the noise of a pixel. None where there is nothing to compare.
    """
    cancellation_point()
    selection = layout.selection(index)
    start = [at if isinstance(at, int) else 0 for at in selection]
    stop = [at + 1 if isinstance(at, int) else length for at, length in zip(selection, layout.shape, strict=True)]
    start, stop = structured(image, start, stop, layout.axes, SIDE)
    along = layout.axes.index(recipe.neighbours)
    at = window(start[along], stop[along], layout.shape[along], recipe.context)
    place, start[along], stop[along] = start[along] - at.start, at.start, at.stop
    part = fetched(image, tuple(slice(a, b) for a, b in zip(start, stop, strict=True)))
    changed: dict[str, Any] = {"axes": layout.axes}
    if isinstance(recipe.noise, Camera):
        changed["noise"] = recipe.noise.beginning(*(start[layout.axes.index(axis)] for axis in "yx"))
    blocks = Blocks(part, recipe.model_copy(update=changed))
    every = list(blocks.layout)
    if blocks.is_empty(every[place]):
        return None
    full = [n for n, other in enumerate(every) if not blocks.is_empty(other)]
    known = channel(index).taken_for(1.0)
    if len(full) < 2 or known.pixel_level <= 0:
        return None
    planes = np.stack([blocks.samples(every[n])[0, 0] for n in full])
    with torch.no_grad():
        return _judged(planes, full.index(place), known, np.random.default_rng(0))


def _judged(planes: NDArray[Any], place: int, channel: Channel, rng: np.random.Generator) -> tuple[float, float]:
    """Do the same for planes (N, Y, X) in grey levels."""
    noise, intensity, level = channel.noise, channel.intensity, channel.pixel_level
    if channel.is_stabilised and channel.correlation is None and isinstance(noise, Poisson):
        left, held = split_photons(planes, noise, HELD, rng)
        estimates = _both(_tensor(intensity.forward(left)), level, place, channel)
        alone, helped = (torch.from_numpy(intensity.back(estimate.numpy())) for estimate in estimates)
        truth, variance = torch.from_numpy(held[place]), noise.variance(alone)
    else:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        y, other = split_gaussian(_tensor(intensity.forward(planes)), level, HELD, generator, channel.correlation)
        alone, helped = _both(y, level / (1 - HELD) ** 0.5, place, channel)
        truth, variance = other[place, 0], torch.full_like(alone, level**2)
    gain = ((alone - truth).square() - (helped - truth).square()) / variance
    doubt = 4 * (helped - alone).square() / variance * (1 - HELD) / HELD
    return float(gain.mean()), float(doubt.mean()) / gain.numel()


def _both(y: Tensor, level: float, place: int, channel: Channel) -> tuple[Tensor, Tensor]:
    """Return a plane (Y, X) of planes (N, 1, Y, X) denoised alone, and with the others."""
    denoiser = matched(denoisers.registry.build(JUDGE), channel.correlation)
    clean = torch.cat([denoiser(plane[None], level) for plane in y])
    fused = together(y, clean, [level] * len(y), place)
    helped = mapped(denoiser)(fused.plane, fused.level)
    return clean[place, 0], helped[0, 0]


def _tensor(planes: NDArray[Any]) -> Tensor:
    return torch.from_numpy(planes.astype(np.float32))[:, None]
