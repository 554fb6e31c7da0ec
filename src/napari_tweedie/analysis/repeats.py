"""Calibration by a repeat: two exposures of the same specimen tell how wide intervals must be, without any truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 16
"""Side, in pixels, of the squares that count as independent for the standard error: errors correlate over less."""
BRIGHTER = 0.05
"""Difference of the two exposures' means, as a share of the contrast, from which on they are not of the same brightness,"""
SURE = 4.0
"""where it is as many standard errors, too."""


@dataclass(frozen=True)
class Repeat:
    """What a second exposure says of stated standard deviations.

    Parameters
    ----------
    factor : float
        By what they must be multiplied, so that their mean square is that of the errors.
    standard_error : float
        Of the factor.
    """

    factor: float
    standard_error: float


def calibrate_by_repeat(mean: NDArray[Any], std: NDArray[Any], first: NDArray[Any], second: NDArray[Any]) -> Repeat:
    """Return the factor that a second exposure leads to.

    The noise of the second exposure is independent of the estimate: (second − mean)² exceeds the squared error by the variance of
    that noise, which is half of (first − second)² on average, whatever its law, pixel by pixel.

    Parameters
    ----------
    mean, std : array
        What the first exposure was denoised to, and the stated standard deviation, shape (…, Y, X), in grey levels.
    first, second : array
        Both exposures, of equal brightness, at the same pixels and with independent noise of equal strength.

    Raises
    ------
    ValueError
        If shapes or brightness differ, or the noise hides the errors; the message says what to do.
    """
    mean, std, first, second = (np.asarray(array, dtype=np.float64) for array in (mean, std, first, second))
    if not mean.shape == std.shape == first.shape == second.shape:
        raise ValueError(
            f"the exposures have shapes {first.shape} and {second.shape}, the result {mean.shape}: all must be equal"
        )
    known = np.isfinite(mean) & np.isfinite(std) & np.isfinite(first) & np.isfinite(second)
    contrast = float(np.subtract(*np.percentile(mean[known], (99.5, 0.5))))
    shift = float((second - first)[known].mean())
    chance = float((second - first)[known].std()) / known.sum() ** 0.5
    if abs(shift) > max(BRIGHTER * contrast, SURE * chance):
        raise ValueError(f"the second exposure is brighter by {shift:.4g} on average: bring both to equal brightness first")
    squared = np.where(known, (second - mean) ** 2 - (first - second) ** 2 / 2, 0.0)
    stated = np.where(known, std**2, 0.0)
    errors, spreads = _sums(squared), _sums(stated)
    if spreads.sum() <= 0:
        raise ValueError("the stated standard deviation is zero everywhere: there is nothing to correct")
    square = errors.sum() / spreads.sum()
    uncertainty = float(np.sqrt(((errors - square * spreads) ** 2).sum())) / spreads.sum()
    if square < 2 * uncertainty:
        raise ValueError(
            f"the noise hides the errors: their square is {square:.2g} ± {uncertainty:.2g} of what is stated; use a larger image"
        )
    factor = float(np.sqrt(square))
    return Repeat(factor, uncertainty / (2 * factor))


def _sums(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums over the squares of the planes of an image."""
    rows, columns = (np.arange(0, length, BLOCK) for length in image.shape[-2:])
    return np.asarray(np.add.reduceat(np.add.reduceat(image, rows, axis=-2), columns, axis=-1)).ravel()
