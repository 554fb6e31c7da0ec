"""Point-spread function from beads: isolated maxima, centred to a part of a pixel, averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, median_filter, shift

from napari_tweedie.degradations.psf_noise import noise as border_noise
from napari_tweedie.degradations.psf_noise import without_noise

Array = NDArray[np.float64]

BRIGHT = 8.0
"""Standard deviations of the noise by which a bead exceeds the background."""
FAINTEST = 0.02
"""Least height of a bead as a share of the brightest: where there is hardly noise, specks would count."""
FEWEST, MOST = 3, 200
"""Beads that an average takes at least and at most: the brightest."""
ALIKE = 0.8
"""Correlation with the median of all beads below which a spot is no single bead: a pair, a larger grain, dust."""
WIDER, DARK, TRIED = (1.5, 2.0, 2.5, 3.0), 0.03, 20
"""Boxes that are tried, as multiples of the first; the share of light below which a wider one is not worth it; beads for that."""
SATURATED = 3
"""Pixels of the largest value of an image, in one bead, from which on it counts as saturated."""


@dataclass(frozen=True)
class Beads:
    """What beads tell of a microscope.

    Parameters
    ----------
    psf : array
        Their mean, of odd sides, its centre in the middle pixel, without background and noise, of sum 1.
    fwhm : tuple of float
        Full width at half maximum along every axis, in pixels.
    spread : tuple of float
        Standard deviation of that from bead to bead.
    places : array
        Where the beads lie, (count, axes), in pixels.
    notes : list of str
        What was left out and why, a sentence each.
    """

    psf: Array
    fwhm: tuple[float, ...]
    spread: tuple[float, ...]
    places: Array
    notes: list[str]


def psf_of_beads(image: NDArray[np.generic], radius: tuple[int, ...] | None = None) -> Beads:
    """Return the mean of the beads of an image or stack.

    Parameters
    ----------
    image : array
        (Y, X) or (Z, Y, X), of beads smaller than the point-spread function, in grey levels.
    radius : tuple of int, optional
        How far the function reaches along every axis, in pixels; by default three times the width of the brightest spot, or
        further where beads still bring light from there.

    Raises
    ------
    ValueError
        If there are fewer than `FEWEST` isolated beads; the message says why spots were left out.
    """
    volume = np.asarray(image, np.float64)
    if not np.isfinite(volume).all():
        raise ValueError("the image of beads holds values that are not finite: replace them")
    level = float(np.median(volume))
    smooth = gaussian_filter(volume, 1.0)
    bright = smooth - level > max(BRIGHT * _noise(volume), FAINTEST * float(smooth.max() - level))
    if radius is None:
        radius = _lit(volume, smooth, bright, _reach(volume, smooth, level))
    boxes, kept, counts = _isolated(volume, smooth, bright, radius, MOST)
    alike = _alike(boxes)
    counts["unlike the others"] = len(boxes) - sum(alike)
    boxes = [box for box, same in zip(boxes, alike, strict=True) if same]
    left_out = ", ".join(f"{count} {why}" for why, count in counts.items() if count)
    if len(boxes) < FEWEST:
        count = "1 isolated bead was" if len(boxes) == 1 else f"{len(boxes)} isolated beads were"
        raise ValueError(
            f"{count} found, {FEWEST} are needed{f' ({left_out})' if left_out else ''}: give more of "
            "them, or a smaller radius where they lie close together"
        )
    total = np.sum(boxes, axis=0)
    sigma = border_noise(total)
    clean = without_noise(total, sigma)[0] if sigma else total
    psf = np.clip(clean if clean.any() else total, 0, None)
    widths = np.array([widths_of(box) for box in boxes])
    notes = [f"{len(boxes)} beads were averaged{f'; left out: {left_out}' if left_out else ''}."]
    return Beads(psf / psf.sum(), widths_of(psf), tuple(np.nanstd(widths, axis=0)), np.array(kept)[np.array(alike)], notes)


def widths_of(psf: Array) -> tuple[float, ...]:
    """Return the full width at half maximum along every axis, through the middle pixel, between pixels linearly; NaN: wider."""
    widths = []
    for axis, n in enumerate(psf.shape):
        line = psf[tuple(slice(None) if other == axis else m // 2 for other, m in enumerate(psf.shape))]
        half, middle, ends = line[n // 2] / 2, n // 2, []
        for side in (line[middle:], line[middle::-1]):
            below = np.flatnonzero(side < half)
            k = int(below[0]) if len(below) else 0
            ends.append(k - 1 + (side[k - 1] - half) / (side[k - 1] - side[k]) if k else np.nan)
        widths.append(float(sum(ends)))
    return tuple(widths)


def _reach(volume: Array, smooth: Array, level: float) -> tuple[int, ...]:
    """Return three times the half width of the brightest spot, along every axis."""
    place = np.unravel_index(int(smooth.argmax()), smooth.shape)
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


def _alike(boxes: list[Array]) -> list[bool]:
    """Tell of every box whether it looks like the median of all."""
    typical = np.median([box / box.sum() for box in boxes], axis=0) if boxes else np.zeros(0)
    return [bool(np.corrcoef(box.ravel(), typical.ravel())[0, 1] > ALIKE) for box in boxes]


def _lit(volume: Array, smooth: Array, bright: NDArray[np.bool_], radius: tuple[int, ...]) -> tuple[int, ...]:
    """Widen a box as long as beads bring light from further out, and enough of them have room for it.

    Out of focus, a widefield microscope spreads half of the light and more beyond the widths of the spot.
    """
    first = radius
    count = sum(_alike(_isolated(volume, smooth, bright, first, TRIED)[0]))
    for factor in WIDER:
        wider = tuple(round(factor * r) for r in first)
        boxes, *_ = _isolated(volume, smooth, bright, wider, TRIED)
        if sum(_alike(boxes)) < max(FEWEST, count / 2):
            break
        mean = np.mean(boxes, axis=0)
        outside = np.ones(mean.shape, bool)
        outside[tuple(slice(w - r, w + r + 1) for w, r in zip(wider, radius, strict=True))] = False
        if mean[outside].sum() < DARK * mean.sum():
            break
        radius = wider
    return radius


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
