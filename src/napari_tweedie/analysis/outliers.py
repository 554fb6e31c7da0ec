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
"""Share of an outlier's height that its neighbours stay below. Optics spread a point over more: of a spot whose standard
deviation is half a pixel, neighbours still collect 0.23 of what its pixel does."""
BEYOND = 2.0
"""Ranges of the plane above it, from which on one neighbour may be as high: two bad pixels side by side. Below, lines end so."""
STEPS = 8
"""Steps between the grey levels of a plane that an outlier exceeds: in an almost empty image each photon stands alone."""
MOST = 0.01
"""Share of the pixels; where more stand alone, that is what the image is like."""
SEEN = 2**18
"""Pixels that tell the range of a plane."""
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
        True at outliers.
    """
    found = np.zeros(plane.shape, bool)
    if level <= 0 or min(plane.shape) < 3:
        return found
    known = plane[np.isfinite(plane)]
    if known.size == 0:
        return found
    values = np.subtract(plane, np.float64(known.flat[0]), dtype=np.float64).astype(
        np.float32
    )  # differences count, on whatever pedestal
    sample = values[np.isfinite(values)][:: max(1, values.size // SEEN)]
    low, high = np.percentile(sample, (0.5, 99.5))
    level = max(level, STEPS / CERTAIN * _step(sample))
    for sign, end in ((1, high), (-1, -low)):
        signed, height = sign * values, (1 - ALONE) * CERTAIN * level
        extreme = signed > end + BEYOND * (high - low)
        above = signed > _highest_neighbour(signed) + np.float32(height)
        rows, columns = np.nonzero(extreme & ~above)
        above[rows, columns] = signed[rows, columns] > _second_neighbour(signed, rows, columns) + np.float32(height)
        for y, x in np.argwhere(above):
            found[y, x] = _stands_alone(signed, y, x, level, 1 + extreme[y, x])
    return found if found.mean() <= MOST else np.zeros_like(found)


def _step(values: NDArray[np.float32]) -> float:
    """Return the smallest distance between two grey levels."""
    levels = np.unique(values)
    return float(np.diff(levels).min()) if levels.size > 1 else 0.0


def _framed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.pad(np.where(np.isnan(values), -np.inf, values), 1, constant_values=-np.inf)


def _highest_neighbour(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the highest of the eight neighbours of every pixel."""
    framed = _framed(values)
    beside = np.maximum(framed[:, :-2], framed[:, 2:])
    three = np.maximum(beside, framed[:, 1:-1])
    return np.maximum(beside[1:-1], np.maximum(three[:-2], three[2:]))


def _second_neighbour(values: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the second highest of the eight neighbours of some pixels."""
    if not rows.size:
        return np.empty(0, np.float32)
    framed = _framed(values)
    near = [framed[rows + dy, columns + dx] for dy, dx in product(range(3), range(3)) if (dy, dx) != (1, 1)]
    return np.asarray(np.partition(near, -2, axis=0)[-2])


def _stands_alone(values: NDArray[np.float32], y: int, x: int, level: float, members: int) -> bool:
    """Tell whether a pixel is far above its surroundings, and so are fewer than `members` of its neighbours."""
    around, near = _around(values, y, x), np.sort(_around(values, y, x, 1), axis=None)
    near = near[np.isfinite(near)][:-members]  # the pixel itself is among the highest
    if near.size < 2:
        return False
    surroundings = float(np.nanmedian(around))
    height = float(values[y, x]) - surroundings
    far = height > max(CERTAIN * level, TEXTURED * _spread(around, surroundings))
    return bool(far and near[-1] - surroundings < ALONE * height)


def _spread(around: NDArray[Any], middle: float) -> float:
    """Return the standard deviation of what surrounds a pixel, by the median of distances, which outliers do not change."""
    return 1.4826 * float(np.nanmedian(np.abs(around - middle)))


def _around(values: NDArray[Any], y: int, x: int, radius: int = RADIUS) -> NDArray[Any]:
    return values[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
