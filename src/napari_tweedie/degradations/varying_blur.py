"""Blur that may vary over the field: a few kernels on a grid over the image, and in between their mixtures.

A = Σ Hₖ Wₖ (Nagy & O'Leary 1998): the weights Wₖ, one kernel each, add up to 1 in every pixel of x and fall off linearly towards
the neighbouring kernels, so that every point spreads all of its light, with the mixture of kernels that belongs to its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape, spatial_axes

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.svd import SVD

Array = NDArray[np.float64]


class VaryingBlur(Blur):
    """Convolution with a kernel, or with one of several for every place of the image.

    The kernels lie on a grid over Y and X, of which the first and the last row and column are those of the measurement.
    """

    _kernels: dict[int, Array] = PrivateAttr(default_factory=dict)

    def grid(self, ndim: int) -> Array:
        """Return the kernels, (rows, columns, …) of `ndim` axes each, of odd sizes and sum 1."""
        raise TypeError(f"{type(self).__name__} defines no kernels")

    def kernels(self, ndim: int) -> Array:
        """Return the kernels as many times as wide as `relative_width` says, computed once."""
        if ndim not in self._kernels:
            grid = self.grid(ndim)
            wider = np.array([[self._as_wide(kernel) for kernel in row] for row in grid])
            self._kernels[ndim] = wider
        return self._kernels[ndim]

    def widened(self, ndim: int) -> Array:
        """Return the kernel; of several, their mean over the field."""
        if not self.varies(ndim):
            return super().widened(ndim)
        kernels = self.kernels(ndim)
        shares = [hats(n, 16 * n).mean(1) for n in kernels.shape[:2]]
        return np.asarray(np.einsum("i,j,ij...->...", *shares, kernels))

    def wider(self, factor: float) -> Self:
        found = super().wider(factor)
        found._kernels = {}
        return found

    def amplification(self, ndim: int) -> float:
        if not self.varies(ndim):
            return super().amplification(ndim)
        return float(1 / self.kernels(ndim).max(tuple(range(2, 2 + ndim))).min())

    def norm(self, image: Shape | None = None) -> float:
        ndim = self.kernel_axes() if image is None else len(image)
        if not self.varies(ndim):
            return float(np.abs(self.kernel(ndim)).sum())
        kernels = np.abs(self.kernels(ndim)).reshape(-1, *self.kernel(ndim).shape)
        columns, rows = kernels.reshape(len(kernels), -1).sum(1).max(), kernels.max(0).sum()
        return float(np.sqrt(columns * rows))

    def kernel_axes(self) -> int:
        """Return the number of axes of the kernels."""
        raise TypeError(f"{type(self).__name__} defines no kernels")

    def reach(self, ndim: int) -> Shape | None:
        return None if self.varies(ndim) else super().reach(ndim)

    def __call__(self, x: Tensor) -> Tensor:
        if not self.varies(x.ndim - 2):
            return super().__call__(x)
        grid, axes = self._fast(tuple(x.shape[2:])), spatial_axes(x)
        spectrum = sum(torch.fft.rfftn(part * x, s=grid, dim=axes) * own for part, own in self._parts(x, x.shape[2:], grid))
        return self.crop(self._within(torch.fft.irfftn(spectrum, s=grid, dim=axes), tuple(x.shape[2:])))

    def adjoint(self, y: Tensor) -> Tensor:
        if not self.varies(y.ndim - 2):
            return super().adjoint(y)
        domain = self.domain(tuple(y.shape[2:]))
        grid, axes = self._fast(domain), spatial_axes(y)
        spectrum = torch.fft.rfftn(self._placed(y, grid), dim=axes)
        x = torch.zeros((*y.shape[:2], *domain), dtype=y.dtype, device=y.device)
        for part, own in self._parts(y, domain, grid):
            x += part * self._within(torch.fft.irfftn(spectrum * own.conj(), s=grid, dim=axes), domain)
        return x

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        return Degradation.prox(self, z, y, rho) if self.varies(z.ndim - 2) else super().prox(z, y, rho)

    def svd_obstacle(self) -> str:
        several = any(self.varies(ndim) for ndim in self.ndim)
        return f"{self.name!r} has no fast singular value decomposition where it varies" if several else super().svd_obstacle()

    def svd(self, x: Tensor) -> SVD:
        if self.varies(x.ndim - 2):
            raise ValueError(self.svd_obstacle())
        return super().svd(x)

    def _parts(self, x: Tensor, domain: Any, grid: Shape) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the weight of every kernel over the domain, (Y, X), and its transfer function on a grid."""
        kernels, margins = self.kernels(x.ndim - 2), self._margins(x.ndim - 2)
        sides = [
            torch.as_tensor(hats(n, length - 2 * margin, margin)).to(x)
            for n, length, margin in zip(kernels.shape[:2], domain[-2:], margins[-2:], strict=True)
        ]
        for row, column in np.ndindex(*kernels.shape[:2]):
            key = (grid, x.dtype, x.device, row, column)
            if key not in self._transfers:
                self._transfers[key] = torch.fft.rfftn(self._wrapped(kernels[row, column], x, grid))
            yield sides[0][row, :, None] * sides[1][column], self._transfers[key]


def hats(count: int, length: int, margin: int = 0) -> Array:
    """Return weights, (count, length + 2 · margin), that are 1 at one of so many even places from end to end of a length.

    They fall off to 0 at the next places linearly, so that they sum to 1; beyond both ends they stay as they are there.
    """
    at = np.clip(np.arange(-margin, length + margin) / max(length - 1, 1), 0, 1) * (count - 1)
    return np.clip(1 - np.abs(at - np.arange(count)[:, None]), 0, None)


def part_of_grid(functions: NDArray[Any], start: tuple[int, int], stop: tuple[int, int], field: tuple[int, int]) -> NDArray[Any]:
    """Return the functions for a part of the field of a grid of them, (rows, columns, …), as many.

    Parameters
    ----------
    start, stop, field : tuple of int
        First pixel of the part, the one after its last, and the length of the field, along Y and X.
    """
    for axis, (first, last, length) in enumerate(zip(start, stop, field, strict=True)):
        count = functions.shape[axis]
        weights = hats(count, length)[:, np.rint(np.linspace(first, last - 1, count)).astype(int)]
        functions = np.moveaxis(np.tensordot(weights.T, functions, (1, axis)), 0, axis)
    return functions
