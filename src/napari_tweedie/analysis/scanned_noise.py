"""Noise of scanners, which neighbours share along one axis only: told from texture, and how it grows with light.

Along the other axis such noise is white: its power depends on one frequency alone. Fine detail along that axis, in which an image
has the least, tells the power at slow changes, too, where texture all over an image is easily taken for noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.noise_model import NoiseFit, fit_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINE = 10
"""The first coefficient, of sixteen, of fine detail."""
SLOW = slice(2, 6)
FLAT, FALLS = 1.2, 2.0
"""Ratios of power, fine to slow along one axis, up to which noise is white along it, and from which on it is not."""
MISTAKEN = 2.0
"""How many times the power of noise slow changes must have to be texture."""
LINES = 1.4
"""How many times the power beside them whole lines along that axis must have to share noise of their own."""
SHARE = 0.35
"""Quantile of the blocks of a brightness that are taken for noise alone: texture shows in the others."""
GROUPS, FEWEST = 12, 20
"""Groups of blocks, and how many of them one must have."""


def texture_beside(power: NDArray[np.float64]) -> int | None:
    """Return the axis along which noise is white where slow changes hold texture; None if noise is not such, or there is none.

    `power` is that of the coefficients of the cosine transform, shape (16, 16).
    """
    for axis, turned in enumerate((power, power.T)):
        fine = turned[FINE:].mean(0)
        across = turned[SLOW, FINE:].mean() / turned[FINE:, FINE:].mean()
        falls = fine[3:8].mean() / fine[12:].mean()
        mistaken = turned[SLOW, SLOW].mean() / fine[SLOW].mean()
        if 1 / FLAT < across < FLAT and falls > FALLS and mistaken > MISTAKEN:
            return axis
    return None


def without_texture(power: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the power of noise that is white along an axis, no more at slow changes than at fine ones."""
    turned = (power if axis == 0 else power.T).copy()
    shared = turned[0, 8:].mean() > LINES * turned[1:4, 8:].mean()
    first = 1 if shared else 0
    turned[first:FINE, 1:] = np.minimum(turned[first:FINE, 1:], turned[FINE:, 1:].mean(0))
    return turned if axis == 0 else turned.T


def law_of_scan(blocks: NDArray[Any], energy: NDArray[np.float64], axis: int, fit: NoiseFit) -> NoiseFit:
    """Return how noise that is white along an axis grows with light, by fine detail along it; `fit` tells the offset.

    Parameters
    ----------
    blocks, energy : array
        Means of blocks in grey levels, shape (N,), and their squared coefficients, shape (N, 16, 16).
    """
    fine = energy[:, FINE:, 1:] if axis == 0 else energy[:, 1:, FINE:]
    variance = fine.mean((1, 2))
    order = blocks.argsort().argsort() / len(blocks)
    level = np.clip((blocks - blocks.min()) / max(np.quantile(blocks, 0.999) - blocks.min(), np.finfo(float).tiny), 0, 1)
    group = np.minimum((GROUPS / 2 * (order + level)).astype(int), GROUPS - 1)
    chosen = [group == number for number in range(GROUPS) if (group == number).sum() >= FEWEST]
    if len(chosen) < 2:
        return fit
    means, variances, counts = (
        np.array(column)
        for column in zip(*((blocks[one].mean(), np.quantile(variance[one], SHARE), one.sum()) for one in chosen), strict=True)
    )
    lit = np.maximum(means - fit.offset, 0.0)
    slope, unlit = fit_line(lit, variances, np.sqrt(np.minimum(counts, counts.mean())), np.array([np.nan, np.nan]))
    if not slope > 0:
        return fit
    points = (tuple(map(float, means)), tuple(map(float, variances)))
    return NoiseFit(slope, fit.offset, unlit**0.5, *points)
