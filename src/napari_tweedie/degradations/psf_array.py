"""Arrays of point-spread functions: their pixels, their middle, and what is wrong with a measured one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.degradations.psf_noise import outermost

Array = NDArray[np.float64]

SYMMETRIC = 0.995
"""Correlation of a function's profile with its mirror image from which on its centre of mass is its centre."""
NOISY_SYMMETRIC = 0.98
"""The same of a function that was noisy."""
SAMPLES = 8
"""Points per pixel over which the function is averaged when its pixels grow."""
BEYOND = 4
"""Pixels of zeros around a function that splines pass through."""
CUT_OFF = 0.15
"""Part of the peak that a border still has from which on the tail counts as cut off."""
KEPT = 0.9999
"""Part of a function's sum that stays when its empty surroundings are cut away."""
SMALL = 31
"""Side up to which empty surroundings stay."""
UNLIKE = 1.3
"""Ratio of the widths along two axes from which on they differ."""


def trimmed(psf: Array) -> Array:
    """Return the function without surroundings that hold less than 0.01 % of it, where they make it more than twice as long.

    Sides of up to `SMALL` pixels stay as they are, as they cost little. Its middle n // 2 stays its middle.
    """
    for axis, n in enumerate(psf.shape):
        profile = np.abs(psf).sum(tuple(other for other in range(psf.ndim) if other != axis))
        distance = np.abs(np.arange(n) - n // 2)
        within = np.cumsum(np.bincount(distance, profile))
        side = int(np.searchsorted(within, KEPT * within[-1]))
        if n > max(SMALL, 2 * (2 * side + 1)):
            psf = psf.take(np.arange(n // 2 - side, n // 2 + side + 1), axis)
    return psf


def cut_off(psf: Array) -> float:
    """Return the part of its peak that the function still has at its border, where it is falling there; else 0."""
    if min(psf.shape) < 5:
        return 0.0
    part = float(np.median(outermost(psf)) / psf.max())
    faces = [(axis, end, inner) for axis in range(psf.ndim) for end, inner in ((0, 1), (-1, -2))]
    falls = [np.mean(psf.take([inner], axis) > psf.take([end], axis)) for axis, end, inner in faces]
    return part if part > CUT_OFF and float(np.mean(falls)) > 0.9 else 0.0


def saturated(psf: Array) -> int:
    """Return how many pixels share the largest value as where a camera saturates; 0 where it did not.

    More than the middle of an even array has, and between 10 and 70 % of those above half of it: of a smooth peak fewer
    do, of a disk or a square more.
    """
    top = int((psf >= psf.max()).sum())
    return top if top > 2**psf.ndim and 0.1 < top / int((psf >= 0.5 * psf.max()).sum()) < 0.7 else 0


def odd_axis(psf: Array) -> int | None:
    """Return which of the axes Y and X of a volume differs from Z and the other, which are alike; None where neither does.

    Optics blur alike along Y and X, and otherwise along Z.
    """
    if psf.ndim != 3:
        return None
    z, *others = widths(psf)
    for axis, (own, other) in ((2, others[::-1]), (1, others)):
        low, high = min(z, other), max(z, other)
        if high < 1.1 * low and (own > UNLIKE * high or own * UNLIKE < low):
            return axis
    return None


def resampled(psf: Array, ratio: tuple[float, ...]) -> Array:
    """Return the function on pixels `ratio` times as large, an axis each, by quintic splines through its pixels.

    Larger pixels average it over what they exceed the old ones by: the old values are means over their own pixels. The
    middle of the result, whose sides are odd, is the middle n // 2 of the function, and nothing gets below zero that was not.
    """
    from scipy.interpolate import make_interp_spline

    least = min(float(psf.min()), 0.0)
    for axis, (n, factor) in enumerate(zip(psf.shape, ratio, strict=True)):
        side = int(np.ceil((n // 2) / factor))
        box = np.sqrt(max(factor**2 - 1, 0.0))
        count = int(np.ceil(SAMPLES * box)) or 1
        within = box * ((np.arange(count) + 0.5) / count - 0.5)
        points = factor * np.arange(-side, side + 1)[:, None] + within
        knots = np.arange(-BEYOND, n + BEYOND) - n // 2
        basis = np.pad(np.eye(n), ((BEYOND, BEYOND), (0, 0)))
        inside = (points >= knots[0]) & (points <= knots[-1])
        values = make_interp_spline(knots, basis, k=5)(np.clip(points, knots[0], knots[-1]))
        weights = np.where(inside[..., None], values, 0.0).mean(1)
        psf = np.moveaxis(np.tensordot(weights, psf, (1, axis)), 0, axis)
    return np.clip(psf, least, None)


def offset(psf: Array) -> tuple[float, ...]:
    """Return how far the centre of mass of what is above zero lies from the middle, n // 2, in pixels, an axis each."""
    weights = np.clip(psf, 0, None)
    grids = zip(np.indices(psf.shape), psf.shape, strict=True)
    return tuple(float((weights * grid).sum() / weights.sum()) - n // 2 for grid, n in grids)


def is_wrapped(psf: Array) -> bool:
    """Return whether the function lies around the corner of its array, as Fourier transforms order it."""
    at_border = any(place in (0, n - 1) for place, n in zip(np.unravel_index(psf.argmax(), psf.shape), psf.shape, strict=True))
    return at_border and min(psf.shape) > 2 and _width(np.fft.fftshift(psf)) < 0.5 * _width(psf)


def _width(psf: Array) -> float:
    """Return the root mean square distance from the centre of mass of what is above zero, in pixels."""
    return float(np.linalg.norm(widths(psf)))


def widths(psf: Array) -> tuple[float, ...]:
    """Return the root mean square distance from the centre of mass along every axis, in pixels."""
    weights = np.clip(psf, 0, None)
    grids = zip(np.indices(psf.shape), offset(psf), psf.shape, strict=True)
    return tuple(float(np.sqrt((weights * (grid - n // 2 - centre) ** 2).sum() / weights.sum())) for grid, centre, n in grids)


def is_symmetric(psf: Array, axis: int, least: float = SYMMETRIC) -> bool:
    """Return whether the profile along an axis is its own mirror image: of the trace of a motion, no point is the centre."""
    profile = np.clip(psf, 0, None).sum(tuple(other for other in range(psf.ndim) if other != axis))
    places = np.arange(len(profile))
    centre = (profile * places).sum() / profile.sum()
    mirrored = np.interp(2 * centre - places, places, profile, left=0, right=0)
    norm = np.sqrt((profile**2).sum() * (mirrored**2).sum())
    return bool(norm > 0 and (profile * mirrored).sum() > least * norm)


def moved(psf: Array, distance: tuple[float, ...]) -> Array:
    """Return the function moved towards the start by parts of a pixel, an axis each, by quintic splines; nothing is cut off."""
    from scipy.ndimage import shift

    return np.clip(shift(np.pad(psf, 2), [-d for d in distance], order=5), 0, None)


def odd(psf: Array, shift: tuple[int, ...]) -> Array:
    """Return the function with odd sides, its pixel at the middle plus `shift` in the middle; zeros surround it."""
    sides = [max(n // 2 + d, n - 1 - n // 2 - d) for n, d in zip(psf.shape, shift, strict=True)]
    pads = [(side - n // 2 - d, side - (n - 1 - n // 2 - d)) for side, n, d in zip(sides, psf.shape, shift, strict=True)]
    return np.pad(psf, pads)
