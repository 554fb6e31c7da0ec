"""What would a perfect denoiser say? The exact posterior mean of images whose statistics are known."""

from __future__ import annotations

from math import pi, prod
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.degradations.operator import fourier_filter
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.lazy import torch
from napari_tweedie.method import Parameter

if TYPE_CHECKING:
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
