"""What if the pixels are too large?"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from napari_tweedie.degradations.operator import Degradation, Shape
from napari_tweedie.degradations.svd import SVD
from napari_tweedie.lazy import torch
from napari_tweedie.method import Parameter

if TYPE_CHECKING:
    from torch import Tensor


class Downsample(Degradation):
    """Every pixel of the measurement is the mean of a block of pixels, as on a camera that bins."""

    name: ClassVar[str] = "downsample"
    title: ClassVar[str] = "Low resolution"

    factor: int = Parameter(2, "Pixels per block along Y and X.", unit="px", ge=1, le=16)
    axial_factor: int = Parameter(1, "Planes per block along Z, for stacks.", unit="px", ge=1, le=16)

    def factors(self, ndim: int) -> Shape:
        return (self.axial_factor,) * (ndim - 2) + (self.factor,) * 2

    def shape(self, image: Shape) -> Shape:
        factors = self.factors(len(image))
        if any(length % factor for length, factor in zip(image, factors, strict=True)):
            raise ValueError(f"an image of shape {image} is not made of whole blocks of {factors} pixels")
        return tuple(length // factor for length, factor in zip(image, factors, strict=True))

    def domain(self, measurement: Shape) -> Shape:
        return tuple(n * factor for n, factor in zip(measurement, self.factors(len(measurement)), strict=True))

    def reach(self, ndim: int) -> Shape:
        return (0,) * ndim

    def norm(self, image: Shape | None = None) -> float:
        return float(prod(self.factors(2 if image is None else len(image))) ** -0.5)

    def __call__(self, x: Tensor) -> Tensor:
        factors = self.factors(x.ndim - 2)
        self.shape(tuple(x.shape[2:]))
        pool = torch.nn.functional.avg_pool2d if x.ndim == 4 else torch.nn.functional.avg_pool3d
        return pool(x, factors)

    def adjoint(self, y: Tensor) -> Tensor:
        factors = self.factors(y.ndim - 2)
        for axis, factor in enumerate(factors, start=2):
            y = y.repeat_interleave(factor, dim=axis)
        return y / prod(factors)

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        """Use A Aᵀ = I / block size, so that (AᵀA + ρ)⁻¹ needs no iteration."""
        return z + self.adjoint(y - self(z)) / (1 / prod(self.factors(z.ndim - 2)) + rho)

    def svd(self, x: Tensor) -> SVD:
        """Use that V may be, in every block of n pixels, the reflection that swaps its first pixel e with its mean m = 1/√n.

        With d = e − m it is ``x − 2 d (dᵀx) / (dᵀd)`` (Householder), and ``dᵀd = 2 − 2/√n``.
        """
        factors = self.factors(x.ndim - 2)
        root = prod(factors) ** 0.5
        first: Any = (..., *(slice(None, None, factor) for factor in factors))

        def reflect(x: Tensor) -> Tensor:
            if root == 1:
                return x
            amount = (x[first] - root * self(x)) / (1 - 1 / root)
            x = x + root * self.adjoint(amount)
            x[first] -= amount
            return x

        s = torch.zeros_like(x[0, 0])
        s[first] = 1 / root
        return SVD.of_normal(self, s, reflect, reflect)

    def extend(self, image: Tensor) -> Tensor:
        """Drop the last pixels that do not fill a block."""
        for axis, factor in enumerate(self.factors(image.ndim - 2), start=2):
            whole = image.shape[axis] // factor * factor
            if whole == 0:
                raise ValueError(f"an image of shape {tuple(image.shape[2:])} is smaller than one block of {factor} pixels")
            image = image.narrow(axis, 0, whole)
        return image

    def start(self, y: Tensor) -> Tensor:
        """Interpolate between block centres, bicubic in planes and linear in volumes."""
        mode = "bicubic" if y.ndim == 4 else "trilinear"
        return torch.nn.functional.interpolate(y, size=self.domain(tuple(y.shape[2:])), mode=mode, align_corners=False)
