"""Exact denoisers: the posterior mean of images whose statistics are known, as a perfect denoiser gives it."""

from __future__ import annotations

import math
from math import pi, prod
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.linear_algebra import fourier_filter
from napari_tweedie.denoisers.denoiser import Denoiser

if TYPE_CHECKING:
    from typing import Self

    from torch import Generator, Tensor
    from torch import device as Device


class Gaussian(Denoiser):
    """The posterior mean for periodic Gaussian random fields of mean zero: Wiener's shrinkage in the Fourier basis.

    ``f(x, σ) = S / (S + σ²) x`` with the power spectrum S ∝ |f|^−slope of variance std². It is linear, symmetric,
    non-expansive and a proximal map, so every estimate that solvers, samplers and analyses make with it is known in closed
    form. For tests and teaching: photographs are not Gaussian. A tile counts as an image of its own.
    """

    name: ClassVar[str] = "gaussian"
    title: ClassVar[str] = "Gaussian field (exact)"
    ndim: ClassVar[tuple[int, ...]] = (2, 3)
    keeps_mean: ClassVar[bool] = False
    flat_error: ClassVar[tuple[float, float]] = (0.0, 0.0)
    is_symmetric: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
    keeps_without_noise: ClassVar[bool] = True

    std: float = Parameter(0.25, "Standard deviation of the clean images.", unit="range", gt=0, le=100)
    slope: float = Parameter(0.0, "Fall of the power with frequency: 0 white, 2 as in photographs.", ge=0, le=6)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).view(-1, *[1] * (x.ndim - 1))
        spectrum = self.spectrum(x)
        return fourier_filter(x, spectrum / (spectrum + level.square()))

    def spectrum(self, x: Tensor) -> Tensor:
        """Return the variance S of every Fourier coefficient of `x` (orthonormal), on the grid of ``rfftn``."""
        sizes = tuple(x.shape[2:])
        power = power_law(sizes, self.slope, x.device)
        return power * (self.std**2 * prod(sizes) / (power * _multiplicity(sizes[-1], x.device)).sum())

    def draw(self, like: Tensor, generator: Generator) -> Tensor:
        """Return clean images of the shape of `like`, drawn on the CPU."""
        return fourier_filter(torch.randn(like.shape, generator=generator).to(like), self.spectrum(like).sqrt())

    def log_density(self, x: Tensor, sigma: float) -> Tensor:
        """Return log p_σ(x), the density of clean images plus noise of level sigma, shape (B,)."""
        variance = self.spectrum(x) + sigma**2
        distance = (x * fourier_filter(x, 1 / variance)).flatten(1).sum(1)
        volume = x.shape[1] * (torch.log(2 * pi * variance) * _multiplicity(x.shape[-1], x.device)).sum()
        return -(distance + volume) / 2


class Mixture(Denoiser):
    """The posterior mean for pixels that are independent draws of a mixture of two Gaussians: dark ones and bright ones.

    ``f(x, σ) = Σ w_k(x) (s² x + σ² m_k) / (s² + σ²)`` with the posterior weights ``w_k ∝ π_k N(x; m_k, s² + σ²)``. For tests and
    teaching: a posterior with two modes, known in closed form.
    """

    name: ClassVar[str] = "mixture"
    title: ClassVar[str] = "Two grey levels (exact)"
    ndim: ClassVar[tuple[int, ...]] = (2, 3)
    keeps_mean: ClassVar[bool] = False
    flat_error: ClassVar[tuple[float, float]] = (0.0, 0.0)
    differentiable: ClassVar[bool] = True
    keeps_without_noise: ClassVar[bool] = True

    dark: float = Parameter(0.2, "Mean of the dark pixels.", unit="range", ge=-100, le=100)
    bright: float = Parameter(0.8, "Mean of the bright pixels.", unit="range", ge=-100, le=100)
    share: float = Parameter(0.5, "Share of bright pixels.", gt=0, lt=1)
    std: float = Parameter(0.05, "Standard deviation of the pixels of a kind.", unit="range", gt=0, le=100)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        noise = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).view(-1, *[1] * (x.ndim - 1)).square()
        variance = self.std**2 + noise
        odds = (
            math.log(self.share / (1 - self.share)) + (self.bright - self.dark) * (x - (self.bright + self.dark) / 2) / variance
        )
        mean = self.dark + (self.bright - self.dark) * torch.sigmoid(odds)
        return (self.std**2 * x + noise * mean) / variance

    def draw(self, like: Tensor, generator: Generator) -> Tensor:
        """Return clean images of the shape of `like`, drawn on the CPU."""
        bright = torch.rand(like.shape, generator=generator) < self.share
        spread = self.std * torch.randn(like.shape, generator=generator)
        return (torch.where(bright, self.bright, self.dark) + spread).to(like)

    def log_density(self, x: Tensor, sigma: float) -> Tensor:
        """Return log p_σ(x), the density of clean images plus noise of level sigma, shape (B,)."""
        variance = self.std**2 + sigma**2
        kinds = [
            math.log(share) - (x - mean).square() / (2 * variance)
            for mean, share in ((self.dark, 1 - self.share), (self.bright, self.share))
        ]
        return (torch.logaddexp(*kinds) - math.log(2 * pi * variance) / 2).flatten(1).sum(1)


