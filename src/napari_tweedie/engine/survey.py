"""Survey of an image: what is found by looking at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.detail import Detail, measure_detail
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.engine.blocks import Blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.recipe.recipe import Recipe

MOST = 1024
"""Side of the middle of a plane that detail, outliers and missing pixels are looked for in."""
LOW, HIGH = 0.5, 99.5
"""Percentiles between which grey levels range."""
MOST_KNOWN = 0.98
"""Share of the pixels that must be known for the spectrum to be that of the image rather than that of the gaps."""


@dataclass(frozen=True)
class Survey:
    """What was found.

    Parameters
    ----------
    channels : list of Channel
        What is known of every channel: its noise above all.
    shown : int
        The channel that was looked at.
    detail : Detail, optional
        Its spectrum; None where the plane is too small.
    outliers : int
        Hot, dead and other pixels of the plane that nothing explains.
    missing : float
        Share of the pixels without a value.
    low, high : float
        Range of the grey levels.
    """

    channels: list[Channel]
    shown: int
    detail: Detail | None
    outliers: int
    missing: float
    low: float
    high: float

    @property
    def channel(self) -> Channel:
        """The channel that was looked at."""
        return self.channels[self.shown]

    @property
    def noise_share(self) -> float:
        """Noise level over the range of grey levels."""
        return self.channel.sigma / (self.high - self.low) if self.high > self.low else 0.0

    @property
    def photons(self) -> float:
        """Photons a pixel where the image is bright; 0 where its noise is not that of photons."""
        noise = self.channel.noise
        if not isinstance(noise, Poisson) or not noise.gain or noise.offset is None:
            return 0.0
        return max(0.0, (self.high - noise.offset) / noise.gain)


def survey(recipe: Recipe, image: Any, place: Sequence[int], **inputs: Any) -> Survey:
    """Look at an image.

    Parameters
    ----------
    recipe : Recipe
        Says the axes, and what is known of the noise.
    image : array-like
        Of the kinds that `run` takes; a few of its planes are read.
    place : sequence of int
        Where the plane lies that is looked at more closely: a position along every axis.
    **inputs
        Arrays that the recipe's methods name.

    Raises
    ------
    ValueError
        As `run`.
    """
    blocks = Blocks(image, recipe.model_copy(update={"volume": False}).with_inputs(**inputs))
    layout = blocks.layout
    index = tuple(at for at, axis in zip(place, layout.axes, strict=False) if axis not in "yxs")
    for other in layout:
        blocks.channel(other)
    channel = blocks.channel(index)
    plane = _middle(_plane(blocks, index))
    known = np.isfinite(plane)
    low, high = (float(value) for value in np.percentile(plane[known], (LOW, HIGH))) if known.any() else (0.0, 0.0)
    detail = None
    if min(plane.shape) >= 16 and known.mean() > MOST_KNOWN and np.ptp(plane[known]) > 0:
        detail = measure_detail(plane, channel.sigma, channel.correlation)
    outliers = int(channel.outliers(plane).sum()) if "s" not in layout.axes else 0
    return Survey(blocks.channels, layout.channel(index), detail, outliers, float(1 - known.mean()), low, high)


def _plane(blocks: Blocks, index: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a plane, the mean of its colours, NaN where pixels are missing or do not count."""
    block = blocks.left_out.masked(blocks.layout.read(blocks.image, index)[:, None], index)
    return np.asarray(block[:3, 0].mean(0, dtype=np.float64))


def _middle(plane: NDArray[Any]) -> NDArray[Any]:
    top, left = (max(0, (length - MOST) // 2) for length in plane.shape)
    return plane[top : top + MOST, left : left + MOST]
