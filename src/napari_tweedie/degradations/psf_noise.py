"""Background and noise of a measured point-spread function, found and removed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ENOUGH = 200
"""Pixels outside the function that tell its noise better than its border."""
SURE = 4.0
"""Standard errors by which a mean square must exceed that of noise to be of something else."""
SHARE = 2 * np.pi**0.5
"""Values along an axis, of means over a Gaussian of 1 px, that count as one."""
NOTICED = 0.25
"""Distance from the diagonal, in pixels, from which on a function is not symmetric about it."""
SPECK, STRAY = 0.01, 0.2
"""Part of its sum up to which a piece apart from the peak is a speck, and, if it touches the border, stray light."""
SMOOTH = 1.5
"""Frequencies, in periods a side, over which the power of a noisy function is averaged."""


def background(psf: Array) -> float:
    """Return the level that the border of the function stands on; 0 where the border shows none.

    It is the median of the outermost pixels, of noise their mean, if it is sure (beyond three times their own spread, or, where
    they are noise, five of its standard errors), above 0.1 % of the peak and well below it, and the pixels next to them are no
    higher: a kernel that is cut off while it falls, or is flat, keeps its border.
    """
    border, peak = outermost(psf), float(psf.max())
    level = float(np.median(border))
    spread = _spread(border)
    error = 1.25 * spread / np.sqrt(border.size)
    noisy = noise(psf) > 0
    sure = level > 3 * spread or (noisy and level > 5 * error)
    flat = min(psf.shape) > 4 and float(np.median(outermost(_inner(psf)))) - level < max(0.25 * level, 4 * error)
    if not (sure and flat and 1e-3 * peak < level < 0.95 * peak):
        return 0.0
    return float(border[np.abs(border - level) < 4 * spread].mean()) if noisy else level


def noise(psf: Array) -> float:
    """Return the standard deviation of the noise that the border of the function shows; 0 where it shows none.

    The outermost pixels are noise if they scatter between 0.1 and 10 % of the peak and neighbours do not correlate.
    """
    border = outermost(psf)
    spread, level = _spread(border), float(np.median(border))
    height = float(psf.max()) - level
    if min(psf.shape) < 7 or not 1e-3 * height < spread < 0.1 * height:
        return 0.0
    products, squares = 0.0, 0.0
    for axis in range(psf.ndim):
        for face in (psf.take([0], axis) - level, psf.take([-1], axis) - level):
            for along in range(face.ndim):
                pairs = np.moveaxis(face, along, 0)
                products += float((pairs[1:] * pairs[:-1]).sum())
                squares += float((pairs[1:] ** 2).sum())
    return spread if products < 0.4 * squares else 0.0


def without_noise(psf: Array, sigma: float) -> tuple[Array, list[str]]:
    """Return the function without white noise of standard deviation `sigma`, and of what it is the mean, in words.

    It is averaged with its mirror images along every axis, and about the diagonal of the plane, where they differ from it by
    noise alone; filtered with the empirical Wiener filter, whose power spectrum is that of the function itself smoothed; and
    set to zero where nothing of it stands out of the noise.
    """
    from scipy.ndimage import gaussian_filter

    outside = ~_dilated(_standing_out(psf, sigma), 2)
    if outside.sum() > ENOUGH:
        sigma = float(psf[outside].std())
    alike: list[str] = []
    for axis in (*range(psf.ndim), None):
        there = _standing_out(psf, sigma)
        mirror = _mirror(np.where(there, psf, 0.0), axis)
        if mirror is None:
            continue
        image, compared = mirror(psf), there | (mirror(there.astype(float)) > 0)
        difference, level = psf - image, 2**0.5 * sigma
        copies = 2.0 ** len(alike)
        same = _is_noise(difference[compared], level, copies)
        same = same and _is_noise(_means(difference)[compared], level, copies * SHARE**psf.ndim)
        if same:
            psf, sigma = (psf + image) / 2, sigma / np.sqrt(2)
            alike.append("its diagonal" if axis is None else "ZYX"[axis - psf.ndim])
    transform = np.fft.fftn(psf)
    power = gaussian_filter(np.abs(transform) ** 2, SMOOTH, mode="wrap")
    smooth = np.fft.ifftn(transform * np.clip(1 - sigma**2 * psf.size / power, 0, 1)).real
    return np.where(_standing_out(psf, sigma), smooth, 0.0), alike


def without_strays(psf: Array) -> tuple[Array, float]:
    """Return a function of which noise was set to zero without what lies apart from its peak, and what part of its sum that was.

    Those are pieces that hold hardly any of it, and pieces at the border, where a point has no light of its own left: uneven
    background, or a neighbour that was cut. They would move its centre of mass.
    """
    from scipy.ndimage import label

    pieces, count = label(psf > 0, np.ones((3,) * psf.ndim))
    if count < 2:
        return psf, 0.0
    parts = np.bincount(pieces.ravel(), np.clip(psf, 0, None).ravel()) / np.clip(psf, 0, None).sum()
    stray = parts < SPECK
    at_border = np.unique(outermost(pieces.astype(np.float64)).astype(int))
    stray[at_border] |= parts[at_border] < STRAY
    stray[pieces[np.unravel_index(psf.argmax(), psf.shape)]] = False
    stray[0] = False
    return np.where(stray[pieces], 0.0, psf), float(parts[stray].sum())


def _standing_out(psf: Array, sigma: float) -> NDArray[np.bool_]:
    """Return where the function stands out of its noise.

    Those are the places where its mean over a Gaussian of 1 px exceeds twice the noise of such means, if six times somewhere in
    the same piece, and the pixels next to them.
    """
    from scipy.ndimage import label

    mean = _means(psf) / sigma
    pieces, _ = label(mean > 2)
    return _dilated(np.isin(pieces, np.setdiff1d(np.unique(pieces[mean > 6]), 0)), 1)


def _means(psf: Array) -> Array:
    """Return means over a Gaussian of 1 px, in units in which those of white noise are as strong as the noise."""
    from scipy.ndimage import gaussian_filter

    means: Array = gaussian_filter(psf, 1.0, mode="constant") * SHARE ** (psf.ndim / 2)
    return means


def _is_noise(difference: Array, sigma: float, share: float = 1.0) -> bool:
    """Return whether differences of mirror images, of which every value is there twice, are as strong as noise of level `sigma`.

    So many values, `share`, count as one.
    """
    independent = max(difference.size / 2 / share, 1.0)
    return float((difference**2).mean()) < sigma**2 * (1 + SURE * (2 / independent) ** 0.5)


def _dilated(places: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_dilation

    grown: NDArray[np.bool_] = binary_dilation(places, iterations=by)
    return grown


def _mirror(psf: Array, axis: int | None) -> Callable[[Array], Array] | None:
    """Return what mirrors an array at the centre of mass of a function, to half a pixel; None where there is no such mirror.

    It does so along an axis, or, for None, at the diagonal of the plane.
    """
    from scipy.ndimage import center_of_mass

    if not psf.max() > 0:
        return None
    centres, shape = center_of_mass(np.clip(psf, 0, None)), psf.shape
    if axis is None:
        square = len(shape) > 1 and shape[-1] == shape[-2] and abs(centres[-1] - centres[-2]) < NOTICED
        return (lambda values: values.swapaxes(-1, -2)) if square else None
    places = round(2 * centres[axis]) - np.arange(shape[axis])
    inside = ((places >= 0) & (places < shape[axis])).reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return lambda values: np.where(inside, np.take(values, np.clip(places, 0, shape[axis] - 1), axis), 0.0)


def _inner(psf: Array) -> Array:
    """Return the function without its outermost pixels."""
    inner: Array = psf[tuple(slice(1, -1) for _ in psf.shape)]
    return inner


def outermost(psf: Array) -> Array:
    """Return the outermost pixels, as a list; all where there are no others."""
    border = np.ones(psf.shape, bool)
    border[tuple(slice(1, -1) for _ in psf.shape)] = False
    values: Array = psf[border]
    return values


def _spread(values: Array) -> float:
    """Return the standard deviation of most of the values, by their median deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
