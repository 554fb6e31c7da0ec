"""Outliers of a plane: hot, dead and blinking pixels and cosmic rays, which neither their neighbours nor the noise explain."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

CERTAIN, EXPECTED = 8.0, 5.0
"""Noise levels by which an outlier leaves its surroundings: white noise does so once in 10^15 pixels. Where many were found
others are expected, and less is enough."""
TEXTURED, ALTHOUGH = 4.0, 3.0
"""The same, in standard deviations of the surroundings themselves: texture has peaks, too."""
ALONE = 0.2
"""Share of an outlier's height that its neighbours stay below. Optics spread a point over more: of a spot whose standard
deviation is half a pixel, neighbours still collect 0.23 of what its pixel does."""
BEYOND = 2.0
"""Ranges of the plane above it, from which on one neighbour may be as high: two bad pixels side by side. Below, lines end so."""
STEPS = 8
"""Steps between the grey levels of a plane that an outlier exceeds: in an almost empty image each photon stands alone."""
MANY, SEVERAL, MOST = 2e-3, 20, 0.1
"""Share of the pixels, and number: images as they are have hardly ever more than 3e-4 that stand alone. What is beyond are bad
pixels, which may lie side by side, and are looked for again without those that were found. Beyond the last share the image is so.
"""
TURNS = 4
"""How often, at most."""
SEEN = 2**18
"""Pixels that tell the range of a plane."""
AT_ONCE = 2**16
"""Pixels whose surroundings are held at a time."""
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
    level = max(level, STEPS / CERTAIN * step_of(sample))
    found = _standing_alone(values, level, low, high)
    for _ in range(TURNS if found.sum() > max(SEVERAL, MANY * found.size) else 0):
        new = _standing_alone(np.where(found, np.float32(np.nan), values), level, low, high, expected=True)
        found |= new
        if new.sum() <= MANY * found.sum():
            break
    return found if found.mean() <= MOST else np.zeros_like(found)


def _standing_alone(
    values: NDArray[np.float32], level: float, low: float, high: float, expected: bool = False
) -> NDArray[np.bool_]:
    """Return the pixels that stand alone, or, where bad pixels are expected, by two, beyond a range or inside it."""
    found = np.zeros(values.shape, bool)
    certain, textured, members = (EXPECTED, ALTHOUGH, 2) if expected else (CERTAIN, TEXTURED, 1)
    for sign, end in ((1, high), (-1, -low)):
        signed, height = sign * values, (1 - ALONE) * certain * level
        extreme = signed > end + BEYOND * (high - low)
        highest = _second_neighbour(signed) if expected else _highest_neighbour(signed)
        above = signed > highest + np.float32(height)
        if not expected and (extreme & ~above).any():
            above |= extreme & (signed > _second_neighbour(signed) + np.float32(height))
        rows, columns = np.nonzero(above)
        for part in range(0, len(rows), AT_ONCE):
            place = rows[part : part + AT_ONCE], columns[part : part + AT_ONCE]
            found[place] = _stand_alone(signed, *place, certain * level, textured, np.maximum(members, 1 + extreme[place]))
    return found


def step_of(values: NDArray[Any]) -> float:
    """Return the smallest distance between two of some grey levels."""
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


def _second_neighbour(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the second highest of the eight neighbours of every pixel."""
    framed = _framed(values)
    height, width = values.shape
    highest = np.full(values.shape, -np.inf, np.float32)
    second = highest.copy()
    for dy, dx in product(range(3), range(3)):
        if (dy, dx) != (1, 1):
            near = framed[dy : dy + height, dx : dx + width]
            second = np.maximum(second, np.minimum(highest, near))
            highest = np.maximum(highest, near)
    return second


def _stand_alone(
    values: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    least: float,
    textured: float,
    members: NDArray[np.int_],
) -> NDArray[np.bool_]:
    """Tell which pixels are at least so far above their surroundings, and so are fewer than `members` of their neighbours."""
    wide, near = around(values, rows, columns, RADIUS), around(values, rows, columns, 1)
    count = np.isfinite(near).sum(1) - members  # the pixel itself is among the highest
    surroundings = np.nanmedian(wide, 1)
    spread = 1.4826 * np.nanmedian(np.abs(wide - surroundings[:, None]), 1)  # which outliers do not change
    height = values[rows, columns] - surroundings
    ordered = np.sort(near, 1)  # NaN last
    highest = np.take_along_axis(ordered, np.maximum(count - 1, 0)[:, None], 1)[:, 0]
    far = height > np.maximum(least, textured * spread)
    return np.asarray((count >= 2) & far & (highest - surroundings < ALONE * height))


def around(plane: NDArray[Any], rows: NDArray[np.intp], columns: NDArray[np.intp], radius: int) -> NDArray[np.float64]:
    """Return pixels of a plane and what surrounds them, shape (N, (2 · radius + 1)²), row by row, NaN beyond the border."""
    framed = np.pad(plane.astype(np.float64), radius, constant_values=np.nan)
    near = np.arange(2 * radius + 1)
    pixels = framed[rows[:, None, None] + near[:, None], columns[:, None, None] + near]
    return np.asarray(pixels.reshape(len(rows), near.size**2))
