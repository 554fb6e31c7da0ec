"""Message passing for random projections: every denoiser call sees white noise of a known level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.solvers.plug_and_play import PlugAndPlay

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

PROBE = 0.1
"""Size of the random probe of a divergence, in units of the noise level."""


class MessagePassing(PlugAndPlay):
    """Shared by the message-passing solvers: they hold for random projections only and say so."""

    needs_linear: ClassVar[bool] = True

    iterations: int = Parameter(30, "Turns of data step and denoising.", ge=1, le=1000)

    def obstacle_in(self, degradation: Degradation) -> str:
        if obstacle := super().obstacle_in(degradation):
            return obstacle
        if not degradation.is_random:
            return (
                f"{self.name} needs a random projection, whose errors look like white noise; "
                f"{degradation.name!r} is none: choose another solver, hqs for instance"
            )
        return ""


class DAmp(MessagePassing):
    """Denoising-based approximate message passing (Metzler, Maleki & Baraniuk 2016).

    The Onsager term keeps the error of r white and Gaussian, of level σ̂ = ‖z‖/√m, so that no strength has to be chosen.
    For i.i.d. A the error follows the state evolution ``σ²ₜ₊₁ = σ_y² + MSE(f, σₜ) N/m``; there is no guarantee elsewhere.
    """

    name: ClassVar[str] = "d-amp"
    title: ClassVar[str] = "Denoising message passing (D-AMP)"

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        degradation, y = problem.degradation, problem.measurement
        m = y[0].numel()
        x = torch.zeros_like(degradation.adjoint(y))
        z = y
        for _ in range(self.iterations):
            r = x + degradation.adjoint(z)
            sigma = per_sample((z.flatten(1).norm(dim=1) / m**0.5).clamp_min(NOISE_FLOOR / 10), r)
            x = denoiser(r, sigma.flatten())
            z = y - degradation(x) + z / m * divergence(denoiser, r, x, sigma, generator)
            yield x


class DVamp(MessagePassing):
    """Denoising-based vector approximate message passing (Schniter, Rangan & Fletcher 2016).

    Denoiser and linear estimate exchange extrinsic means r and precisions γ; it holds for right-rotationally invariant A,
    a wider class than d-amp's, and with the exact denoiser of a Gaussian prior its fixed point is the posterior mean.
    """

    name: ClassVar[str] = "d-vamp"
    title: ClassVar[str] = "Vector message passing (D-VAMP)"

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        degradation, y = problem.degradation, problem.measurement
        sigma_y = max(problem.noise_level, NOISE_FLOOR)
        r1 = degradation.adjoint(y)
        n, m = r1[0].numel(), y[0].numel()
        gamma1 = per_sample(m / (degradation(r1) - y).flatten(1).square().sum(1), r1)
        for _ in range(self.iterations):
            sigma = gamma1.rsqrt()
            x = denoiser(r1, sigma.flatten())
            r2, gamma2 = extrinsic(x, r1, gamma1, divergence(denoiser, r1, x, sigma, generator) / n)
            yield x
            rho = float(gamma2.mean()) * sigma_y**2
            x = degradation.prox(r2, y, rho)
            probe = signs(x, generator)
            r1, gamma1 = extrinsic(x, r2, gamma2, inner(probe, degradation.prox(probe, torch.zeros_like(y), rho)) / n)


def extrinsic(x: Tensor, r: Tensor, gamma: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and precision of what an estimate x(r) of mean derivative `slope` adds to its input r of precision γ."""
    slope = slope.clamp(1e-3, 1 - 1e-3)
    eta = gamma / slope
    return (eta * x - gamma * r) / (eta - gamma), eta - gamma


def divergence(denoiser: Denoise, r: Tensor, clean: Tensor, sigma: Tensor, generator: Generator) -> Tensor:
    """Return tr ∂f/∂r, a sample each, by one random probe; `clean` is f(r, σ), `sigma` has the axes of r."""
    probe = signs(r, generator)
    step = PROBE * sigma
    return inner(probe, denoiser(r + step * probe, sigma.flatten()) - clean) / step


def signs(x: Tensor, generator: Generator) -> Tensor:
    """Return random signs in the shape of x."""
    return (2 * torch.randint(2, x.shape, generator=generator) - 1).to(x)


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of a and b, a sample each, with the axes of a."""
    return per_sample((a * b).flatten(1).sum(1), a)


def per_sample(values: Tensor, x: Tensor) -> Tensor:
    """Return values of shape (B,) with the axes of x."""
    return values.view(-1, *[1] * (x.ndim - 1))
