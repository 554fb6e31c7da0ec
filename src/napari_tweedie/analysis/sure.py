"""Stein's unbiased risk estimate: a denoiser's error with no ground truth, and the strength that it favours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.analysis.jacobian import jacobian_product, random_signs

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

WEAKEST, STRONGEST = 0.25, 4.0
"""Denoising strengths that are looked at, in units of the noise level."""

COARSE = 7
"""Strengths that are looked at before the search narrows down."""

PRECISION = 1.03
"""Ratio of strengths at which the search ends: errors are flat around their minimum."""

GOLDEN = (5**0.5 - 1) / 2


class Sure:
    """Stein's unbiased estimate of the mean squared error of f(y, s), y = clean + noise of level σ, for every strength s.

    ``E |f − clean|² = E[|f − y|² − σ² + 2 σ² vᵀ J v / N]`` (Stein 1981) with random signs v (Ramani, Blu, Unser 2008), the same
    for all strengths: their errors then differ by much less than each is uncertain.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma).
    y : Tensor
        One image, shape (1, C, …).
    sigma : float
        Noise level of the image, > 0: the estimate is as right as this is.
    generator : Generator
        Draws the signs, on the CPU.
    probes : int
        Sign patterns; each costs a denoiser call a strength.
    """

    def __init__(self, denoiser: Denoise, y: Tensor, sigma: float, generator: Generator, probes: int = 2) -> None:
        if sigma <= 0:
            raise ValueError(f"sigma must be > 0 (got {sigma})")
        self._denoiser, self._y, self._sigma = denoiser, y, sigma
        self._signs = random_signs(y, generator, probes)

    def map(self, strength: float) -> Tensor:
        """Return the estimate pixel by pixel, shape (1, C, …): unbiased, noisy, often negative; smooth it to see it."""

        def f(x: Tensor, _: float | Tensor) -> Tensor:
            return self._denoiser(x, strength)

        clean = f(self._y, strength)
        divergence = (self._signs * jacobian_product(f, self._y, self._sigma, self._signs, clean)).mean(0, keepdim=True)
        return (clean - self._y).square() + self._sigma**2 * (2 * divergence - 1)

    def error(self, strength: float) -> float:
        """Return the estimate of the mean squared error, in squared units of y."""
        return float(self.map(strength).double().mean())

    def search(self) -> Iterator[Curve]:
        """Yield the curve so far after every strength looked at; the last holds the best one."""
        return search(self.error, self._sigma)


@dataclass(frozen=True)
class Curve:
    """Errors by denoising strength.

    Parameters
    ----------
    strengths : tuple of float
        Rising, in units of the image.
    errors : tuple of float
        Mean squared errors or their estimates.
    """

    strengths: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def best(self) -> float:
        """The strength of the smallest error."""
        return self.strengths[int(np.argmin(self.errors))]


def search(error: Callable[[float], float], sigma: float) -> Iterator[Curve]:
    """Look for the strength of the smallest error: on a coarse grid, then by golden section around its best, in logarithms.

    Parameters
    ----------
    error : callable
        Error of a strength; asked once for each.
    sigma : float
        Noise level, around which the search is.

    Yields
    ------
    Curve
        All that is known, after every strength.
    """
    known: dict[float, float] = {}

    def curve(position: float) -> Curve:
        known[position] = error(sigma * float(np.exp(position)))
        positions = sorted(known)
        return Curve(tuple(sigma * float(np.exp(p)) for p in positions), tuple(known[p] for p in positions))

    grid = np.linspace(np.log(WEAKEST), np.log(STRONGEST), COARSE).tolist()
    for position in grid:
        yield curve(position)
    middle = grid.index(min(grid, key=known.__getitem__))
    low, high = grid[max(0, middle - 1)], grid[min(COARSE - 1, middle + 1)]
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    yield curve(left)
    yield curve(right)
    while high - low > np.log(PRECISION):
        if known[left] < known[right]:
            high, right = right, left
            left = high - GOLDEN * (high - low)
            yield curve(left)
        else:
            low, left = left, right
            right = low + GOLDEN * (high - low)
            yield curve(right)
