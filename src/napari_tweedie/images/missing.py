"""Missing pixels: NaN, infinite, or masked; what stands in for them while a block is worked on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def plain(array: Any) -> NDArray[Any]:
    """Return an array as NumPy holds it, masked pixels as NaN: of float32 where that holds every value, else float64."""
    computed = array.compute() if hasattr(array, "compute") else array
    if not isinstance(computed, np.ma.MaskedArray):
        return np.asarray(computed)
    if not np.ma.is_masked(computed):
        return np.asarray(computed.data)
    exact = np.can_cast(computed.dtype, np.float32)
    return np.where(computed.mask, np.nan, computed.data.astype(np.float32 if exact else np.float64))


def mean_level(planes: Sequence[NDArray[Any]]) -> float:
    """Return the mean of some planes, missing pixels left out; sums of single precision would overflow, or lose digits."""
    return float(np.mean([np.nanmean(plane, dtype=np.float64) for plane in planes]))


def filled(image: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[Any]:
    """Return an image whose missing pixels are a smooth continuation of the others; zeros where there are no others.

    Every missing pixel gets the mean of those known around it, of as few and as near ones as there are: means over
    2, 4, 8, … pixels a side are taken until they hold a known pixel, and interpolated on the way back.

    Parameters
    ----------
    image : ndarray
        Shape (..., Y, X) of one kind of pixels; every plane is filled from itself.
    missing : ndarray of bool
        Which pixels are missing; the shape of the image.
    """
    if not missing.any():
        return image
    known = (~missing).astype(np.float64)
    values = np.where(missing, 0, image).astype(np.float64)
    continued = _continued(values, known)
    return np.where(missing, continued, image).astype(image.dtype, copy=False)


def _continued(values: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean ``values / known`` where something is known, else that of the next coarser level."""
    here = np.divide(values, known, out=np.zeros_like(values), where=known > 0)
    if (known > 0).all() or max(values.shape[-2:]) == 1:
        return here
    coarse = _refined(_continued(_summed(values), _summed(known)), values.shape)
    return np.where(known > 0, here, coarse)


def _summed(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums over 2 × 2 pixels, fewer at an odd border."""
    for axis in (-2, -1):
        starts = np.arange(0, array.shape[axis], 2)
        array = np.add.reduceat(array, starts, axis=axis)
    return array


def _refined(coarse: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a level of twice as many pixels along Y and X, by linear interpolation between the middles of pixels."""
    for axis in (-2, -1):
        length = shape[axis]
        place = np.clip((np.arange(length) - 0.5) / 2, 0, coarse.shape[axis] - 1)
        below = place.astype(int)
        above = np.minimum(below + 1, coarse.shape[axis] - 1)
        share = np.expand_dims(place - below, tuple(range(1, -axis)))
        coarse = np.take(coarse, below, axis) * (1 - share) + np.take(coarse, above, axis) * share
    return coarse
