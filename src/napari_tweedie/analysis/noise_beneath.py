"""Power of noise beneath texture: no more of a spectrum than what a kernel that blurs has left of white noise.

Where texture is all over an image no block is flat, and the power of the flattest is that of texture at coarse detail and that of
noise only at the finest. Noise that was smoothed has the spectrum of a Gaussian kernel, noise that was enlarged that of linear
interpolation, texture one near a power law. So the kernel whose spectrum is that of the finest detail bounds what is noise of
coarser detail. Noise
that correlates along one axis alone, as that of scanners and slow detectors, may fall otherwise, and is white across that axis,
where texture is not.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 16
"""Frequencies along each axis."""
RINGS, FINEST, LEAST_RINGS = 21, 16, 3
"""Rings of equal frequency, the first whose power may be that of noise, and how many there must be."""
WIDTHS = np.linspace(0, 1.6, 65)
"""Standard deviations of the kernels, in pixels."""
EVEN, EVEN_FLOOR, NARROW = 3.0, 1.3, 0.6
"""Variance of the power of a ring from block to block, next to that of noise, beyond which it is not noise that is seen there:
noise of enlarged images varies with the grid, what is left by narrower kernels does not."""
ALIKE, COARSE = 0.02, 6
"""How much more than the least that error may be, and the ring at which kernels are compared."""
SCALES = np.linspace(1.1, 2.5, 29)
"""Factors of enlargement by linear interpolation."""
FITS, DYNAMIC_RANGE = 0.3, 5e-4
"""The largest error of the logarithm of the power of the finest rings, and their least power next to that of coarse detail:
what is weaker comes from elsewhere in the spectrum."""
FINE, FLAT, LEVEL, SLANTED = 11, 1.1, 1.2, 1.15
"""Frequencies along the other axis at which texture is weakest; how many times the power of coarse detail may exceed that of fine
detail there where noise is white along an axis, and that of rather fine detail at middling detail along the other; and how many
times more it does so along the other. On FLIM, OCT and confocal images these are 0.99 to 1.05, 0.92 to 1.07 and 1.2 to 7.7; on
straw, leather and a brick wall 0.91 to 1.45, 1.6 to 5.2 and 1.6 to 3.4."""
FOR_SURE, FLAT_IN_ALL, LEVEL_IN_ALL = 4.0, 1.3, 1.4
"""How many times more that is noise of lines for sure, and the limits then: texture counts in."""
EXCESS = 1.3
"""How many times the line measured power may lie without being cut: about what errors of measurement leave."""

TEXTURED = 1.4
"""How many times the power of coarse detail exceeds what may be noise where there is texture for sure; else nothing is cut."""

_RADIUS = np.hypot(*np.indices((SIDE, SIDE)))
_COARSE = (_RADIUS >= 4) & (_RADIUS < 9)
_BESIDE = _COARSE & (np.indices((SIDE, SIDE)).min(0) > 0)
"""The same without what is even along an axis, as offsets of lines are."""
_RING = np.minimum(_RADIUS.astype(int), RINGS - 1)
_BESIDE_AXES = _RING[1:, 1:].ravel()
_COUNT = np.bincount(_BESIDE_AXES, minlength=RINGS)


def spread_of(energy: NDArray[np.float64], power: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how much the power of every ring varies from block to block, 1 for noise.

    Parameters
    ----------
    energy : array
        Squared coefficients of blocks, shape (N, 16, 16).
    power : array
        Their mean, shape (16, 16), > 0 among those that count.
    among : array
        Which coefficients count.
    """
    near = np.abs(_RING.ravel() - np.arange(RINGS)[:, None]) <= 1
    near &= among.ravel()
    count = np.maximum(near.sum(1), 1)
    weights = near / np.maximum(power.ravel(), 1e-300) / count[:, None]
    return np.asarray((energy.reshape(len(energy), -1) @ weights.T).var(0) * count / 2)


