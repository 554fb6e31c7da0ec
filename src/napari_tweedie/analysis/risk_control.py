"""Risk control: how much wider intervals must be, so that with a stated confidence few pixels lie outside on average.

The risk of an image is the share of its pixels whose truth lies outside of the interval. Images are independent, pixels of one
image are not: so a guarantee rests on their number. With images that are like the calibration images, the mean risk is at most α
with probability 1 − δ over the choice of those (Bates, Angelopoulos, Lei, Malik & Jordan, "Distribution-free, risk-controlling
prediction sets", JACM 2021; for images Angelopoulos et al., ICML 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, e, exp, inf, log
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FACTORS = tuple(float(f"{factor:.4g}") for factor in np.geomspace(0.25, 32, 141))
"""Factors of the width that are tried, each 3.5 % larger than the one before."""


@dataclass(frozen=True)
class Guarantee:
    """A width that controls the risk.

    Parameters
    ----------
    factor : float
        λ: what the stated width is multiplied by.
    alpha, delta : float
        At most a share α of the pixels lies outside, on average over images, with confidence 1 − δ.
    images : int
        Number of calibration images.
    left_out : tuple of float
        The factor that follows when one image after the other is left out; infinite where the others do not suffice.
    """

    factor: float
    alpha: float
    delta: float
    images: int
    left_out: tuple[float, ...]


def images_needed(alpha: float, delta: float) -> int:
    """Return how many images a guarantee needs at the least: so many without any risk are not a matter of chance."""
    _check(alpha, delta)
    return ceil(log(delta) / log(1 - alpha))


def too_few(images: int, alpha: float, delta: float) -> str:
    """Say that so few images cannot guarantee it, and the way out."""
    needed = images_needed(alpha, delta)
    how = f"take at least {needed}, or allow a larger α or δ"
    return f"{images} images cannot guarantee α = {alpha:g} with δ = {delta:g}: {how}"


def p_value(risk: float, images: int, alpha: float) -> float:
    """Return how probable so small a mean risk, or a smaller one, of so many images is at most, if its expectation is above α.

    The smaller one of the bounds of Hoeffding and of Bentkus.
    """
    from scipy.special import bdtr  # the distribution function of the binomial law

    if risk >= alpha:
        return 1.0
    kept = (1 - risk) * log((1 - risk) / (1 - alpha)) + (risk * log(risk / alpha) if risk > 0 else 0.0)
    return min(exp(-images * kept), e * float(bdtr(ceil(images * risk - 1e-12), images, alpha)))


def guarantee(
    outside: NDArray[np.float64], alpha: float = 0.1, delta: float = 0.1, factors: Sequence[float] = FACTORS
) -> Guarantee:
    """Return the smallest width that controls the risk.

    Parameters
    ----------
    outside : array
        Share of the pixels of every image that lies outside an interval of every width, shape (images, factors), as `outside_of`
        returns it.
    alpha, delta : float
        As in `Guarantee`, between 0 and 1.
    factors : sequence of float
        The widths, rising.

    Raises
    ------
    ValueError
        If there are too few images for it, or even the widest intervals leave too much outside; the message says how many are
        needed.
    """
    outside = np.asarray(outside, dtype=float)
    images = len(outside)
    if images < images_needed(alpha, delta):
        raise ValueError(too_few(images, alpha, delta))
    factor = _smallest(outside.mean(0), images, alpha, delta, factors)
    if factor == inf:
        raise ValueError(
            f"even {factors[-1]:g} times as wide intervals leave more than a share of {alpha:g} outside on {images} images: take "
            "more images, or look for what is wrong with the model of the measurement"
        )
    others = (outside.sum(0) - outside).clip(min=0) / max(images - 1, 1)
    left_out = (_smallest(risks, images - 1, alpha, delta, factors) for risks in others)
    return Guarantee(factor, alpha, delta, images, tuple(left_out))


def outside_of(scores: NDArray[np.floating], width: float, factors: Sequence[float] = FACTORS) -> NDArray[np.float64]:
    """Return which share of an image's standardised errors lies outside of intervals of `width` times every factor."""
    ordered = np.sort(scores.ravel())
    return 1 - np.searchsorted(ordered, width * np.asarray(factors), side="right") / len(ordered)


def _smallest(risks: NDArray[np.float64], images: int, alpha: float, delta: float, factors: Sequence[float]) -> float:
    """Return the smallest factor that passes together with all larger ones; infinite if none does."""
    smallest = inf
    for factor, risk in zip(reversed(factors), reversed(risks.tolist()), strict=True):
        if p_value(risk, images, alpha) > delta:
            break
        smallest = factor
    return smallest


def _check(alpha: float, delta: float) -> None:
    for name, value in (("alpha", alpha), ("delta", delta)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must be between 0 and 1 (got {value})")
