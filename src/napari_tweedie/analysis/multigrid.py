"""Solver of Poisson's equation on a region of any shape: conjugate gradients, preconditioned by multigrid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grid = NDArray[np.floating[Any]]

DAMPING = 0.8
"""Of Jacobi's iteration, which with it removes what a coarser grid cannot show."""

SMOOTHING = 2
"""Jacobi iterations before and after each coarser grid."""

COARSEST = 4
"""Shorter side, in pixels, from which on smoothing alone solves the equation."""

COARSEST_SMOOTHING = 20
"""Jacobi iterations there."""


@dataclass(frozen=True)
class Laplacian:
    """Minus the five-point Laplacian of the pixels of a region, those around it being zero, the image's border insulating.

    ``(A u)_p = Σ_q (u_p − u_q)`` over the neighbours q of p within the image.

    Parameters
    ----------
    down, right : array
        Weight of the bond of every pixel with that below and that to the right, shapes (Y − 1, X) and (Y, X − 1).
    outward : array
        Weight of its bonds with pixels outside of the region, shape (Y, X).
    """

    down: Grid
    right: Grid
    outward: Grid

    @classmethod
    def of(cls, region: NDArray[np.bool_]) -> Laplacian:
        """Return the operator of a region."""
        outward = np.zeros(region.shape, np.float32)
        outward[1:] += region[1:] & ~region[:-1]
        outward[:-1] += region[:-1] & ~region[1:]
        outward[:, 1:] += region[:, 1:] & ~region[:, :-1]
        outward[:, :-1] += region[:, :-1] & ~region[:, 1:]
        down, right = region[1:] & region[:-1], region[:, 1:] & region[:, :-1]
        return cls(down.astype(np.float32), right.astype(np.float32), outward)

    @cached_property
    def diagonal(self) -> Grid:
        """The sum of the bonds of every pixel; zero outside of the region."""
        total = self.outward.copy()
        total[1:] += self.down
        total[:-1] += self.down
        total[:, 1:] += self.right
        total[:, :-1] += self.right
        return total

    @cached_property
    def inverse(self) -> Grid:
        """One over the diagonal, zero outside of the region."""
        return np.divide(1, self.diagonal, out=np.zeros_like(self.diagonal), where=self.diagonal > 0)

    def __call__(self, u: Grid) -> Grid:
        """Return A u."""
        result = self.diagonal * u
        result[1:] -= self.down * u[:-1]
        result[:-1] -= self.down * u[1:]
        result[:, 1:] -= self.right * u[:, :-1]
        result[:, :-1] -= self.right * u[:, 1:]
        return result

    def smooth(self, u: Grid, b: Grid, times: int) -> Grid:
        """Bring u nearer to the solution of A u = b."""
        for _ in range(times):
            u = u + DAMPING * self.inverse * (b - self(u))
        return u

    def coarser(self) -> Laplacian:
        """Return the operator on blocks of 2 × 2 pixels.

        Bonds between blocks are the mean of the two that cross; bonds outward are summed, for the region's border is nearer than
        a block away.
        """
        height, width = self.outward.shape
        down = np.pad(self.down[1::2], [(0, 0), (0, width % 2)])
        right = np.pad(self.right[:, 1::2], [(0, height % 2), (0, 0)])
        outward = np.pad(self.outward, [(0, height % 2), (0, width % 2)])
        outward = outward[::2] + outward[1::2]
        return Laplacian((down[:, ::2] + down[:, 1::2]) / 2, (right[::2] + right[1::2]) / 2, outward[:, ::2] + outward[:, 1::2])


class PoissonSolver:
    """Solves A u = b on a region, u being zero around it; the work grows as the number of pixels.

    Conjugate gradients with a multigrid V-cycle as preconditioner (Tatebe 1993): Jacobi smoothing, bilinear interpolation and
    its transpose.

    Parameters
    ----------
    region : array of bool
        Where u is unknown, shape (Y, X).

    Raises
    ------
    ValueError
        If no pixel of the image is known.
    """

    def __init__(self, region: NDArray[np.bool_]) -> None:
        if region.all():
            raise ValueError("the region covers the whole image: leave pixels around it, whose values it can meet")
        self._levels = [Laplacian.of(region)]
        while min(self._levels[-1].outward.shape) > COARSEST:
            self._levels.append(self._levels[-1].coarser())

    def solve(self, b: Grid, tolerance: float, iterations: int = 100) -> NDArray[np.float64]:
        """Return u to about `tolerance`, in units of u.

        Parameters
        ----------
        b : array
            Right-hand side, shape (Y, X), zero outside of the region.
        tolerance : float
            Largest estimated error of a pixel.
        iterations : int
            After which it gives up.

        Raises
        ------
        ValueError
            If the tolerance was not reached, because b holds values that are not finite.
        """
        apply = self._levels[0]
        u, r = np.zeros(b.shape), np.asarray(b, np.float64)
        p, last = np.zeros_like(u), 1.0
        for _ in range(iterations):
            z = np.asarray(self._cycle(0, r.astype(np.float32)), np.float64)
            if np.abs(z).max() <= tolerance:
                return u + z
            product = float(np.vdot(r, z))
            p = z + product / last * p
            last = product
            q = apply(p)
            step = product / float(np.vdot(p, q))
            u += step * p
            r -= step * q
        raise ValueError(f"the equation was not solved in {iterations} iterations: are all pixels finite?")

    def _cycle(self, level: int, b: Grid) -> Grid:
        """Return about the solution of A u = b on a level."""
        here = self._levels[level]
        first: Grid = DAMPING * here.inverse * b
        if level == len(self._levels) - 1:
            return here.smooth(first, b, COARSEST_SMOOTHING)
        u = here.smooth(first, b, SMOOTHING - 1)
        coarse = self._cycle(level + 1, _restrict(_restrict(b - here(u), 0), 1))
        fine = _interpolate(_interpolate(coarse, 0, b.shape[0]), 1, b.shape[1])
        return here.smooth(u + (here.diagonal > 0) * fine, b, SMOOTHING)


def _interpolate(coarse: Grid, axis: int, length: int) -> Grid:
    """Interpolate linearly between the centres of blocks of two pixels, constantly beyond the first and last."""
    c = np.moveaxis(coarse, axis, 0)
    fine = np.repeat(np.float32(0.75) * c, 2, axis=0)
    fine[2::2] += c[:-1] / 4
    fine[1:-1:2] += c[1:] / 4
    fine[0] += c[0] / 4
    fine[-1] += c[-1] / 4
    return np.moveaxis(fine[:length], 0, axis)


def _restrict(fine: Grid, axis: int) -> Grid:
    """Apply the transpose of `_interpolate`."""
    f = np.moveaxis(fine, axis, 0)
    f = np.pad(f, [(0, len(f) % 2), (0, 0)])
    even, odd = f[::2], f[1::2]
    coarse = np.float32(0.75) * (even + odd)
    coarse[:-1] += even[1:] / 4
    coarse[1:] += odd[:-1] / 4
    coarse[0] += even[0] / 4
    coarse[-1] += odd[-1] / 4
    return np.moveaxis(coarse, 0, axis)
