"""Downsampling: pixels that are too large."""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.cosine import dct, inverse_dct
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape
from napari_tweedie.degradations.svd import SVD

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 1.0
"""Full width at half maximum of the anti-aliasing Gaussian, in large pixels."""


class Downsample(Degradation):
    """Every pixel of the measurement is a mean over pixels of the image, whose weights depend on the filter.

    ``"block"`` takes the mean of a block, as on a camera that bins. ``"anti-aliased"`` weighs by a Gaussian as wide as the
    large pixel, which reaches beyond it, as optics do that are matched to the sampling; at the borders the image is
    mirrored. Then A Aᵀ is diagonal in the cosine basis, so that the proximal map needs no iteration.
    """

    name: ClassVar[str] = "downsample"
    title: ClassVar[str] = "Low resolution"
    undone: ClassVar[str] = "enlarged"

    factor: int = Parameter(2, "Pixels per large pixel along Y and X.", unit="px", ge=1, le=16)
    axial_factor: int = Parameter(1, "Planes per large pixel along Z, for stacks.", unit="px", ge=1, le=16)
    filter: Literal["block", "anti-aliased"] = Parameter("block", "Mean of a block, or weighted by a Gaussian as wide as it.")

    @property
    def is_disjoint(self) -> bool:  # type: ignore[override]
        """Whether large pixels are blocks."""
        return self.filter == "block"

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
        return tuple(0 if self.filter == "block" or factor == 1 else factor for factor in self.factors(ndim))

    def norm(self, image: Shape | None = None) -> float:
        """Return √(largest row sum · largest column sum); the weights of a large pixel sum to 1, and none is negative."""
        like = torch.zeros(())
        factors = self.factors(2 if image is None else len(image))
        return prod(float(self._weights(factor, like).view(-1, factor).sum(0).max()) for factor in factors) ** 0.5

    def __call__(self, x: Tensor) -> Tensor:
        self.shape(tuple(x.shape[2:]))
        for axis, factor in enumerate(self.factors(x.ndim - 2), start=2):
            x = self._shrink(x.movedim(axis, -1), factor).movedim(-1, axis)
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        for axis, factor in enumerate(self.factors(y.ndim - 2), start=2):
            y = self._spread(y.movedim(axis, -1), factor).movedim(-1, axis)
        return y

    def _weights(self, factor: int, like: Tensor) -> Tensor:
        """Return the weights of the pixels about a large one, `factor` and as many margins on both sides."""
        reach = 0 if self.filter == "block" or factor == 1 else factor
        positions = torch.arange(factor + 2 * reach, device=like.device, dtype=like.dtype) - (factor + 2 * reach - 1) / 2
        std = WIDTH * factor / 2.3548
        weights = torch.exp(-0.5 * (positions / std) ** 2) if reach else torch.ones_like(positions)
        return weights / weights.sum()

    def _mirrored(self, n: int, margin: int, like: Tensor) -> Tensor:
        """Return which pixel stands at every place of an axis of n pixels that is mirrored beyond its ends."""
        places = torch.arange(-margin, n + margin, device=like.device) % (2 * n)
        return torch.minimum(places, 2 * n - 1 - places)

    def _shrink(self, x: Tensor, factor: int) -> Tensor:
        """Apply A along the last axis."""
        weights, n = self._weights(factor, x), x.shape[-1]
        places = self._mirrored(n, (len(weights) - factor) // 2, x)
        lines = x[..., places].reshape(-1, 1, len(places))
        return torch.nn.functional.conv1d(lines, weights.view(1, 1, -1), stride=factor).view(*x.shape[:-1], n // factor)

    def _spread(self, y: Tensor, factor: int) -> Tensor:
        """Apply the adjoint along the last axis."""
        weights, n = self._weights(factor, y), y.shape[-1] * factor
        lines = torch.nn.functional.conv_transpose1d(y.reshape(-1, 1, y.shape[-1]), weights.view(1, 1, -1), stride=factor)
        places = self._mirrored(n, (len(weights) - factor) // 2, y)
        x = torch.zeros((len(lines), 1, n), dtype=y.dtype, device=y.device)
        return x.index_add_(-1, places, lines).view(*y.shape[:-1], n)

    def _gram(self, y: Tensor) -> Tensor | float:
        """Return the eigenvalues of A Aᵀ in the cosine basis of measurements: products of those along every axis."""
        if self.filter == "block":
            return 1 / prod(self.factors(y.ndim - 2))
        along = []
        for n, factor in zip(y.shape[2:], self.factors(y.ndim - 2), strict=True):
            impulse = torch.zeros((1, 1, n), dtype=y.dtype, device=y.device)
            impulse[..., 0] = 1
            response = self._shrink(self._spread(impulse, factor), factor)
            along.append((dct(response) / dct(impulse)).flatten())
        return reduce(lambda a, b: a[..., None] * b, along)

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        """Use ``(AᵀA + ρ)⁻¹ Aᵀ = Aᵀ (A Aᵀ + ρ)⁻¹``, whose inverse needs no iteration."""
        error, gram = y - self(z), self._gram(y)
        scaled = error / (gram + rho) if isinstance(gram, float) else inverse_dct(dct(error) / (gram + rho))
        return z + self.adjoint(scaled)

    def svd_obstacle(self) -> str:
        if self.filter == "block":
            return ""
        return "'downsample' has a fast singular value decomposition with filter='block' only"

    def svd(self, x: Tensor) -> SVD:
        """Use that V may be, in every block of n pixels, the reflection that swaps its first pixel e with its mean m = 1/√n.

        With d = e − m it is ``x − 2 d (dᵀx) / (dᵀd)`` (Householder), and ``dᵀd = 2 − 2/√n``.
        """
        if obstacle := self.svd_obstacle():
            raise ValueError(obstacle)
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
