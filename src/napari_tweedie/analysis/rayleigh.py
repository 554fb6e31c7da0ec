"""Background of magnitudes: noise without signal has a Rayleigh distribution, whose level is that of the noise everywhere.

Squares of the image without structure tell: mean and standard deviation of Rayleigh's distribution are as 1.9 to 1, its
quantiles are known, and no part of the image is darker. Beside signal the same noise is 1.5 times as strong, and grows no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.analysis.noise_level import estimate_stack_noise_level

SIDE = 8
"""Side of a square, in pixels."""
MEAN, RATIO = (np.pi / 2) ** 0.5, (4 / np.pi - 1) ** 0.5
"""Mean over σ, and standard deviation over mean, of Rayleigh's distribution."""
NEAR, LIKE = 0.25, 0.3
"""How far mean and ratio of a square may be from these; a square's own vary by 7 and 9 %."""
FEWEST, SHARE = 24, 0.05
"""Squares of background that there must be, and which share of all."""
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
"""Quantiles that are compared."""
MISFIT = 0.035
"""How far they may be from Rayleigh's, in σ."""
COARSEST = 0.25
"""Distance of the grey levels, in σ, up to which they tell: that of single photons, 3.7 in the mean, looks alike but for 0.34."""
DARKER = 0.1
"""Share of the squares, next to those of background, that may be darker than it."""
BRIGHT = 3.0
"""How many times as bright as background the brightest percent of the squares must be."""
BESIDE = (0.7, 3.0)
"""Between which multiples of σ the noise beside signal must be; fine detail counts in."""


def rayleigh_level(planes: Sequence[NDArray[Any]], beside: bool = True) -> float | None:
    """Return the standard deviation of the noise of either part of the complex numbers that planes are magnitudes of.

    None where there is no background, or it is not that of magnitudes.

    Parameters
    ----------
    planes
        2-D arrays (Y, X) of any real dtype, missing pixels as NaN.
    beside : bool
        Whether the noise beside signal must be as strong as such noise is there.
    """
    squares = [square for plane in planes if min(plane.shape) >= 2 * SIDE for square in [_squares(plane)] if len(square)]
    if not squares or min(float(np.nanmin(plane)) for plane in planes) < 0:
        return None
    values = np.concatenate(squares)
    means, deviations = values.mean(1), values.std(1)
    varied = deviations > 0
    values, means, deviations = values[varied], means[varied], deviations[varied]
    alike = np.abs(deviations / np.maximum(means, 1e-30) / RATIO - 1) < LIKE
    if alike.sum() < FEWEST:
        return None
    level = float(np.quantile(means[alike], 0.25)) / MEAN
    for _ in range(5):
        ground = alike & (np.abs(means / (MEAN * level) - 1) < NEAR)
        if ground.sum() < max(FEWEST, SHARE * len(means)):
            return None
        level = float(np.median(means[ground])) / MEAN
    quantiles = np.quantile(values[ground] / level, QUANTILES)
    expected = np.sqrt(-2 * np.log1p(-np.array(QUANTILES)))
    step = _step(values[ground]) / level
    if step > COARSEST or np.abs(quantiles - expected).max() > MISFIT + step / 2:
        return None
    if (means < (1 - 1.5 * NEAR) * MEAN * level).sum() > DARKER * ground.sum():
        return None
    if np.quantile(means, 0.99) < BRIGHT * MEAN * level:
        return None
    if not beside:
        return level
    found = [_beside(planes, above) for above in (2 * MEAN * level, float(np.median(means[means > 2 * MEAN * level])))]
    return level if BESIDE[0] * level < min(found) and max(found) < BESIDE[1] * level else None


def _squares(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return the squares of a plane that miss no pixel, shape (squares, pixels)."""
    height, width = (length // SIDE * SIDE for length in plane.shape)
    cut = plane[:height, :width].astype(np.float64).reshape(height // SIDE, SIDE, width // SIDE, SIDE)
    found = cut.swapaxes(1, 2).reshape(-1, SIDE * SIDE)
    return np.asarray(found[np.isfinite(found).all(1)])


def _step(values: NDArray[np.float64]) -> float:
    """Return the distance of the levels of numbers that were rounded."""
    levels = np.unique(values)
    return float(np.median(np.diff(levels))) if len(levels) < values.size / 4 else 0.0


def _beside(planes: Sequence[NDArray[Any]], above: float) -> float:
    """Return the noise level where squares are brighter."""
    bright = []
    for plane in planes:
        height, width = (length // SIDE * SIDE for length in plane.shape)
        cut = plane[:height, :width].astype(np.float64)
        means = cut.reshape(height // SIDE, SIDE, width // SIDE, SIDE).mean((1, 3))
        bright.append(np.where(np.repeat(np.repeat(means, SIDE, 0), SIDE, 1) > above, cut, np.nan))
    return estimate_stack_noise_level(bright)
