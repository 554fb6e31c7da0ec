"""Noise that the pixels of a line share, all along or for a while: its strength and its length from the power of small blocks.

Offsets of whole rows have all of their power at the mean of a row. Where amplifiers drift, a row shares noise for a while only,
and some of the power lies at its slowest change: how much, next to the mean, tells over how many pixels. With noise of rows taken
for that of whole ones, what is left of a drift is a streak, which a denoiser takes for structure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.degradations.correlation import REACH

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 16
"""Side of a block in pixels."""
TAPER = np.cos(np.pi / 2 * np.arange(REACH + 1) / (REACH + 1)) ** 0.5
"""What autocovariances are brought to zero with at their largest distances."""
SLOWEST = 5
"""Coefficients from row to row that are not looked at: they hold most of the image."""
LENGTHS = np.geomspace(6.0, 48.0, 25)
"""Pixels over which a row may share noise: what falls off faster is of neighbours, and slower cannot be told in a block."""
DRIFTS = 5.0
"""Standard errors by which a row must exceed, at its slowest change, what lies beside: else all of it shares the noise."""


def shared_by_rows(power: NDArray[np.float64], blocks: float) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return what the pixels of a row share, from the power that rows have more than what lies beside.

    Slow changes from row to row are the image's: they are taken to be as strong as the weaker half of the others.

    Parameters
    ----------
    power : array
        Variance of the coefficients of the cosine transform, shape (16, 16), rows first.
    blocks : float
        Of how many blocks that do not overlap it is the mean.

    Returns
    -------
    length : float
        Pixels over which what is shared falls to 1/e; 0: whole rows share it.
    covariance : array
        Its autocovariance over 0 … `REACH` rows.
    drift : array
        Its power beside the means of rows, shape (16, 16).
    """
    length = _length(power, blocks)
    shares = _shares(length)
    excess = np.maximum(power[:, 0] - power[:, 1:4].mean(1), 0) / (shares[0] - shares[1:4].mean())
    excess[:SLOWEST] = np.median(excess[SLOWEST:])
    covariance = np.asarray(np.linalg.lstsq(kernel(), excess, rcond=None)[0] * TAPER)
    return length, covariance, excess[:, None] * np.where(np.arange(SIDE) > 0, shares, 0.0)


def kernel() -> NDArray[np.float64]:
    """Return A, shape (SIDE, REACH + 1): the variance of a coefficient of the cosine transform is A r, r(d) = r(−d)."""
    basis = _basis()
    made = np.stack([(basis[:, : SIDE - d] * basis[:, d:]).sum(1) for d in range(REACH + 1)], 1)
    made[:, 1:] *= 2
    return made


def _length(power: NDArray[np.float64], blocks: float) -> float:
    """Return over how many pixels of a row its noise is shared; 0: all of them, or that is not certain.

    Changes from row to row that are slow are not looked at: they hold most of the image.
    """
    fast = power[SIDE // 2 :]
    mean, slow, beside = fast[:, 0].mean(), fast[:, 1].mean(), fast[:, 4:8].mean()
    error = (2 / (len(fast) * blocks)) ** 0.5 * slow
    if slow - beside < DRIFTS * error:
        return 0.0
    shares = np.array([_shares(length) for length in LENGTHS])
    beyond = shares - shares[:, 4:8].mean(1, keepdims=True)
    expected = beyond[:, 1] / beyond[:, 0]  # falls with the length
    found = (slow - beside) / (mean - beside)
    if not expected[-1] < found < expected[0]:
        return 0.0
    return float(f"{np.interp(-found, -expected, LENGTHS):.3g}")


def _shares(length: float) -> NDArray[np.float64]:
    """Return the variance of the coefficients, (SIDE,), of noise of variance 1 that a row shares over a length; 0: all of it."""
    number = np.arange(SIDE)
    if not length:
        return np.where(number == 0, float(SIDE), 0.0)
    basis = _basis()
    covariance = np.exp(-np.abs(np.subtract.outer(number, number)) / length)
    return np.asarray(((basis @ covariance) * basis).sum(1))


def _basis() -> NDArray[np.float64]:
    """Return the orthonormal cosines, one a row, shape (SIDE, SIDE)."""
    number = np.arange(SIDE)
    scale = np.where(number > 0, 2 / SIDE, 1 / SIDE)[:, None] ** 0.5
    return np.asarray(np.cos(np.pi / SIDE * number[:, None] * (number + 0.5)) * scale)
