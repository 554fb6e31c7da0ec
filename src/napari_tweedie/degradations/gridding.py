"""Fourier transform at any frequencies: a grid twice as fine, and interpolation with a Kaiser–Bessel kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

OVERSAMPLING, WIDTH = 2, 6
"""How many times finer the grid is, and over how many of its points a value is interpolated: relative errors are about 1e-5."""
SHAPE = np.pi * np.sqrt((WIDTH / OVERSAMPLING) ** 2 * (OVERSAMPLING - 0.5) ** 2 - 0.8)
"""Shape of the kernel for that oversampling (Beatty, Nishimura & Pauly 2005)."""


class Gridding:
    """``ŷ_m = 1/N Σ_n x_n exp(−2πi k_m · n)`` of images of N × N pixels, n from their middle pixel N // 2.

    Parameters
    ----------
    points : array
        Frequencies k in cycles a pixel, along Y and X, shape (M, 2), each from −0.5 to 0.5.
    side : int
        N.
    """

    def __init__(self, points: NDArray[np.float64], side: int) -> None:
        from scipy.sparse import csr_array

        self.side, self._grid = side, OVERSAMPLING * side
        places = points * self._grid
        first = np.ceil(places - WIDTH / 2).astype(int)
        near = first[:, :, None] + np.arange(WIDTH)
        weights = _kernel(near - places[:, :, None])
        columns = (near[:, 0, :, None] % self._grid) * self._grid + near[:, 1, None, :] % self._grid
        values = weights[:, 0, :, None] * weights[:, 1, None, :]
        rows = np.repeat(np.arange(len(points)), WIDTH**2)
        matrix = csr_array((values.ravel(), (rows, columns.ravel())), shape=(len(points), self._grid**2))
        self._interpolate, self._spread = _sparse(matrix), _sparse(matrix.T.tocsr())
        apodised = _transform((np.arange(side) - side // 2) / self._grid)
        self._weights = torch.from_numpy(1 / np.multiply.outer(apodised, apodised) / side)

    def __call__(self, images: Tensor) -> Tensor:
        """Return the values, (…, M), of complex images, (…, N, N)."""
        grid = images.new_zeros((*images.shape[:-2], self._grid, self._grid))
        grid[..., self._inside, self._inside] = images * self._weights.to(images.device, images.real.dtype)
        spectrum = torch.fft.fft2(torch.fft.ifftshift(grid, dim=(-2, -1)))
        return _multiplied(self._interpolate, spectrum.flatten(-2))

    def adjoint(self, values: Tensor) -> Tensor:
        """Return the images, (…, N, N), that the conjugate transpose makes of values, (…, M)."""
        spectrum = _multiplied(self._spread, values).unflatten(-1, (self._grid, self._grid))
        grid = torch.fft.fftshift(torch.fft.ifft2(spectrum, norm="forward"), dim=(-2, -1))
        return grid[..., self._inside, self._inside] * self._weights.to(values.device, values.real.dtype)

    @property
    def _inside(self) -> slice:
        begin = self._grid // 2 - self.side // 2
        return slice(begin, begin + self.side)


def _kernel(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the kernel at distances in points of the grid."""
    inside = np.clip(1 - (2 * distance / WIDTH) ** 2, 0, None)
    kernel: NDArray[np.float64] = np.i0(SHAPE * np.sqrt(inside)) / np.i0(SHAPE)
    return np.where(np.abs(distance) <= WIDTH / 2, kernel, 0.0)


def _transform(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Fourier transform of the kernel at places of the image, relative to the side of the grid's image."""
    root = np.sqrt((SHAPE**2 - (np.pi * WIDTH * place) ** 2).astype(complex))
    found: NDArray[np.float64] = (WIDTH / np.i0(SHAPE) * np.sinh(root) / root).real
    return found


def _sparse(matrix: object) -> Tensor:
    coo = matrix.tocoo()  # type: ignore[attr-defined]
    indices = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
    return torch.sparse_coo_tensor(indices, torch.from_numpy(coo.data), coo.shape, check_invariants=False).coalesce()


def _multiplied(matrix: Tensor, values: Tensor) -> Tensor:
    """Return a real sparse matrix times complex vectors, (…, columns)."""
    parts = torch.view_as_real(values.reshape(-1, values.shape[-1])).permute(1, 0, 2)
    flat = torch.sparse.mm(matrix.to(values.device, values.real.dtype), parts.reshape(len(parts), -1))
    made = torch.view_as_complex(flat.reshape(len(flat), -1, 2).permute(1, 0, 2).contiguous())
    return made.reshape(*values.shape[:-1], len(flat))
