"""Regularisation by denoising (RED), the denoiser as a penalty: gradient descent, fixed point, ADMM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.solvers.plug_and_play import PlugAndPlay

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


class Red(PlugAndPlay):
    """Shared parameters of the RED solvers (Romano, Elad & Milanfar 2017).

    All three look for the x with ``Aᵀ(A x − y) / σ_y² + λ (x − f(x, σ_f)) = 0``. It is the gradient of a penalised least
    squares when f is locally homogeneous with a symmetric Jacobian; they converge when f is also non-expansive. A trained
    network is none of these exactly. By Tweedie's formula λ = 1/σ_f² makes x a maximum of the posterior under the
    prior smoothed by σ_f; `regularisation` is λ σ_f², 0.2 in the paper's deblurring (λ = 0.02, σ_f = 3.25 grey levels),
    which the bundled denoiser confirms; where nothing is blurred, 1 removes more noise.
    """

    strength: float | None = Parameter(
        None, "Denoising strength σ_f; none: the noise level in the image, and at least 3.25/255.", unit="range", gt=0, le=1
    )
    regularisation: float | None = Parameter(
        None, "Weight of the denoiser; 1: as in a posterior; none: 0.2 for blur, else 1.", gt=0, le=100, advanced=True
    )

    def weights(self, problem: Problem) -> tuple[float, float]:
        """Return σ_f and ρ = λ σ_y², the weight of the penalty against ½‖A x − y‖².

        Where A amplifies, as projections do, σ_y means so much less in the image.
        """
        sigma_y = max(problem.noise_level, NOISE_FLOOR)
        sigma_f = self.strength or max(sigma_y / max(1.0, problem.gain), 3.25 / 255)
        return sigma_f, (self.regularisation or problem.degradation.red_weight) * (sigma_y / sigma_f) ** 2

    def objective(self, problem: Problem, denoiser: Denoise, x: Tensor, error: Tensor) -> float | None:
        """Return ``½‖A x − y‖² + ½ρτ xᵀ(x − f(x))`` for a linear symmetric denoiser, the only kind that certainly has it.

        τ is `averaging`; an adaptive strength leaves no one function to minimise.
        """
        if self.adaptive or not getattr(denoiser, "is_symmetric", False):
            return None
        sigma_f, rho = self.weights(problem)
        penalty = rho * self.averaging * (x * (x - denoiser(x, sigma_f))).sum()
        return 0.5 * float(error.square().sum() + penalty)


class RedGd(Red):
    """RED by gradient descent: ``x ← x − μ [Aᵀ(A x − y) + ρ (x − f(x, σ_f))]``, μ = 1.9/(‖A‖² + ρ).

    The paper's 2/(‖A‖² + ρ) is where stability ends for an f whose Jacobian lies between 0 and 1.
    """

    name: ClassVar[str] = "red-gd"
    title: ClassVar[str] = "RED, gradient descent"

    iterations: int = Parameter(1500, "Gradient steps, each with one denoising.", ge=1, le=100000)

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        sigma_f, rho = self.weights(problem)
        mu = 1.9 / (problem.norm**2 + rho)
        x = problem.start()
        for _ in range(self.iterations):
            x = x - mu * (problem.gradient(x) + rho * (x - denoiser(x, sigma_f)))
            yield x


class RedFp(Red):
    """RED by fixed-point iteration: ``x ← (AᵀA + ρ I)⁻¹ (Aᵀ y + ρ f(x, σ_f))``, a proximal map of the data term at f(x)."""

    name: ClassVar[str] = "red-fp"
    title: ClassVar[str] = "RED, fixed point"

    iterations: int = Parameter(200, "Turns of denoising and data step.", ge=1, le=10000)

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        sigma_f, rho = self.weights(problem)
        x = problem.start()
        for _ in range(self.iterations):
            x = problem.prox(denoiser(x, sigma_f), rho)
            yield x


class RedAdmm(Red):
    """RED by ADMM: data step in x, one fixed-point step of the penalty in v, over-relaxed by α = 2."""

    name: ClassVar[str] = "red-admm"
    title: ClassVar[str] = "RED, ADMM"

    iterations: int = Parameter(200, "Turns of data step and denoising.", ge=1, le=10000)
    coupling: float = Parameter(0.05, "Weight β of x = v, in units of the penalty's weight λ.", gt=0, le=100, advanced=True)

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        sigma_f, rho = self.weights(problem)
        beta, alpha = self.coupling * rho, 2
        v = problem.start()
        u = torch.zeros_like(v)
        for _ in range(self.iterations):
            x = problem.prox(v - u, beta)
            x_hat = alpha * x + (1 - alpha) * v
            v = (beta * (x_hat + u) + rho * denoiser(v, sigma_f)) / (beta + rho)
            u = u + x_hat - v
            yield x
