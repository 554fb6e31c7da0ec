"""How do data term and denoiser take turns? Half-quadratic splitting and ADMM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.lazy import torch
from napari_tweedie.method import Parameter
from napari_tweedie.solvers.solver import Solver, State

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.problem import Problem

NOISE_FLOOR = 0.5 / 255
"""Lowest noise level that the splitting solvers assume: 8-bit images are not known better."""


class Splitting(Solver):
    """Shared parameters of the splitting solvers: a falling schedule of denoising strengths."""

    iterations: int = Parameter(24, "Turns of data step and denoising.", ge=1, le=1000)
    start: float = Parameter(49 / 255, "Denoising strength of the first iteration.", unit="range", gt=0, le=1, advanced=True)
    regularisation: float = Parameter(0.23, "Weight of the denoiser against the data.", gt=0, le=100, advanced=True)

    def steps(self) -> int:
        return self.iterations

    def schedule(self, noise_level: float) -> NDArray[np.float64]:
        """Return the denoising strengths, spaced evenly in logarithm from `start` to the noise level."""
        return np.geomspace(max(self.start, noise_level), max(noise_level, NOISE_FLOOR), self.iterations)


class HalfQuadraticSplitting(Splitting):
    """Half-quadratic splitting with a falling denoising strength (DPIR; Zhang et al. 2021)."""

    name: ClassVar[str] = "hqs"
    title: ClassVar[str] = "Half-quadratic splitting"

    iterations: int = Parameter(16, "Turns of data step and denoising.", ge=1, le=1000)

    def __call__(self, problem: Problem, denoiser: Denoise) -> Iterator[State]:
        sigma_y = max(problem.noise_level, NOISE_FLOOR)
        z = problem.start()
        for k, sigma in enumerate(self.schedule(sigma_y), start=1):
            x = problem.prox(z, self.regularisation * (sigma_y / sigma) ** 2)
            z = denoiser(x, float(sigma))
            yield State(k, self.iterations, z, problem.data_residual(z))


class PnpAdmm(Splitting):
    """Plug-and-play ADMM (Venkatakrishnan, Bouman & Wohlberg 2013) with a falling denoising strength."""

    name: ClassVar[str] = "pnp-admm"
    title: ClassVar[str] = "Plug-and-play ADMM"

    def __call__(self, problem: Problem, denoiser: Denoise) -> Iterator[State]:
        sigma_y = max(problem.noise_level, NOISE_FLOOR)
        x = problem.start()
        w = torch.zeros_like(x)
        for k, sigma in enumerate(self.schedule(sigma_y), start=1):
            u = problem.prox(x - w, self.regularisation * (sigma_y / sigma) ** 2)
            x = denoiser(u + w, float(sigma))
            w = w + u - x
            yield State(k, self.iterations, x, problem.data_residual(x))