def noise_beneath(power: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the most that may be noise of a measured power.

    Parameters
    ----------
    power : array
        Power of the flattest blocks, shape (16, 16), > 0.
    spread : array
        How much that of every ring varies from block to block, shape (21,).

    Returns
    -------
    array
        The power itself where it may be noise, less where texture counted in.
    """
    if _lies_along_lines(power):
        return power
    if power[_RADIUS >= FINEST].mean() < DYNAMIC_RANGE * power[_COARSE].mean():
        return power
    measured = np.log(_rings(power))
    for first in range(FINEST, RINGS - LEAST_RINGS + 1):  # texture may reach further than to the first of them
        best, above, error = _kernel(measured, first)
        even = EVEN_FLOOR if best < (WIDTHS < NARROW).sum() else EVEN
        if error <= FITS and spread[first:].max() <= even:
            break
    else:
        return power
    share = np.exp(np.minimum(above[first:] @ _weight(first) - above, 0.0))
    share[share * EXCESS > 1] = 1.0
    beneath = power * share[_RING]
    return np.asarray(beneath if beneath[_BESIDE].mean() * TEXTURED < power[_BESIDE].mean() else power)


def _kernel(measured: NDArray[np.float64], first: int) -> tuple[int, NDArray[np.float64], float]:
    """Return which kernel fits the rings from `first` on, how far the logarithm of power lies above its own, and the error."""
    above = measured - _spectra()
    weight = _weight(first)
    levels = above[:, first:] @ weight
    errors = ((above[:, first:] - levels[:, None]) ** 2 @ weight) ** 0.5
    alike = np.flatnonzero(errors <= errors.min() + ALIKE)
    best = int(alike[(levels[alike] + _spectra()[alike, COARSE]).argmin()])  # in doubt less is taken for noise
    return best, above[best], float(errors[best])


def _weight(first: int) -> NDArray[np.float64]:
    return np.asarray(_COUNT[first:] / _COUNT[first:].sum())


def _rings(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean power of all rings, beside what is even along an axis: offsets of lines say nothing of texture."""
    means = np.bincount(_BESIDE_AXES, power[1:, 1:].ravel(), RINGS) / np.maximum(_COUNT, 1)
    means[0] = means[1]
    return np.asarray(means)


@functools.lru_cache(maxsize=1)
def _spectra() -> NDArray[np.float64]:
    """Return the logarithm of the power, on all rings, of white noise blurred by all `WIDTHS`, then enlarged by all `SCALES`."""
    numbers = np.arange(SIDE)
    basis = np.cos(np.pi / SIDE * numbers[:, None] * (numbers + 0.5)) * np.where(numbers > 0, 2 / SIDE, 1 / SIDE)[:, None] ** 0.5
    distances, kernel = np.abs(np.subtract.outer(numbers, numbers)), np.arange(-SIDE, SIDE + 1)
    covariances = []
    for width in WIDTHS:  # of the sampled kernel, aliases and all
        weights = np.exp(-(kernel**2) / (2 * width**2)) if width else (kernel == 0).astype(float)
        covariances.append(np.correlate(weights, weights, "full")[2 * SIDE :])
    for scale in SCALES:  # of a triangle with itself, the mean over all places between the pixels
        t = np.arange(SIDE) / scale
        covariances.append(np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6))
    spectra = []
    for covariance in covariances:
        power = np.maximum(np.einsum("ki,ij,kj->k", basis, covariance[distances], basis), 0)
        spectra.append(np.log(_rings(np.outer(power, power)) + 1e-12 * power.max() ** 2))
    return np.array(spectra)


def _lies_along_lines(power: NDArray[np.float64]) -> bool:
    """Tell whether noise is white along one axis, at middling detail along the other, too, and not along that."""
    white, other = sorted((power, power.T), key=_fall)
    fall, middling = _fall(white), white[:, 3:9].mean(1)
    times = _fall(other) / fall
    flat, level = (FLAT_IN_ALL, LEVEL_IN_ALL) if times > FOR_SURE else (FLAT, LEVEL)
    return times > SLANTED and fall < flat and bool(middling[8:12].mean() < level * middling[12:].mean())


def _fall(power: NDArray[np.float64]) -> float:
    """Return how far the power of fine detail along the rows falls from coarse detail along the columns to fine detail there."""
    profile = power[:, FINE:].mean(1)
    return float(profile[1:7].mean() / profile[FINE:].mean())
