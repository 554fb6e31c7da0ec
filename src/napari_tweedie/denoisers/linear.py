"""Linear denoisers, diagonal in the cosine basis, of the strength that fits the image best: Tikhonov, Laplacian, heat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.classical import Classical

if TYPE_CHECKING:
    from torch import Tensor

STRENGTHS = (-8.0, 3.0, 56)
"""Decimal logarithms of the weakest and the strongest filter, and how many are tried."""


class Smoothing(Classical):
    """Base of ``f(x) = Σ h(ω) ⟨x, c_ω⟩ c_ω`` over the cosines c_ω, those of an image that is mirrored at its border.

    How strong a filter should be depends on the image as much as on its noise. It is the strength that minimises Stein's
    unbiased estimate of the squared error, ``Σ (1 − h)² ⟨x, c⟩² + 2 σ² Σ h − N σ²`` (Stein 1981), which is known in closed
    form; at a fixed strength the filter is linear. A tile counts as an image of its own. Constants and the mean are kept.
    """

    halo: ClassVar[int] = 32
    differentiable: ClassVar[bool] = True

    @staticmethod
    def symbol(frequencies: Tensor) -> Tensor:
        """Return what one axis adds to the filter's symbol at frequencies in radians a pixel: minus a second derivative."""
        return 2 - 2 * frequencies.cos()

    @staticmethod
    def transfer(symbol: Tensor, strength: Tensor) -> Tensor:
        """Return h."""
        return 1 / (1 + strength * symbol)

    def clean(self, images: Tensor) -> Tensor:
        strength = self.best_strength(images).view(-1, *[1] * (images.ndim - 1))
        return cosine_transform(self.transfer(self.symbol_of(images), strength) * cosine_transform(images), inverse=True)

    def best_strength(self, images: Tensor) -> Tensor:
        """Return the strength of least estimated error for images (N, [Z,] Y, X) with noise of level 1, shape (N,)."""
        energies, symbol = cosine_transform(images.detach()).square(), self.symbol_of(images)
        first, last, count = STRENGTHS
        strengths = torch.logspace(first, last, count, device=images.device)
        risks = []
        for strength in strengths:
            h = self.transfer(symbol, strength)
            risks.append(((1 - h).square() * energies).flatten(1).sum(1) + 2 * h.sum())
        return strengths[torch.stack(risks).argmin(0)]

    def symbol_of(self, images: Tensor) -> Tensor:
        """Return the symbol for all cosines of images (N, [Z,] Y, X), shape ([Z,] Y, X)."""
        symbol = torch.zeros((), device=images.device)
        for n in images.shape[1:]:
            frequencies = torch.arange(n, device=images.device) * (torch.pi / n)
            symbol = symbol.unsqueeze(-1) + self.symbol(frequencies)
        return symbol


class Tikhonov(Smoothing):
    """Smoothness of first order: ``argmin_u ½‖u − x‖² + ½λ‖∇u‖²``, that is ``h = 1 / (1 + λ|ω|²)`` with finite differences."""

    name: ClassVar[str] = "tikhonov"
    title: ClassVar[str] = "Tikhonov (small gradients)"


class Laplacian(Smoothing):
    """Smoothness of second order: ``argmin_u ½‖u − x‖² + ½λ‖Δu‖²``, with finite differences."""

    name: ClassVar[str] = "laplacian"
    title: ClassVar[str] = "Laplacian (small curvature)"

    @staticmethod
    def transfer(symbol: Tensor, strength: Tensor) -> Tensor:
        return 1 / (1 + strength * symbol.square())


class Heat(Smoothing):
    """The heat equation ``∂u/∂t = Δu``, u(0) = x, without flux through the border: a Gaussian filter of std √(2t)."""

    name: ClassVar[str] = "heat"
    title: ClassVar[str] = "Heat equation (Gaussian filter)"

    @staticmethod
    def symbol(frequencies: Tensor) -> Tensor:
        return frequencies.square()

    @staticmethod
    def transfer(symbol: Tensor, strength: Tensor) -> Tensor:
        return torch.exp(-strength * symbol)

    def diffuse(self, images: Tensor, time: float) -> Tensor:
        """Return the solution at a time, in squared pixels, for images (N, [Z,] Y, X)."""
        h = self.transfer(self.symbol_of(images), torch.tensor(time))
        return cosine_transform(h * cosine_transform(images), inverse=True)


def cosine_transform(images: Tensor, *, inverse: bool = False) -> Tensor:
    """Return the orthonormal cosine transform (DCT-II) of images (N, [Z,] Y, X) over all axes but the first, or its inverse."""
    for axis in range(1, images.ndim):
        matrix = cosines(images.shape[axis], images.shape[axis]).to(images)
        images = (images.movedim(axis, -1) @ (matrix if inverse else matrix.T)).movedim(-1, axis)
    return images


def cosines(count: int, length: int) -> Tensor:
    """Return `count` sampled cosines of unit norm, shape (count, length): half a period more in each than in the one before.

    For `count` = `length` they are an orthonormal basis; more are an overcomplete dictionary.
    """
    waves = torch.cos(torch.outer(torch.arange(count) * (torch.pi / count), torch.arange(length) + 0.5).double())
    return (waves / waves.norm(dim=1, keepdim=True)).float()
