"""Noise levels at several scales: what a network is told of noise that need not be white.

Noise that is the same everywhere has an autocovariance r(Δy, Δx) and a power spectrum S, its Fourier transform. The mean of
m × n pixels has the variance ``Σ (m − |Δy|)(n − |Δx|) r(Δy, Δx) / (mn)²``; times the number of pixels it is r(0, 0) for white
noise, whatever m and n. The square roots of these products, for the sizes in `SCALES`, are the levels: in grey levels, all equal
where the noise is white, larger at the coarse scales where neighbours correlate, and larger along one axis for stripes.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

Levels: TypeAlias = NDArray[np.float64]

SCALES = ((1, 1), (1, 2), (1, 4), (1, 8), (2, 1), (4, 1), (8, 1), (2, 2), (4, 4), (8, 8))
"""Heights and widths, in pixels, of the means whose noise is told, that of the pixels themselves first."""


def levels_of_autocovariance(autocovariance: NDArray[Any]) -> Levels:
    """Return the noise levels at all `SCALES`, shape (10,), of noise with an autocovariance.

    Parameters
    ----------
    autocovariance : array
        r(Δy, Δx), shape (2 M + 1, 2 N + 1), with r(0, 0), the variance of a pixel, in the middle, in squared grey levels. Where
        it ends it is taken to be 0; distances beyond 7 pixels do not matter.

    Returns
    -------
    array
        Levels in grey levels, in the order of `SCALES`; 0 where errors of an estimate make a variance negative.

    Raises
    ------
    ValueError
        If there is no middle.
    """
    r = np.asarray(autocovariance, np.float64)
    if r.ndim != 2 or any(length % 2 == 0 for length in r.shape):
        raise ValueError(f"an autocovariance has two axes of odd lengths, with distance 0 in the middle (got shape {r.shape})")
    distances = [np.abs(np.arange(length) - length // 2) for length in r.shape]
    variances = []
    for size in SCALES:
        down, across = (np.clip(1 - distance / n, 0, None) for distance, n in zip(distances, size, strict=True))
        variances.append(down @ r @ across)
    return np.sqrt(np.clip(variances, 0, None))


def levels_of_spectrum(spectrum: NDArray[Any]) -> Levels:
    """Return the noise levels at all `SCALES`, shape (10,), of noise with a power spectrum.

    Parameters
    ----------
    spectrum : array
        S, shape (Y, X), in the order of ``numpy.fft.fft2``, in squared grey levels: its mean is the variance of a pixel, so that
        white noise of level σ has S = σ² everywhere, and noise of this spectrum is ``ifft2(fft2(w) √S)`` with white w of level 1.

    Returns
    -------
    array
        Levels in grey levels, in the order of `SCALES`.
    """
    down, across = (_powers(length, axis) for axis, length in enumerate(spectrum.shape))
    variances = ((down @ np.asarray(spectrum, np.float64)) * across).sum(1) / spectrum.size
    return np.sqrt(np.clip(variances, 0, None))


@functools.lru_cache(maxsize=16)
def _powers(length: int, axis: int) -> NDArray[np.float64]:
    """Return |Σ exp(iωj)|² / n, the sum over the n pixels that a mean has along an axis, for all scales and frequencies."""
    phases = np.exp(2j * np.pi * np.fft.fftfreq(length)[:, None] * np.arange(8))
    return np.stack([np.abs(phases[:, : size[axis]].sum(1)) ** 2 / size[axis] for size in SCALES])


def level_maps(sigma: float | Tensor, x: Tensor) -> Tensor:
    """Return noise levels as maps that broadcast against images.

    Parameters
    ----------
    sigma : float or Tensor
        A number, shape (B,), maps (B | 1, 1 | 10, Y | 1, X | 1), or, for volumes, (B | 1, 1 | 10, Z | 1, Y | 1, X | 1).
    x : Tensor
        Images of shape (B, C, Y, X) or (B, C, Z, Y, X).

    Returns
    -------
    Tensor
        The same levels with as many axes as `x`, and its B.

    Raises
    ------
    ValueError
        If they do not fit the images.
    """
    level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    if level.ndim <= 1:
        return level.expand(len(x)).view(-1, *(1,) * (x.ndim - 1))
    fits = level.ndim == x.ndim and level.shape[1] in (1, len(SCALES))
    if not fits or any(n not in (1, m) for n, m in zip(level[:, 0].shape, x[:, 0].shape, strict=True)):
        raise ValueError(
            f"noise levels of images {tuple(x.shape)} are a number, one a sample, a map {(len(x), 1, *x.shape[2:])} or levels at "
            f"{len(SCALES)} scales (got {tuple(level.shape)})"
        )
    return level.expand(len(x), *level.shape[1:])
