"""Point-spread function from beads: their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.analysis.spots import spots_of
from napari_tweedie.degradations.psf_noise import noise as border_noise
from napari_tweedie.degradations.psf_noise import without_noise

Array = NDArray[np.float64]

FEW = 3
"""Beads below which none tells whether another is a single one."""


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
        Standard deviation of that from bead to bead; NaN of one alone.
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
    """Return the mean of the beads of an image or stack, or the only one.

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
        If there is no isolated bead; the message says why spots were left out.
    """
    spots = spots_of(image, radius)
    psf, widths = without_border_noise(np.sum(spots.boxes, axis=0)), np.array([widths_of(box) for box in spots.boxes])
    count, left_out = len(spots.boxes), f"; left out: {spots.left_out}" if spots.left_out else ""
    if count < FEW:
        found = "one bead alone was" if count == 1 else f"only {count} beads were"
        notes = [
            f"{found.capitalize()} found, and taken as it is{left_out}: its noise counts, and nothing tells whether it is a "
            "single bead, and a small one; more beads would."
        ]
    else:
        notes = [f"{count} beads were averaged{left_out}."]
    spread = tuple(np.nanstd(widths, axis=0)) if count > 1 else (np.nan,) * psf.ndim
    return Beads(psf, widths_of(psf), spread, spots.places, notes)


def without_border_noise(psf: Array) -> Array:
    """Return a function without the noise that its border shows, nowhere negative, of sum 1."""
    sigma = border_noise(psf)
    clean = without_noise(psf, sigma)[0] if sigma else psf
    psf = np.clip(clean if clean.any() else psf, 0, None)
    return psf / psf.sum()


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
