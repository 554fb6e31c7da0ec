"""Plug-and-play ISTA (PGD) and FISTA: solvers whose data step is a gradient step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.solvers.plug_and_play import PlugAndPlay

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


class Gradient(PlugAndPlay):
    """Shared parameters of the gradient solvers: the step γ = 1/‖A‖² and a falling denoising strength.

    A denoiser of strength σ_d after a step γ is the proximal map of γ R for a prior of weight σ_d² / (γ σ_y²); weight 1
    is that of a posterior, so σ_d falls to √(γ · regularisation) σ_y, in the first half of the iterations, and stays.
    """

    start: float = Parameter(49 / 255, "Denoising strength of the first iteration.", unit="range", gt=0, le=1, advanced=True)
    regularisation: float = Parameter(1.0, "Weight of the denoiser; 1: as in a posterior.", gt=0, le=100, advanced=True)

    def obstacle_in(self, degradation: Degradation) -> str:
        """Refuse also an A for parts of which γ is too small: with a trained denoiser the result was worse than the start."""
        if obstacle := super().obstacle_in(degradation):
            return obstacle
        if not degradation.suits_gradients:
            return (
                f"{self.name} would need thousands of steps for {degradation.name!r}, which sees fine detail far more "
                "weakly than coarse structure: choose another solver, hqs for instance"
            )
        return ""

    def schedule(self, problem: Problem, x: Tensor) -> tuple[float, NDArray[np.float64]]:
        """Return γ, and the denoising strengths: spaced evenly in logarithm over the first half, constant afterwards."""
        gamma = problem.degradation.norm(tuple(x.shape[2:])) ** -2
        last = np.sqrt(gamma * self.regularisation) * max(problem.noise_level, NOISE_FLOOR)
        falling = np.geomspace(max(self.start, last), last, max(self.iterations // 2, 1))
        return gamma, np.concatenate([falling, np.full(self.iterations - len(falling), last)])


class PnpPgd(Gradient):
    """Plug-and-play proximal gradient descent, also called PnP-ISTA.

    ``x ← f(x − γ Aᵀ(A x − y), σ_d)``. At a constant strength it converges if f is averaged, as proximal maps and
    gradient steps on a convex potential are; a trained network comes with no such guarantee.
    """

    name: ClassVar[str] = "pnp-pgd"
    title: ClassVar[str] = "Plug-and-play gradient descent"

    iterations: int = Parameter(60, "Gradient steps, each with one denoising.", ge=1, le=10000)

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        x = problem.start()
        gamma, strengths = self.schedule(problem, x)
        for sigma in strengths:
            x = denoiser(x - gamma * problem.gradient(x), float(sigma))
            yield x


class PnpFista(Gradient):
    """Plug-and-play FISTA: gradient steps from an extrapolated point (Kamilov, Mansour & Wohlberg 2017).

    The momentum (k − 1)/(k + a − 1), a = 3, is that of Chambolle & Dossal (2015). It converges if f is a proximal map of a
    convex function; for other denoisers, trained networks included, neither theory nor practice guarantees it.
    """

    name: ClassVar[str] = "pnp-fista"
    title: ClassVar[str] = "Plug-and-play FISTA"

    iterations: int = Parameter(40, "Gradient steps, each with one denoising.", ge=1, le=10000)

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        x = z = problem.start()
        a = 3
        gamma, strengths = self.schedule(problem, x)
        for k, sigma in enumerate(strengths, start=1):
            previous, x = x, denoiser(z - gamma * problem.gradient(z), float(sigma))
            z = x + (k - 1) / (k + a - 1) * (x - previous)
            yield x
