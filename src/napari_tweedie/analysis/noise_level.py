"""Noise level of one image, from that image alone: the standard deviation of additive white Gaussian noise.

Patches of natural, microscopy and medical images lie close to a low-dimensional subspace, white noise fills all directions
alike: the variance along the direction in which patches vary least is the variance of the noise (Liu, Tanaka, Okutomi,
"Single-image noise level estimation for blind denoising", IEEE TIP 22, 2013). As there, only patches with no more texture
than noise alone would show are kept. The smallest eigenvalue of a sample covariance is biased low, so, unlike there, the
directions found on one half of the patches are evaluated on the other half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from napari_tweedie.core.cancellation import cancellation_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PATCH_SIZES = (8, 5, 3)  # sides of the square patches in pixels, the largest of which there are enough
MAX_PATCHES = 2**17
"""Patches that are looked at, evenly spaced, so that large images take no longer than small ones."""
MAX_PLANES = 16
FAINT = 0.03  # directions with less than this share of the most power tell of the image, not of correlated noise
SEARCHED = 2**14  # patches that tell what noise alone looks like, while it is being found out which ones show nothing else


def estimate_stack_noise_level(planes: Sequence[NDArray[Any]] | NDArray[Any], correlated: bool = False) -> float:
    """Estimate the noise level common to a stack of planes: the median over at most 16 of them, evenly spaced.

    Parameters
    ----------
    planes
        2-D arrays (Y, X), such as the slices of a volume or the frames of a movie. Planes that are constant or
        have no finite pixel (padding, dropped frames) say nothing about the noise and are left out.
    correlated : bool
        Whether neighbouring pixels share some of the noise; see `estimate_noise_level`.

    Returns
    -------
    float
        Standard deviation of the noise in the units of the planes; 0 if all planes looked at are constant.

    Raises
    ------
    ValueError
        If no plane looked at has a finite pixel.
    """
    chosen = np.unique(np.linspace(0, len(planes) - 1, min(len(planes), MAX_PLANES)).astype(int))
    levels = []
    for plane in (planes[i] for i in chosen):
        cancellation_point()
        if np.isfinite(plane).any():
            levels.append(estimate_noise_level(plane, correlated))
    if not levels:
        raise ValueError(f"the noise level needs finite pixels (got {len(planes)} planes, none finite)")
    return float(np.median([level for level in levels if level > 0] or 0.0))


def estimate_noise_level(image: NDArray[Any], correlated: bool = False) -> float:
    """Estimate the standard deviation of the additive Gaussian noise in one plane.

    Parameters
    ----------
    image
        Plane (Y, X) of any real dtype and any range. NaN, infinite, saturated and exactly constant regions are set aside.
    correlated : bool
        Whether neighbouring pixels share some of the noise (resampled, smoothed or compressed images). Its level is then
        the larger one of that of the image and twice that of the image averaged 2 × 2, which are the same for white noise.

    Returns
    -------
    float
        Standard deviation of the noise in the units of the image; 0 for a constant image. Noise that varies over the
        plane (photon noise) gets one level from within its range. Correlated noise that is taken for white is
        underestimated, often several-fold.

    Raises
    ------
    ValueError
        If the image is not 2-D or has no finite pixel.
    """
    if image.ndim != 2:
        raise ValueError(f"the image must be 2-D (Y, X) (got shape {image.shape}); use estimate_stack_noise_level for stacks")
    finite = image[np.isfinite(image)]
    if finite.size == 0:
        raise ValueError(f"the noise level needs finite pixels (got shape {image.shape}, none finite)")
    if correlated and min(image.shape) >= 2:
        coarse = averaged(image, 2)
        if np.isfinite(coarse).any():
            return max(estimate_noise_level(image), 2 * estimate_noise_level(coarse))
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        return 0.0
    for only_unclipped in (True, False):
        for size in PATCH_SIZES:
            patches, half = _patches(image, size, low, high, only_unclipped)
            if enough(half, size**2):
                weak = weakly_textured(patches, half)
                return (high - low) * float(np.sqrt(noise_variance(patches[weak], half[weak])))
    return _from_differences(image)


def averaged(plane: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Return the means of squares of `side` × `side` pixels; an incomplete one at the end is left out."""
    height, width = (length // side for length in plane.shape)
    squares = plane[: height * side, : width * side].reshape(height, side, width, side)
    return np.asarray(squares.mean((1, 3), dtype=np.float64))


def _patches(
    image: NDArray[Any], size: int, low: float, high: float, only_unclipped: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return usable patches (N, size * size) with grey levels in [0, 1], and which half of the plane each lies in."""
    if min(image.shape) < size:
        return np.empty((0, size * size)), np.empty(0, bool)
    windows = sliding_window_view(image, (size, size))
    count = windows.shape[0] * windows.shape[1]
    rows, columns = np.unravel_index(looked_at(count), windows.shape[:2])
    patches = windows[rows, columns].astype(np.float64)
    patches -= low
    patches /= high - low
    usable = np.isfinite(patches).all((1, 2))
    if only_unclipped:
        usable &= ((patches == 0) | (patches == 1)).mean((1, 2)) <= 0.1
        usable &= (patches[:, :, 1:] == patches[:, :, :-1]).mean((1, 2)) <= 0.75
    else:
        usable &= np.ptp(patches, axis=(1, 2)) > 0
    half = (rows // (2 * size) + columns // (2 * size)) % 2 == 0
    return patches[usable].reshape(-1, size * size), half[usable]


def looked_at(count: int, most: int = MAX_PATCHES) -> NDArray[np.int_]:
    """Return the numbers of at most so many patches that are looked at, of all there are."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)


def enough(half: NDArray[np.bool_], pixels: int) -> bool:
    """Tell whether both halves hold enough patches of so many pixels for their covariances."""
    return bool(min(half.sum(), (~half).sum()) >= 5 * pixels)


def weakly_textured(
    patches: NDArray[np.float64], half: NDArray[np.bool_], covariance: NDArray[np.float64] | None = None
) -> NDArray[np.bool_]:
    """Return which of the patches (N, d) show no more texture than noise alone would.

    `covariance` is that of noise of level 1, shape (d, d), where it is not white.
    """
    texture, threshold = _texture(patches, covariance)
    whiten = whitening(covariance)
    weak = np.ones(len(patches), bool)
    for _ in range(10):
        found = np.flatnonzero(weak)
        some = patches[found[:: max(1, len(found) // SEARCHED)]]
        variance = np.linalg.eigvalsh(np.cov(some @ whiten, rowvar=False))[0]
        weaker = texture <= threshold * variance
        if (weaker == weak).all() or not enough(half[weaker], patches.shape[1]):
            break
        weak = weaker
    return weak


def whitening(covariance: NDArray[np.float64] | None) -> Any:
    """Return what makes noise of a covariance white, along the directions in which there is enough of it; shape (d, k)."""
    if covariance is None:
        return _AS_IT_IS
    values, directions = np.linalg.eigh(covariance)
    strong = values > FAINT * values[-1]
    return directions[:, strong] / np.sqrt(values[strong])


class _Identity:
    """The matrix that leaves patches as they are, without touching them."""

    def __rmatmul__(self, patches: NDArray[np.float64]) -> NDArray[np.float64]:
        return patches

    __array_ufunc__ = None


_AS_IT_IS = _Identity()


def noise_variance(patches: NDArray[np.float64], half: NDArray[np.bool_], covariance: NDArray[np.float64] | None = None) -> float:
    """Return the variance of the noise of patches (N, d), from the directions in which they vary least.

    Where the noise is not white, `covariance` is that of noise of level 1, and directions are compared after whitening.
    """
    whiten = whitening(covariance)
    first, second = (np.cov(patches[part] @ whiten, rowvar=False) for part in (half, ~half))
    return max(0.0, (_least_variance(first, second) + _least_variance(second, first)) / 2)


def _texture(patches: NDArray[np.float64], covariance: NDArray[np.float64] | None) -> tuple[NDArray[np.float64], float]:
    """Return the squared gradient of every patch, and the bound that white noise of unit variance exceeds once in 10^6.

    For white noise the squared gradient is a quadratic form in the graph Laplacian of the pixel grid, close to a
    gamma variable of the same mean and variance.
    """
    size = round(patches.shape[1] ** 0.5)
    from scipy.special import gammaincinv

    grid = patches.reshape(-1, size, size)
    steps = [np.diff(grid, axis=axis) for axis in (1, 2)]
    texture = sum(np.einsum("nij,nij->n", step, step) for step in steps)
    if covariance is None:
        path = 2 - 2 * np.cos(np.pi * np.arange(size) / size)
        laplacian = path[:, None] + path
        mean, variance = laplacian.sum(), 2 * (laplacian**2).sum()
    else:
        step = np.diff(np.eye(size), axis=0)
        along, one = step.T @ step, np.eye(size)
        product = (np.kron(along, one) + np.kron(one, along)) @ covariance
        mean, variance = np.trace(product), 2 * (product * product.T).sum()
    return texture, float(gammaincinv(mean**2 / variance, 1 - 1e-6) * variance / mean)


def _least_variance(found_on: NDArray[np.float64], evaluated_on: NDArray[np.float64]) -> float:
    """Return the mean variance in one covariance along the directions of least variance of another."""
    directions = np.linalg.eigh(found_on)[1][:, : max(1, len(found_on) // 32)]
    return float(np.einsum("ik,ij,jk->k", directions, evaluated_on, directions).mean())


def _from_differences(image: NDArray[Any]) -> float:
    """Return the noise level from neighbouring pixels: all that images too small for patches offer."""
    plane = image.astype(np.float64)
    with np.errstate(invalid="ignore"):
        differences = np.concatenate([np.diff(plane, axis=axis).ravel() for axis in (0, 1)])
    differences = differences[np.isfinite(differences) & (differences != 0)]
    return float(np.sqrt(np.mean(differences**2) / 2)) if differences.size else 0.0