class Empirical(Denoiser):
    """The posterior mean for images that are one of a given set, all equally likely: their mean, weighted by likelihood.

    ``f(x, σ) = Σ w_i a_i`` with ``w_i ∝ exp(−‖x − a_i‖² / 2σ²)``: what a network becomes that has learned its training images
    by heart. It keeps no constants and returns the nearest image at σ = 0. A tile counts as an image of its own, which must
    be as large as those of the set.
    """

    name: ClassVar[str] = "empirical"
    title: ClassVar[str] = "Known images (exact)"
    ndim: ClassVar[tuple[int, ...]] = (2, 3)
    keeps_mean: ClassVar[bool] = False
    flat_error: ClassVar[tuple[float, float]] = (0.0, 0.0)
    differentiable: ClassVar[bool] = True

    images: ArrayInput = Parameter(
        ..., "The set, a stack of images: one axis, then the axes of the image, in its grey levels.", layer="image"
    )

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        images = self.images.tensor(x)
        if tuple(images.shape[1:]) != tuple(x.shape[2:]):
            raise ValueError(
                f"the known images have shape {tuple(images.shape[1:])}, the image {tuple(x.shape[2:])}: they must be equal"
            )
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x)).view(-1, 1, 1)
        flat, pixels = images.flatten(1), x.flatten(2)
        distances = torch.stack([(pixels - image).square().sum(-1) for image in flat], dim=-1)
        nearest = distances - distances.amin(-1, keepdim=True)
        weights = torch.softmax(-nearest / (2 * level.square()).clamp_min(torch.finfo(x.dtype).tiny), dim=-1)
        return (weights @ flat).view(x.shape)

    def normalised(self, offset: float, scale: float) -> Self:
        if self.images.array is None:
            return self
        return self.model_copy(update={"images": Input((self.images.array - offset) / scale, self.images.name)})


def _multiplicity(last: int, device: Device) -> Tensor:
    """Return how many coefficients of ``fftn`` each of ``rfftn`` stands for, along the last axis of length `last`."""
    twice = torch.full((last // 2 + 1,), 2.0, device=device)
    twice[0] = 1
    if last % 2 == 0:
        twice[-1] = 1
    return twice


def power_law(sizes: tuple[int, ...], slope: float, device: Device) -> Tensor:
    """Return |f|^−slope on the grid of ``rfftn``; frequencies below 1 / longest side, zero among them, count as that."""
    squares = torch.zeros((), device=device)
    for axis, n in enumerate(sizes):
        last = axis == len(sizes) - 1
        f = torch.fft.rfftfreq(n, device=device) if last else torch.fft.fftfreq(n, device=device)
        squares = squares + f.square().view([-1 if a == axis else 1 for a in range(len(sizes))])
    return squares.clamp_min(1 / max(sizes) ** 2) ** (-slope / 2)
