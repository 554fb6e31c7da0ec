"""Sampling patterns of k-space: which frequencies a simulated scan measures, always with the middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.degradations.linear_algebra import Shape

GOLDEN_ANGLE = np.pi * (3 - 5**0.5) / 2
"""Angle between spokes, 68.75°, that spreads any number of diameters about evenly."""
OUTSIDE, NEARER, ASIDE, MOST = 0.2, 0.9, 0.12, 0.7
"""Where a pattern is looked at, as a part of its lengths from the middle; how much nearer, and how far aside in radians, other
places are; the share of them that is measured along diameters: 0.8 at accelerations of 3 to 8, at most 0.6 of other patterns."""
DENSITY_POWER = 3.0
"""Power with which the density of points falls from the middle to the corners."""


def _middle(length: int, centre: float) -> slice:
    count = max(1, round(centre * length))
    return slice(length // 2 - count // 2, length // 2 - count // 2 + count)


def _choose(known: NDArray[np.bool_], acceleration: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Add random elements to `known` until one in `acceleration` is chosen."""
    free = np.flatnonzero(~known)
    count = max(0, round(known.size / acceleration) - int(known.sum()))
    known.flat[rng.choice(free, count, replace=False)] = True
    return known


def _cartesian(shape: Shape, acceleration: float, centre: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    rows = np.zeros(shape[0], bool)
    rows[_middle(shape[0], centre)] = True
    return np.broadcast_to(_choose(rows, acceleration, rng)[:, None], shape).copy()


def _random(shape: Shape, acceleration: float, centre: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    points = np.zeros(shape, bool)
    points[tuple(_middle(length, centre) for length in shape)] = True
    return _choose(points, acceleration, rng)


def _radial(shape: Shape, acceleration: float, centre: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    points = np.zeros(shape, bool)
    points[tuple(_middle(length, centre) for length in shape)] = True
    radii = np.arange(-max(shape), max(shape) + 1) / 2
    angle = rng.uniform(0, np.pi)
    for _ in range(4 * sum(shape)):
        if points.mean() >= 1 / acceleration:
            break
        direction = zip(shape, (np.sin(angle), np.cos(angle)), strict=True)
        y, x = (np.rint(n // 2 + n / max(shape) * radii * part).astype(int) for n, part in direction)
        inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        points[y[inside], x[inside]] = True
        angle += GOLDEN_ANGLE
    return points


def _variable_density(shape: Shape, acceleration: float, centre: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Points are the likelier the nearer they are to the middle, falling as a power of the distance (Lustig et al. 2007)."""
    points = np.zeros(shape, bool)
    points[tuple(_middle(length, centre) for length in shape)] = True
    y, x = np.meshgrid(*(np.arange(length) / length - 0.5 for length in shape), indexing="ij")
    likely = (1 - np.hypot(y, x) * 2**0.5).clip(0.02) ** DENSITY_POWER
    drawn = np.log(likely) - np.log(-np.log(rng.uniform(1e-12, 1, shape)))  # the largest are a draw without replacement
    drawn[points] = -np.inf
    count = max(0, round(points.size / acceleration) - int(points.sum()))
    points.flat[np.argsort(-drawn, axis=None)[:count]] = True
    return points


def kind_of(mask: NDArray[np.bool_]) -> str:
    """Return what a pattern is made of: ``"cartesian"``, whole rows or columns, ``"radial"``, diameters, or ``"points"``.

    Diameters are known by this: nearer to the middle in the same direction is measured, too, and a little aside is not.
    """
    if (mask == mask[:, :1]).all() or (mask == mask[:1]).all():
        return "cartesian"
    middle, lengths = np.array(mask.shape) // 2, np.array(mask.shape)
    places = (np.argwhere(mask) - middle) / lengths
    places = places[np.abs(places).max(1) > OUTSIDE]
    turned = places @ np.array([[np.cos(ASIDE), np.sin(ASIDE)], [-np.sin(ASIDE), np.cos(ASIDE)]])

    def measured(found: NDArray[np.float64]) -> float:
        y, x = (np.rint(found * NEARER * lengths).astype(int) + middle).clip(0, lengths - 1).T
        return float(mask[y, x].mean()) if len(found) else 0.0

    return "radial" if measured(places) > MOST > measured(turned) else "points"


PATTERNS = {"cartesian": _cartesian, "radial": _radial, "random": _random, "variable-density": _variable_density}
