"""Least sure pixels: those whose standard deviation is largest, as regions that can be outlined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARE = 0.1
WIDTH = 1.0
"""Standard deviation, in pixels, of the smoothing without which every second pixel would be outlined."""
SPECK = 12
"""Pixels below which a region is too small to be seen as one."""


def least_sure(std: NDArray[Any], share: float = SHARE) -> tuple[NDArray[np.bool_], float]:
    """Return where an image is least sure, and from which standard deviation on that is.

    Parameters
    ----------
    std : array
        Standard deviation of every pixel, shape (…, Y, X); what is not finite is never marked.
    share : float
        Share of the pixels that are the least sure, between 0 and 1.

    Returns
    -------
    array of bool
        Shape of `std`: the regions where its mean over a pixel's surroundings lies above the limit, without specks.
    float
        The limit, in the unit of `std`; below `share` of the smoothed pixels lie above it.

    Raises
    ------
    ValueError
        If the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1 (got {share})")
    spread = np.asarray(std, dtype=np.float64)
    known = np.isfinite(spread)
    if not known.any():
        return np.zeros(spread.shape, bool), float("nan")
    over = (0.0,) * (spread.ndim - 2) + (WIDTH, WIDTH)
    weight = ndimage.gaussian_filter(known.astype(np.float64), over)
    smooth = ndimage.gaussian_filter(np.where(known, spread, 0.0), over) / np.maximum(weight, 1e-9)
    limit = float(np.quantile(smooth[known], 1 - share))
    plane = np.zeros((3,) * spread.ndim, bool)
    plane[(1,) * (spread.ndim - 2)] = True  # regions do not reach from one plane into the next
    regions, _ = ndimage.label((smooth > limit) & known, plane)
    large = np.bincount(regions.ravel()) >= SPECK
    large[0] = False
    return large[regions], limit
