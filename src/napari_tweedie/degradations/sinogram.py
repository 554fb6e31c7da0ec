"""Sinogram: line integrals from what a detector counts, and what their consistency tells of the scanner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ENDS = 0.03
"""Share of the detector at either end that sees air where the object is wholly seen."""
TRUNCATED = 0.1
"""Share of the largest projection that is left at the ends of the detector where it is not."""
CONSTANT = 0.05
"""Relative spread of the mass of projections up to which they are of one object that is wholly seen."""
NOTICED = 0.1
"""Distance of the axis of rotation from the middle, in pixels of the detector, from which on it is corrected."""
CERTAIN = 4.0
"""Standard errors that it must be off by."""
LEAST_LIGHT = 1e-4
"""Transmission that counts as that of pixels with none."""


def line_integrals(counts: Array, flat: Array, dark: Array | None, detector: int) -> Array:
    """Return ``−log((counts − dark) / (flat − dark))`` of projections.

    Parameters
    ----------
    counts : array
        What the detector counted, with its pixels along axis `detector` of two.
    flat, dark : array
        The same without the object, and without light: shape (detector,), or frames (n, detector) to be averaged. None: no dark.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the flat field is nowhere brighter than the dark one.
    """
    n = counts.shape[detector]
    fields = []
    for name, field in (("flat", flat), ("dark", dark)):
        if field is None:
            fields.append(np.zeros(n))
            continue
        field = np.asarray(field, np.float64)
        field = field.reshape(-1, field.shape[-1]).mean(0) if field.ndim in (1, 2) and field.shape[-1] == n else field
        if field.shape != (n,):
            raise ValueError(f"the {name} field has shape {field.shape}, the detector {n} pixels: give ({n},) or (frames, {n})")
        fields.append(field)
    light, black = fields
    if not (light > black).any():
        raise ValueError("the flat field is nowhere brighter than the dark field: they may be exchanged")
    shape = (n, 1) if detector == 0 else (1, n)
    transmission = (counts - black.reshape(shape)) / np.maximum(light - black, 1e-12).reshape(shape)
    seen = np.broadcast_to((light > black).reshape(shape), counts.shape)
    return np.where(seen, -np.log(np.clip(transmission, LEAST_LIGHT, None)), 0.0)


def detector_axis(sinogram: Array) -> int:
    """Return along which of two axes the detector lies: the mass of an object is the same from every angle."""
    spread = [float(sums.std() / max(abs(sums.mean()), 1e-12)) for sums in (sinogram.sum(0), sinogram.sum(1))]
    return 0 if spread[0] <= spread[1] else 1


def axis_of_rotation(sinogram: Array, theta: Array) -> tuple[float, str]:
    """Return how far the axis of rotation lies from the detector's middle pixel n // 2, in pixels, and why it is not known.

    The centre of mass of the projections of one object lies at ``axis + a cos θ + b sin θ`` (Helgason 1965; Ludwig 1966), which
    is fitted to that of the sinogram above the air at the ends of the detector.

    Parameters
    ----------
    sinogram : array
        Line integrals, (detector, angles).
    theta : array
        Angles in degrees.

    Returns
    -------
    float, str
        The distance, 0 where it is not known; why not in a sentence, empty where it is.
    """
    n = len(sinogram)
    ends = max(2, round(ENDS * n))
    top = float(np.quantile(sinogram, 0.99))
    below, above = sinogram[:ends].mean(0), sinogram[-ends:].mean(0)
    if top <= 0 or max(abs(below).mean(), abs(above).mean()) > TRUNCATED * top:
        return 0.0, "the object is wider than the detector"
    if len(np.unique(theta)) < 4 or np.ptp(theta) < 60:
        return 0.0, "there are too few angles"
    inner = sinogram - np.linspace(below, above, n)
    mass = inner.sum(0)
    if mass.min() <= 0 or mass.std() > CONSTANT * mass.mean():
        return 0.0, "the mass of the projections changes from angle to angle"
    centre = (inner * (np.arange(n) - n // 2)[:, None]).sum(0) / mass
    angle = np.deg2rad(theta)
    design = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], 1)
    found, *_ = np.linalg.lstsq(design, centre, rcond=None)
    error = centre - design @ found
    variance = float((error**2).sum() / max(len(angle) - 3, 1) * np.linalg.inv(design.T @ design)[0, 0])
    certain = abs(found[0]) > max(NOTICED, CERTAIN * variance**0.5)
    return (float(found[0]) if certain else 0.0), ""


def spacing_of(theta: Array) -> Array:
    """Return the range in radians that each angle stands for, π in all, its neighbours sharing the rest.

    180° is 0° again, unless the angles go further: then 360° is, and every angle counts half. A gap of more than three times the
    usual one, as of a limited tilt, counts for none.
    """
    turn = 360.0 if np.ptp(theta) > 180 else 180.0
    order = np.argsort(theta % turn)
    gaps = np.diff(theta[order] % turn, append=theta[order][0] % turn + turn)
    usual = float(np.median(gaps))
    gaps = np.where(gaps > 3 * usual, usual, gaps)
    spacing = np.empty_like(gaps)
    spacing[order] = (gaps + np.roll(gaps, 1)) / 2
    return np.deg2rad(spacing) * 180 / turn


def spelled(words: str) -> Array:
    """Return angles in degrees that are written as numbers, or as ``from:up to:step``; none of nothing.

    Raises
    ------
    ValueError
        If they are neither.
    """
    parts = words.replace(",", " ").split()
    try:
        ends = [float(part) for part in words.split(":")] if ":" in words else []
        found = np.arange(*ends) if len(ends) == 3 else np.array([float(part) for part in parts])
    except (ValueError, ZeroDivisionError):
        found = np.array([np.nan])
    if not np.isfinite(found).all() or (words.strip() and found.size == 0):
        raise ValueError(f"at = {words!r}: write angles as numbers, such as 0 1.5 3, or as from:up to:step, such as 0:180:1.5")
    return found


def dead_pixels(sinogram: Array) -> NDArray[np.bool_]:
    """Return which pixels of a sinogram, (detector, angles), say nothing: not finite, or of a detector pixel that never changes.

    Such a pixel lies beside others that do change, on both sides, so that it does not see air.
    """
    unknown = ~np.isfinite(sinogram)
    filled = np.where(unknown, 0.0, sinogram)
    still = np.ptp(filled, axis=1) == 0
    changing = np.flatnonzero(~still)
    if len(changing) and sinogram.shape[1] > 3:
        within = np.arange(len(still))
        usual = np.median(np.ptp(filled[changing], axis=1))
        before = np.searchsorted(changing, within, "left") - 1
        after = np.searchsorted(changing, within, "right")
        ends = [np.clip(ends, 0, len(changing) - 1) for ends in (before, after)]
        lively = [np.ptp(filled[changing[end]], axis=1) > 0.1 * usual for end in ends]
        inside = (within > changing[0]) & (within < changing[-1])
        unknown[still & inside & lively[0] & lively[1]] = True
    return unknown


def bridged(sinogram: Array, unknown: NDArray[np.bool_]) -> Array:
    """Return a sinogram, (detector, angles), with unknown pixels interpolated along the detector."""
    filled = np.where(unknown, 0.0, sinogram)
    places = np.arange(len(filled))
    for angle in np.flatnonzero(unknown.any(0)):
        known = ~unknown[:, angle]
        if known.any():
            filled[:, angle] = np.interp(places, places[known], filled[known, angle])
    return filled
