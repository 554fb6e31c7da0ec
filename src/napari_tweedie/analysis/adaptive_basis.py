"""Adaptive basis of a denoiser on an image: the leading eigenvectors of its symmetrised Jacobian."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.analysis.jacobian import Jacobian


@dataclass(frozen=True)
class Basis:
    """Directions that a denoiser keeps, most of all first: ½(J + Jᵀ) v = λ v.

    Parameters
    ----------
    shrinkage : Tensor
        Eigenvalues λ, falling, shape (k,): the share of each direction that is kept.
    vectors : Tensor
        Eigenvectors of length one, shape (k, C, …).
    residuals : Tensor
        Lengths of ½(J + Jᵀ) v − λ v, shape (k,).
    products : int
        Products with J or Jᵀ that this took.
    """

    shrinkage: Tensor
    vectors: Tensor
    residuals: Tensor
    products: int

    def found(self, tolerance: float) -> int:
        """Return how many of the leading pairs have residuals up to `tolerance`."""
        return int((self.residuals <= tolerance).to(torch.uint8).cumprod(0).sum())


def leading_basis(
    jacobian: Jacobian, count: int, generator: Generator, *, tolerance: float = 1e-2, block: int = 2, most: int = 320
) -> Iterator[Basis]:
    """Yield better and better leading eigenpairs; all of the last are found, unless `most` came first.

    Rayleigh–Ritz on a randomised block Krylov space (Musco & Musco 2015): the best that can be made of the products.
    Never a matrix of pixels by pixels; memory is that of two images a direction.

    Parameters
    ----------
    jacobian : Jacobian
        J at the region of interest, up to about 512 × 512 pixels.
    count : int
        Eigenpairs wanted; fewer if the region has fewer pixels.
    generator : Generator
        Draws the first block, on the CPU.
    tolerance : float
        Largest length of ½(J + Jᵀ) v − λ v at which a pair counts as found.
    block : int
        Directions multiplied between two yields. An eigenvalue of higher multiplicity, as symmetric denoisers of symmetric
        regions have, is found only so often; a larger block takes more products.
    most : int
        Directions after which it ends.

    Yields
    ------
    Basis
        After every block.
    """
    shape = jacobian.clean.shape[1:]
    pixels = shape.numel()
    count, most = min(count, pixels), min(most, pixels)
    space = torch.empty((pixels, 0), device=jacobian.clean.device)
    image = torch.empty_like(space)
    new = torch.randn((pixels, min(block, pixels)), generator=generator).to(space)
    while space.shape[1] < most:
        new = _orthonormal(new[:, : most - space.shape[1]], space)
        products = [jacobian.symmetrised(v.reshape(1, *shape)).flatten() for v in new.T]
        space, image = torch.cat([space, new], 1), torch.cat([image, torch.stack(products, 1)], 1)
        new = image[:, -new.shape[1] :]
        basis = _rayleigh_ritz(space, image, count, jacobian.products, shape)
        yield basis
        if basis.found(tolerance) == count:
            return


def _orthonormal(new: Tensor, space: Tensor) -> Tensor:
    """Return an orthonormal basis of what `new` adds to the orthonormal `space`; twice is enough against rounding."""
    for _ in range(2):
        new = torch.linalg.qr(new - space @ (space.T @ new)).Q
    return new


def _rayleigh_ritz(space: Tensor, image: Tensor, count: int, products: int, shape: torch.Size) -> Basis:
    small = space.T @ image
    values, mixtures = torch.linalg.eigh((small + small.T) / 2)
    values, mixtures = values.flip(0)[:count], mixtures.flip(1)[:, :count]
    vectors = space @ mixtures
    residuals = (image @ mixtures - vectors * values).norm(dim=0)
    return Basis(values, vectors.T.reshape(-1, *shape), residuals, products)
