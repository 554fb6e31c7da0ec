"""Multiplicative noise, as speckle of ultrasound, radar and coherent light: as strong a share of the signal at every brightness.

Where there is no texture the logarithm of the noise level follows that of the brightness with a slope of 1; it is 1/2 for
photons, and 0 for noise that does not follow the signal. Photons on a pedestal look alike over a small range, over which
a line is as near as a parabola; they are left to that model then, which hardly matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.analysis.noise_squares import TEXTURED, Squares, squares_of
from napari_tweedie.images.speckle import spread_of_logarithm

SIDE, SHARE = 2, 0.5
"""Squares along the side of a window, and the quantile of them that tells its level: the dark is often small."""
FEWEST, ENOUGH = 12, 0.3
"""Windows without texture that there must be, and their share of all."""
USUAL = 0.25
"""Quantile of the windows whose coarser detail, next to the finest, counts as that of noise: neighbours may share speckle."""
SHARED = (1.2, 0.01)
"""How many times stronger it is then, a + b · looks; texture beside white speckle of 1, 10, 50 looks made it 1.05, 1.15, 1.4."""
LOWER = 0.3
"""Quantile of the squares whose variance tells noise that neighbours share: others hold edges."""
EDGE = 2.0
"""How many times as much as in most windows the brightness of squares of a window may differ: at edges both sides count."""
RANGE = 2.0
"""Ratio of brightness, bright to dark windows, that there must be."""
SLOPES = (0.75, 1.3)
"""Between which the slope of the logarithms is."""
MISFIT, BETTER = 0.18, 0.8
"""How far, in the logarithm, levels may be from their law, and next to those of a line or of one level for all."""
NEAR, MOST = 0.15, 0.3
"""How far, in the logarithm, a level may be from a law and count in full, and at most as far it counts."""
NEARER, EVIDENCE = 1.05, 14.0
"""How many times further levels must be from a line, and twice the logarithm by which that must be less likely."""
LEAST_FLOOR = 1e-3
"""Level without signal, next to the median brightness, that there is at least."""
MOST_LOOKS = 400.0
"""Looks from which on noise, of 5 % of the signal, is not told from texture."""


def speckle_law(planes: Sequence[NDArray[Any]]) -> tuple[float, float] | None:
    """Return the looks of multiplicative noise and the level of noise without signal; None where the noise is another.

    Parameters
    ----------
    planes
        2-D arrays (Y, X) of one channel, of any real dtype, missing pixels as NaN.
    """
    squares = [Squares.of(plane, plane, -np.inf) for plane in planes if min(plane.shape) >= 32]
    if not squares:
        return None
    seen = [(*each.windows(SIDE, SHARE), each.contrasts(SIDE, SHARE)) for each in squares]
    levels, textures, lights, contrasts = (np.concatenate([each[n] for each in seen]) for n in range(4))
    if len(levels) < FEWEST:
        return None
    usual = float(np.median(contrasts))
    plain = (contrasts <= EDGE * usual) & (textures < TEXTURED * max(1.0, float(np.quantile(textures, USUAL)))) & (lights > 0)
    levels, lights = levels[plain], lights[plain]
    if len(levels) < max(FEWEST, ENOUGH * len(plain)) or np.quantile(lights, 0.95) < RANGE * np.quantile(lights, 0.05):
        return None
    order = np.argsort(lights, kind="stable")
    dark, bright = order[: len(order) // 3], order[-(len(order) // 3) :]
    steep = np.median(levels[bright]) - np.median(levels[dark])
    slope = steep / max(float(np.log(np.median(lights[bright]) / np.median(lights[dark]))), 1e-6)
    if not SLOPES[0] < slope < SLOPES[1]:
        return None
    one = np.ones_like(lights)
    (square,), misfit = _fitted(np.stack([lights**2], 1), levels)
    _, of_line = _fitted(np.stack([lights, one], 1), levels)
    _, of_one = _fitted(one[:, None], levels)
    if not square > 1 / MOST_LOOKS or misfit > MISFIT or misfit > BETTER * of_one:
        return None
    if of_line < NEARER * misfit or 2 * len(levels) * np.log(of_line / misfit) < EVIDENCE:
        return None
    growth, unlit = float(square), 0.0
    (both, rest), beside = _fitted(np.stack([lights**2, one], 1), levels)
    if rest > 0 and both > 1 / MOST_LOOKS and beside < BETTER * misfit:
        growth, unlit = float(both), float(rest)
    least = max(LEAST_FLOOR * float(np.median(lights)), _step(planes) / 12**0.5)
    return 1 / growth, max(unlit**0.5, least)


def shares_noise(planes: Sequence[NDArray[Any]], looks: float) -> bool:
    """Tell whether neighbours share noise of so many looks, or fewer, as coarser detail is stronger nearly everywhere.

    `planes` are those in which it is even.
    """
    seen = [Squares.of(plane, plane, -np.inf).windows()[1] for plane in planes]
    return bool(np.quantile(np.concatenate(seen), USUAL) > SHARED[0] + SHARED[1] * looks)


def level_of_squares(planes: Sequence[NDArray[Any]]) -> float:
    """Return the standard deviation within squares of planes with even noise, where it is low, whatever neighbours share."""
    variances = np.concatenate([squares_of(plane).var((2, 3), ddof=1, dtype=np.float64).ravel() for plane in planes])
    return float(np.sqrt(np.nanquantile(variances, LOWER)))


def looks_of(level: float) -> float:
    """Return the looks of which the logarithm varies with a standard deviation."""
    from scipy.optimize import brentq

    ends = spread_of_logarithm(0.05), spread_of_logarithm(1e6)
    return float(brentq(lambda looks: spread_of_logarithm(looks) - min(max(level, ends[1]), ends[0]), 0.04, 2e6))


def _fitted(columns: NDArray[np.float64], levels: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the terms of a variance by least relative squares, and how far the logarithms of the levels are from it."""
    variances = np.exp(2 * levels)
    expected, least = variances.copy(), 0.05 * float(np.median(variances))
    trust = np.ones_like(levels)
    for _ in range(8):
        weights = trust / expected
        terms = np.linalg.lstsq(columns * weights[:, None], variances * weights, rcond=None)[0]
        expected = np.asarray(np.maximum(columns @ terms, least), np.float64)
        left = levels - np.log(expected) / 2
        trust = np.sqrt(np.minimum(1, NEAR / np.maximum(np.abs(left), 1e-12)))  # texture is in some windows
    return np.asarray(terms, np.float64), float(np.sqrt(np.mean(np.clip(left, -MOST, MOST) ** 2)))


def _step(planes: Sequence[NDArray[Any]]) -> float:
    """Return the distance of grey levels that are whole numbers; 0 for others."""
    values = np.concatenate([plane[np.isfinite(plane)].ravel()[::16] for plane in planes])
    return 1.0 if values.size and (values == np.round(values)).all() else 0.0
