"""Impulse noise: pixels that were set to an end of the range, wherever they lie, such as salt and pepper, or stuck pixels.

What stands alone among its neighbours is an outlier; where impulses are dense they have each other for neighbours, and they are
told by their value instead: far more pixels have it than the next grey level, and many of these lie in no surroundings of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.analysis.outliers import AT_ONCE, around, step_of

LEAST_SHARE, FEWEST = 2e-3, 30
"""Share of the pixels, and number, that impulses of one value are at least; fewer are single outliers."""
PILED = 3
"""How many times as many pixels have the value as have the next grey level."""
CERTAIN, LIKELY = 6.0, 2.0
"""Standard deviations of its surroundings by which a pixel leaves them: to prove impulses, and to be one once they are proven."""
NOISE, SATURATED = 3.0, 0.4
"""Standard deviations of the noise that an impulse differs by, and share of its surroundings that may have its value; where more
have it, it is that of the image."""
TOGETHER, CHANCE, CLUSTERED = 0.05, 2.0, 0.25
"""Share of the surroundings of impulses that may have their value, beyond so many times that of all pixels, and at most."""
RADIUS, KNOWN = 2, 4
"""Pixels around one that are its surroundings, and how many of them must hold another value than an end."""
SEEN = 2**13
"""Pixels of a plane that are looked at to prove impulses."""
MOST = 4
"""Grey levels that are looked at."""
COUNTED = 2**18
"""Pixels that tell how often grey levels are."""
DISTANCES = np.add.outer(np.arange(-RADIUS, RADIUS + 1) ** 2, np.arange(-RADIUS, RADIUS + 1) ** 2).ravel().astype(float)
"""Squared distances of what surrounds a pixel, and of the pixel itself."""


def impulse_values(planes: Sequence[NDArray[Any]]) -> tuple[float, ...]:
    """Return the grey levels that impulses have, in most images the ends of the range; none where there are no impulses.

    Parameters
    ----------
    planes : sequence of array
        Planes (Y, X) in grey levels, NaN where pixels are missing.
    """
    piled = _piled(planes)
    found = [value for value in piled if _is_scattered(planes, value, piled)]
    if not found:
        return ()
    finite = [plane[np.isfinite(plane)] for plane in planes]
    ends = {float(end(values)) for values in finite if values.size for end in (np.min, np.max)}
    every = sorted({*found, min(ends), max(ends)})  # salt comes with pepper, which in a dark image is hardly rarer without
    return tuple(value for value in every if value in found or _is_scattered(planes, value, every))


def find_impulses(
    plane: NDArray[Any], values: Sequence[float], level: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
) -> NDArray[np.bool_]:
    """Find the pixels that have one of the grey levels of impulses, and do not look as if they belonged there.

    Parameters
    ----------
    plane : array
        Plane (Y, X) in grey levels, NaN where pixels are missing.
    values : sequence of float
        What `impulse_values` found.
    level : callable, optional
        Returns the standard deviation of the noise where the image has given grey levels; where it is known those in texture
        and at edges are found, too.

    Returns
    -------
    array of bool
        True at impulses.
    """
    found = np.zeros(plane.shape, bool)
    known = _known(plane, values) if values else found
    for value in values:
        rows, columns = np.nonzero(plane == value)
        middle, spread = _surroundings(plane, known, rows, columns)
        distance = np.abs(value - middle)
        leave = distance > LIKELY * spread
        if level is not None:
            leave |= (distance > NOISE * level(middle)) & (_alike(plane == value, rows, columns) <= SATURATED)
        found[rows, columns] = leave
    return found


def resampled(plane: NDArray[Any], impulses: NDArray[np.bool_]) -> NDArray[Any]:
    """Return a plane in whose impulses there is noise as around them, so that the noise can be measured.

    An impulse becomes the mean of the nearest pixels and what another one nearby differs from the mean around it by; NaN where
    too little is known around it.
    """
    if not impulses.any():
        return plane
    rng = np.random.default_rng(0)
    kept = np.where(impulses, np.nan, plane.astype(np.float64))
    made = kept.copy()
    rows, columns = np.nonzero(impulses)
    for part in range(0, len(rows), AT_ONCE):
        place = rows[part : part + AT_ONCE], columns[part : part + AT_ONCE]
        near = around(kept, *place, RADIUS)
        count = np.isfinite(near).sum(1)
        usable = count >= KNOWN
        place, near, count = (place[0][usable], place[1][usable]), near[usable], count[usable]
        nearest = np.sort(np.where(np.isfinite(near), DISTANCES, np.inf), 1)[:, KNOWN - 1 : KNOWN]
        mean = np.nanmean(np.where(nearest >= DISTANCES, near, np.nan), 1)
        chance = np.argmin(np.where(np.isfinite(near), rng.random(near.shape), np.inf), 1)
        other = near[np.arange(len(chance)), chance] - np.nanmean(near, 1)
        made[place] = mean + other * np.sqrt((1 - 1 / KNOWN) / (1 - 1 / count))
    return made.astype(plane.dtype) if plane.dtype.kind == "f" else made.astype(np.float32)


def _piled(planes: Sequence[NDArray[Any]]) -> tuple[float, ...]:
    """Return the grey levels that far more pixels have than the next ones, at most `MOST` of them."""
    finite = [plane[np.isfinite(plane)] for plane in planes]
    every = max(1, sum(values.size for values in finite) // COUNTED)
    values, counts = np.unique(np.concatenate([each[::every] for each in finite]), return_counts=True)
    if len(values) < 2:
        return ()
    beside = np.maximum(np.append(counts[1:], 0), np.append(0, counts[:-1]))
    piled = np.nonzero((counts > PILED * beside) & (every * counts >= FEWEST) & (counts >= LEAST_SHARE * counts.sum()))[0]
    return tuple(float(values[n]) for n in sorted(piled[np.argsort(-counts[piled], kind="stable")[:MOST]]))


def _is_scattered(planes: Sequence[NDArray[Any]], value: float, ends: Sequence[float]) -> bool:
    """Tell whether enough pixels of a value leave their surroundings, each by itself."""
    certain, seen, pixels, at_value, together = 0, 0, 0, 0, 0.0
    for plane in planes:
        rows, columns = np.nonzero(plane == value)
        pixels, at_value = pixels + plane.size, at_value + len(rows)
        if not rows.size:
            continue
        step = -(-len(rows) // SEEN)
        rows, columns = rows[::step], columns[::step]
        middle, spread = _surroundings(plane, _known(plane, ends), rows, columns)
        far = np.abs(value - middle) > CERTAIN * spread
        alike = _alike(plane == value, rows[far], columns[far])
        certain, seen, together = certain + step * len(alike), seen + len(alike), together + float(alike.sum())
    enough = certain >= max(FEWEST, LEAST_SHARE * pixels)
    return enough and together / seen <= min(TOGETHER + CHANCE * at_value / pixels, CLUSTERED)


def _known(plane: NDArray[Any], values: Sequence[float]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(plane) & ~np.isin(plane, np.asarray(values, plane.dtype)))


def _surroundings(
    plane: NDArray[Any], known: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the median of what is known around pixels, and by how much it varies, at least a grey level; NaN: too little is."""
    middle, spread = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    kept = np.where(known, plane, np.nan)
    for part in range(0, len(rows), AT_ONCE):
        place = slice(part, part + AT_ONCE)
        near = around(kept, rows[place], columns[place], RADIUS)
        enough = np.isfinite(near).sum(1) >= KNOWN
        middle[place][enough] = np.nanmedian(near[enough], 1)
        spread[place][enough] = 1.4826 * np.nanmedian(np.abs(near - middle[place][:, None])[enough], 1)
    levels = plane[known]
    step = step_of(levels[:: max(1, levels.size // SEEN)])
    return middle, np.maximum(spread, max(step, float(np.finfo(np.float64).tiny)))


def _alike(at: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return which share of the pixels around some have their value, too."""
    near = around(at, rows, columns, RADIUS)
    return np.asarray((np.nansum(near, 1) - 1) / (near.shape[1] - 1))
