"""Spots: isolated beads of an image, each in a box of its own, centred to a part of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, median_filter, shift

from napari_tweedie.degradations.psf_noise import outermost

Array = NDArray[np.float64]

BRIGHT = 8.0
"""Standard deviations of the noise by which a bead exceeds the background."""
FAINTEST = 0.02
"""Least height of a bead as a share of the brightest: where there is hardly noise, specks would count."""
MOST = 200
"""Beads that are looked at, at most: the brightest."""
ALIKE = 0.8
"""Correlation with the median of all beads below which a spot is no single bead: a pair, a larger grain, dust."""
WIDER, DARK, SURE, TRIED = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0), 0.03, 4.0, 20
"""Boxes that are tried, as multiples of the first; the share of light, and how many standard errors of it, below which a wider
one is not worth it; beads for that."""
WIDE = 0.9
"""Quantile of how far spots reach, along an axis, that counts as the widest: a pair reaches further."""
SATURATED = 3
"""Pixels of the largest value of an image, in one bead, from which on it counts as saturated."""


@dataclass(frozen=True)
class Spots:
    """Single beads of an image.

    Parameters
    ----------
    boxes : list of array
        A bead each, its centre in the middle pixel, without background, in grey levels.
    places : array
        Where they lie, (count, axes), in pixels.
    left_out : str
        How many were left out and why; empty: none.
    """

    boxes: list[Array]
    places: Array
    left_out: str


def spots_of(image: NDArray[np.generic], radius: tuple[int, ...] | None = None, near: int | None = None) -> Spots:
    """Return the single beads of an image or stack, the brightest first.

    Parameters
    ----------
    image, radius
        As in `psf_of_beads`.
    near : int, optional
        How many beads around it one must look like, where they differ over the field; by default all. The widest of the bright
        spots, not the brightest, then says how far they reach.

    Raises
    ------
    ValueError
        If there is none.
    """
    volume = np.asarray(image, np.float64)
    if not np.isfinite(volume).all():
        raise ValueError("the image of beads holds values that are not finite: replace them")
    level = float(np.median(volume))
    smooth = gaussian_filter(volume, 1.0)
    bright = smooth - level > max(BRIGHT * _noise(volume), FAINTEST * float(smooth.max() - level))
    if radius is None:
        radius = _lit(volume, smooth, bright, _reach(volume, smooth, level))
    if near is not None:
        radius = _widest(volume, smooth, bright, radius, level)
    boxes, kept, counts = _isolated(volume, smooth, bright, radius, MOST)
    places = np.array(kept).reshape(-1, volume.ndim)
    alike = np.array(_alike(boxes, None if near is None else _nearest(places, near)), bool)
    counts["unlike the others"] = len(boxes) - int(alike.sum())
    left_out = ", ".join(f"{count} {why}" for why, count in counts.items() if count)
    if not alike.any():
        raise ValueError(
            f"no isolated bead was found{f' ({left_out})' if left_out else ''}: give an image with beads that stand out of its "
            "noise, or a smaller radius where they lie close together or at the border"
        )
    return Spots([box for box, same in zip(boxes, alike, strict=True) if same], places[alike], left_out)


def _reach(volume: Array, smooth: Array, level: float, place: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """Return three times the half width of the spot at a place, of the brightest if none is given, along every axis."""
    place = tuple(map(int, np.unravel_index(int(smooth.argmax()), smooth.shape))) if place is None else place
    reach = []
    for axis, n in enumerate(volume.shape):
        line = smooth[tuple(slice(None) if other == axis else p for other, p in enumerate(place))] - level
        middle = int(place[axis])
        below = [np.flatnonzero(side < line[middle] / 2) for side in (line[middle:], line[middle::-1])]
        half = min((int(found[0]) for found in below if len(found)), default=2)
        reach.append(int(np.clip(3 * half, 3, max(3, (n - 3) // 2))))
    return tuple(reach)


def _isolated(
    volume: Array, smooth: Array, bright: NDArray[np.bool_], radius: tuple[int, ...], most: int
) -> tuple[list[Array], list[Array], dict[str, int]]:
    """Return the boxes around the brightest spots that are alone in theirs, where they lie, and what was left out."""
    peaks = (smooth == maximum_filter(smooth, tuple(2 * r + 1 for r in radius))) & bright
    places = np.argwhere(peaks)
    places = places[np.argsort(smooth[tuple(places.T)])[::-1]]
    counts = {"too close to the border": 0, "saturated": 0, "unlike the others": 0}
    boxes, kept = [], []
    for place in places:
        if any(p < r + 1 or p + r + 1 >= n for p, r, n in zip(place, radius, volume.shape, strict=True)):
            counts["too close to the border"] += 1
            continue
        box = volume[tuple(slice(p - r - 1, p + r + 2) for p, r in zip(place, radius, strict=True))]
        if (box == volume.max()).sum() >= SATURATED:
            counts["saturated"] += 1
            continue
        centred, offset = _centred(box)
        boxes.append(centred)
        kept.append(place + offset)
        if len(boxes) == most:
            break
    return boxes, kept, counts


def _alike(boxes: list[Array], groups: Sequence[Sequence[int]] | None = None) -> list[bool]:
    """Tell of every box whether it looks like the median of all, or of the group that is given for it."""
    relative = [box / box.sum() for box in boxes]
    groups = [range(len(boxes))] * len(boxes) if groups is None else groups
    typical = [np.median([relative[n] for n in group], axis=0) for group in groups]
    return [bool(np.corrcoef(box.ravel(), other.ravel())[0, 1] > ALIKE) for box, other in zip(boxes, typical, strict=True)]


def _nearest(places: Array, count: int) -> list[list[int]]:
    """Return for every place the numbers of those nearest to it, itself among them."""
    return [np.argsort(((places - place) ** 2).sum(1))[:count].tolist() for place in places]


def _widest(volume: Array, smooth: Array, bright: NDArray[np.bool_], radius: tuple[int, ...], level: float) -> tuple[int, ...]:
    """Return how far the widest of the bright spots reach, at least as far as is said."""
    peaks = np.argwhere((smooth == maximum_filter(smooth, tuple(2 * r + 1 for r in radius))) & bright)
    if not len(peaks):
        return radius
    own = [_reach(volume, smooth, level, tuple(place)) for place in peaks]
    return tuple(max(r, int(np.quantile(other, WIDE))) for r, other in zip(radius, zip(*own, strict=True), strict=True))


def _lit(volume: Array, smooth: Array, bright: NDArray[np.bool_], radius: tuple[int, ...]) -> tuple[int, ...]:
    """Widen a box as long as beads bring light from further out, and half of them, or the only one, have room for it.

    Out of focus, a widefield microscope spreads half of the light and more beyond the widths of the spot.
    """
    first = radius
    boxes, places, _ = _isolated(volume, smooth, bright, first, TRIED)
    alike = np.array(_alike(boxes), bool)
    if not alike.any():
        return first
    sigma, room = _noise(volume), _room(np.array(places)[alike], volume.shape)
    for factor in WIDER:
        wider = tuple(max(r, min(round(factor * r), most)) for r, most in zip(first, room, strict=True))
        boxes, *_ = _isolated(volume, smooth, bright, wider, TRIED)
        if wider == radius or sum(_alike(boxes)) < max(1, alike.sum() / 2):
            break
        mean = np.mean(boxes, axis=0)
        outside = np.ones(mean.shape, bool)
        outside[tuple(slice(w - r, w + r + 1) for w, r in zip(wider, radius, strict=True))] = False
        count, border = int(outside.sum()), outermost(mean).size
        error = sigma * (count / len(boxes)) ** 0.5 * (1 + 1.25 * (count / border) ** 0.5)
        if mean[outside].sum() < max(DARK * mean.sum(), SURE * error):
            break
        radius = wider
    return radius


def _room(places: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far the boxes of half of the beads may reach along every axis, from what surrounds them."""
    nearest = np.rint(np.minimum(places, np.array(shape) - 1 - places)).astype(int) - 1
    return tuple(int(n) for n in np.quantile(nearest, 0.5, axis=0, method="lower"))


def _centred(box: Array) -> tuple[Array, Array]:
    """Return a box, smaller by a pixel on every side, with the centre of its bead in the middle and no background; and by what.

    The centre is that of mass of what is above half of the maximum, found again in the moved box.
    """
    border = np.ones(box.shape, bool)
    border[tuple(slice(1, -1) for _ in box.shape)] = False
    box = box - np.median(box[border])
    total = np.zeros(box.ndim)
    moved = box
    for _ in range(3):
        weights = np.clip(moved - moved.max() / 3, 0, None)
        middle = [
            (weights * grid).sum() / weights.sum() - n // 2 for grid, n in zip(np.indices(box.shape), box.shape, strict=True)
        ]
        total = total + middle
        moved = shift(box, -total, order=3, mode="nearest")
    return moved[tuple(slice(1, -1) for _ in box.shape)], total


def _noise(volume: Array) -> float:
    rest = volume - median_filter(volume, 3)
    return float(1.4826 * np.median(np.abs(rest - np.median(rest)))) or 1e-3 * float(np.ptp(volume)) or 1.0
