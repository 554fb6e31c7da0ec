"""Annealed Langevin dynamics: draws made by following the score, the stochastic image denoiser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.samplers.sampler import Sampler, WhiteNoise

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


class Annealed(Sampler):
    """Shared parameters of the Langevin samplers: falling noise levels, a few steps at each."""

    iterations: int = Parameter(100, "Noise levels.", ge=2, le=10000)
    inner: int = Parameter(3, "Langevin steps at each level, with one denoising each.", ge=1, le=1000, advanced=True)
    step: float = Parameter(0.5, "Step, as a share of the curvature's scale: smaller is more exact.", gt=0, le=1, advanced=True)
    last: float = Parameter(0.01, "Last noise level.", unit="range", gt=0, le=1, advanced=True)

    def steps(self) -> int:
        return self.iterations


class Langevin(Annealed):
    """Annealed Langevin dynamics for a noisy image (Kawar, Vaksman & Elad, "Stochastic image denoising", 2021).

    The noise of y is thought of as that of level σ_i and a rest, so the posterior of an image at level σ_i has the score
    ``(f(x, σ_i) − x)/σ_i² + (y − x)/(σ_y² − σ_i²)``. The step follows the curvature of both terms, where the paper's follows
    the first alone, so far fewer steps do.
    """

    name: ClassVar[str] = "langevin"
    title: ClassVar[str] = "Langevin dynamics"
    needs_uniform: ClassVar[bool] = True

    def obstacle_in(self, degradation: Degradation, denoiser: Denoise | None = None) -> str:
        if obstacle := super().obstacle_in(degradation, denoiser):
            return obstacle
        if degradation.name != "identity":
            return f"{self.name} treats noise alone; for {degradation.name!r} choose snips or split-gibbs"
        return ""

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        y, noise = problem.measurement, max(problem.noise_level, NOISE_FLOOR) ** 2
        x = y
        for sigma in np.geomspace(noise**0.5, min(self.last, noise**0.5 / 2), self.iterations + 1)[1:]:
            rest = noise - sigma**2
            alpha = self.step / (1 / sigma**2 + 1 / rest)
            for _ in range(self.inner):
                d = denoiser(x, float(sigma))
                x = x + alpha * ((d - x) / sigma**2 + (y - x) / rest) + (2 * alpha) ** 0.5 * white(x)
            yield d
