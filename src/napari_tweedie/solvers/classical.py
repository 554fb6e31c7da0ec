"""Solvers without a denoiser, the baselines that users know: Wiener and Tikhonov."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.linear_algebra import conjugate_gradients, fourier_filter, spatial_axes
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.denoisers.exact import power_law
from napari_tweedie.solvers.solver import Solver

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


SLOPE = 2.5
"""Fall of the power of images with frequency: on the photographs of Set12 it filters better than 2 and 3."""


class Wiener(Solver):
    """Wiener filter: the best linear estimate for images whose power falls as frequency to the power of −2.5.

    It minimises ``‖A x − y‖² / σ_y² + ‖x‖²_S``, where S is the power spectrum. One step, exact for periodic blur;
    elsewhere conjugate gradients with that filter as preconditioner.
    """

    name: ClassVar[str] = "wiener"
    title: ClassVar[str] = "Wiener filter"
    whitens: ClassVar[bool] = True
    uses_denoiser: ClassVar[bool] = False
    needs_linear: ClassVar[bool] = True

    balance: float = Parameter(1.0, "Weight of the prior: above 1 smoother, below 1 sharper.", gt=0, le=1000)

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        degradation = problem.degradation
        start = problem.start()
        weight = self.balance * max(problem.noise_level, NOISE_FLOOR) ** 2 / power_spectrum(start)
        spectrum = degradation.normal_spectrum(start) + weight
        yield conjugate_gradients(
            lambda x: degradation.adjoint(degradation(x)) + fourier_filter(x, weight),
            degradation.adjoint(problem.measurement),
            start,
            precondition=lambda r: fourier_filter(r, 1 / spectrum),
            tolerance=1e-5,
        )


def power_spectrum(image: Tensor) -> Tensor:
    """Return the power spectrum |f|^−`SLOPE` with the variance of `image`, on the grid of ``rfftn`` over its spatial axes.

    The zero frequency gets 1e6 times the power of the lowest one: the mean is left to the data.
    """
    power = power_law(tuple(image.shape[2:]), SLOPE, image.device)
    power = power / power.mean() * image.var().clamp_min(1e-12)
    power.view(-1)[0] *= 1e6
    return power


class Tikhonov(Solver):
    """Tikhonov regularisation: the minimum of ``‖A x − y‖² + λ‖∇x‖²`` or ``‖A x − y‖² + λ‖x‖²``, by conjugate gradients.

    Unless it is given, λ is that of the lowest unbiased estimate of the predictive risk ``E‖A x − A x_true‖²``, which is
    ``‖A x − y‖² + 2 σ_y² tr ∂(A x)/∂y`` up to a constant (Mallows 1973), among 15 values; a random probe gives the trace.
    """

    name: ClassVar[str] = "tikhonov"
    title: ClassVar[str] = "Tikhonov"
    whitens: ClassVar[bool] = True
    uses_denoiser: ClassVar[bool] = False
    needs_linear: ClassVar[bool] = True

    penalty: Literal["gradient", "norm"] = Parameter("gradient", "What is kept small: the gradient ∇x, or x itself.")
    weight: float | None = Parameter(None, "Weight λ of the penalty; none: from the noise level.", gt=0, le=1000)

    def weights(self) -> list[float]:
        """Return the values of λ to try, from smooth to sharp."""
        return [10 ** (2 - k / 2) for k in range(15)] if self.weight is None else [self.weight]

    def steps(self) -> int:
        return len(self.weights())

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        y, sigma_y = problem.measurement, max(problem.noise_level, NOISE_FLOOR)
        probe = torch.randn(y.shape, generator=generator).to(y)
        x = best = problem.start()
        response, lowest = torch.zeros_like(x), float("inf")
        for weight in self.weights():
            x = self.minimum(problem, y, x, weight)
            response = self.minimum(problem, probe, response, weight) if self.weight is None else response
            trace = (probe * problem.degradation(response)).sum()
            risk = float(problem.residual(x).square().sum() + 2 * sigma_y**2 * trace)
            if risk < lowest:
                lowest, best = risk, x
            yield best

    def minimum(self, problem: Problem, y: Tensor, start: Tensor, weight: float) -> Tensor:
        """Return the minimum for a measurement y and λ = `weight`; the iteration begins at `start`."""
        degradation, gradient = problem.degradation, self.penalty == "gradient"
        spectrum = degradation.normal_spectrum(start) + weight * (laplacian_spectrum(start) if gradient else 1)
        return conjugate_gradients(
            lambda x: degradation.adjoint(degradation(x)) + weight * (laplacian(x) if gradient else x),
            degradation.adjoint(y),
            start,
            precondition=lambda r: fourier_filter(r, 1 / (spectrum + 1e-6)),
        )


def laplacian(x: Tensor) -> Tensor:
    """Return ∇ᵀ∇x, with forward differences inside the image."""
    total = torch.zeros_like(x)
    for axis in spatial_axes(x):
        total = total - divergence(x.diff(dim=axis), axis)
    return total


def divergence(flow: Tensor, axis: int) -> Tensor:
    """Return the part of the divergence, minus the adjoint of forward differences, that an axis contributes."""
    edge = flow.new_zeros([1 if n == axis % flow.ndim else length for n, length in enumerate(flow.shape)])
    return torch.cat([flow, edge], dim=axis) - torch.cat([edge, flow], dim=axis)


def laplacian_spectrum(x: Tensor) -> Tensor:
    """Return the eigenvalues of ∇ᵀ∇ for a periodic image, on the grid of ``rfftn`` over the spatial axes of `x`."""
    grid = torch.zeros(x.shape[2:], device=x.device)
    for axis, n in enumerate(grid.shape):
        f = torch.arange(n, device=x.device) / n
        grid = grid + (2 - 2 * torch.cos(2 * torch.pi * f)).view([-1 if a == axis else 1 for a in range(grid.ndim)])
    return grid[..., : grid.shape[-1] // 2 + 1]
