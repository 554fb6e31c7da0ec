"""Outliers of a plane: hot, dead and blinking pixels and cosmic rays, which neither their neighbours nor the noise explain."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

CERTAIN = 8.0
"""Noise levels by which an outlier leaves its surroundings: white noise does so once in 10^15 pixels."""
TEXTURED = 4.0
"""The same, in standard deviations of the surroundings themselves: texture has peaks, too."""
ALONE = 0.2
"""Share of an outlier's height that all of its neighbours but one stay below. Optics spread a point over more: of a spot whose
standard deviation is half a pixel, neighbours still collect 0.23 of what its pixel does; along a line, two are as high."""
RADIUS = 2
"""Pixels around, whose median is what the surroundings are."""


def find_outliers(plane: NDArray[Any], level: float) -> NDArray[np.bool_]:
    """Find the pixels that are no noise of their surroundings, and stand alone.

    Parameters
    ----------
    plane : array
        Plane (Y, X), in units in which the noise is the same everywhere; NaN where pixels are missing.
    level : float
        Standard deviation of its noise, ≥ 0; without noise nothing is certain, and nothing is found.

    Returns
    -------
    array of bool
        True at outliers; they may come in pairs, as of two bad pixels side by side.
    """
    found = np.zeros(plane.shape, bool)
    if level <= 0 or min(plane.shape) < 3:
        return found
    known = plane[np.isfinite(plane)]
    if known.size == 0:
        return found
    values = np.asarray(plane - np.float64(known.flat[0]), dtype=np.float32)  # differences count, on whatever pedestal
    for sign in (1, -1):
        candidates = np.argwhere(_above_all_but_one(sign * values, (1 - ALONE) * CERTAIN * level))
        for y, x in candidates:
            found[y, x] |= _stands_alone(sign * values, y, x, level)
    return found


def _above_all_but_one(values: NDArray[np.float32], height: float) -> NDArray[np.bool_]:
    """Return which pixels exceed the second highest of their eight neighbours by some height."""
    padded = np.pad(np.where(np.isnan(values), -np.inf, values), 1, constant_values=-np.inf)
    rows, columns = values.shape
    highest = np.full(values.shape, -np.inf, np.float32)
    second = highest.copy()
    for dy, dx in product(range(3), range(3)):
        if (dy, dx) != (1, 1):
            neighbour = padded[dy : dy + rows, dx : dx + columns]
            np.maximum(second, np.minimum(highest, neighbour), out=second)
            np.maximum(highest, neighbour, out=highest)
    with np.errstate(invalid="ignore"):
        return np.asarray(values > second + np.float32(height))


def _stands_alone(values: NDArray[np.float32], y: int, x: int, level: float) -> bool:
    """Tell whether a pixel is far above its surroundings, and all of its neighbours but one are not."""
    around = _around(values, y, x)
    surroundings = float(np.nanmedian(around)) if np.isfinite(around).any() else np.nan
    height = float(values[y, x]) - surroundings
    near = np.delete(_around(values, y, x, 1).ravel(), np.argmax(_around(values, y, x, 1)))
    near = near[np.isfinite(near)]
    if not height > max(CERTAIN * level, TEXTURED * _spread(around, surroundings)) or near.size < 2:
        return False
    return bool(np.sort(near)[-2] - surroundings < ALONE * height)


def _spread(around: NDArray[Any], middle: float) -> float:
    """Return the standard deviation of what surrounds a pixel, by the median of distances, which outliers do not change."""
    return 1.4826 * float(np.nanmedian(np.abs(around - middle)))


def _around(values: NDArray[Any], y: int, x: int, radius: int = RADIUS) -> NDArray[Any]:
    return values[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
