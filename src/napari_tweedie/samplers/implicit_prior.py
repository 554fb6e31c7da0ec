"""Implicit-prior sampler: coarse-to-fine ascent on a denoiser's prior, alone or under exact measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.core.results import State
from napari_tweedie.samplers.sampler import Sampler, WhiteNoise, watch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

EQUAL = 0.5
"""Smallest ratio of a singular value other than zero to the largest, for measurements by about orthonormal columns."""


class ImplicitPrior(Sampler):
    """Stochastic coarse-to-fine gradient ascent on the implicit prior (Kadkhodaie & Simoncelli, NeurIPS 2021).

    Along what is measured, M Mᵀ, images go to the measurement, elsewhere up the log-density of the prior, by steps
    ``d = (1 − M Mᵀ)(f(x, σ) − x) + M Mᵀ(x_c − x)``, with noise that lets σ fall slowly. For measurements without noise, by
    orthonormal columns M: missing pixels, blocks of pixels, frequencies. Their spread is no posterior's.
    """

    name: ClassVar[str] = "implicit-prior"
    title: ClassVar[str] = "Implicit prior"
    draws_from_posterior: ClassVar[bool] = False
    needs_svd: ClassVar[bool] = True

    iterations: int = Parameter(1000, "Most steps; it stops earlier once σ is at its last value.", ge=1, le=100000)
    beta: float = Parameter(0.01, "How fast σ falls, β: slow finds better images, 1 adds no noise.", gt=0, le=1)
    step: float = Parameter(0.01, "First step h₀, as a share of the way to the estimate.", gt=0, le=1, advanced=True)
    start: float = Parameter(1.0, "First noise level.", unit="range", ge=0.01, le=10, advanced=True)
    last: float = Parameter(0.01, "Last noise level.", unit="range", gt=0, le=1, advanced=True)

    def steps(self) -> int:
        return self.iterations

    def obstacle(self, problem: Problem, denoiser: Denoise | None = None) -> str:
        if obstacle := super().obstacle(problem, denoiser):
            return obstacle
        if problem.noise_level > self.last:
            return (
                f"{self.name} is for measurements without noise, at most of level {self.last} (got {problem.noise_level:.3g}): "
                "choose split-gibbs"
            )
        s = problem.degradation.svd(problem.degradation.adjoint(problem.measurement)).singular_values
        if bool((s > 0).any()) and float(s[s > 0].min()) < EQUAL * float(s.max()):
            return (
                f"{self.name} needs measurements that are equally strong in all directions; {problem.degradation.name!r} "
                "weakens some: choose split-gibbs"
            )
        return ""

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        y = problem.measurement
        svd = problem.degradation.svd(problem.degradation.adjoint(y))
        s = svd.singular_values
        data = svd.v(torch.where(s > 0, svd.ut(y) / s, 0.0))

        def measured(x: Tensor) -> Tensor:
            return svd.v((s > 0) * svd.vt(x))

        grey = torch.full_like(data, GREY)
        return self.ascent(denoiser, grey + data - measured(grey), data, measured, white)

    def prior(self, denoiser: Denoise, mean: Tensor, generator: Generator | None = None) -> Iterator[State]:
        """Yield states of samples of the prior p(x), from noise alone; with β = 0.5 they take about 50 steps.

        Parameters
        ----------
        denoiser : callable
            f(x, sigma).
        mean : Tensor
            What the noise of level `start` is added to, shape (1, C, …): about the mean of the images.
        generator : Generator, optional
            Source of all randomness, on the CPU; by default one with seed 0.
        """
        white = WhiteNoise(generator or torch.Generator().manual_seed(0), range(self.samples), paired=False)
        nothing = torch.zeros_like(mean)
        return watch(self.ascent(denoiser, mean, nothing, torch.zeros_like, white), lambda x: 0.0, self.steps())

    def ascent(
        self, denoiser: Denoise, mean: Tensor, data: Tensor, measured: Callable[[Tensor], Tensor], white: WhiteNoise
    ) -> Iterator[Tensor]:
        """Yield images after every step, from noise about `mean`; `measured` is M Mᵀ, `data` M x_c."""
        x = estimate = mean + self.start * white(mean)
        sigma = torch.full((len(x),), self.start, device=x.device)
        running = torch.ones_like(sigma, dtype=torch.bool)
        every = (slice(None), *[None] * (x.ndim - 1))
        for t in range(1, self.iterations + 1):
            h = self.step * t / (1 + self.step * (t - 1))
            clean = denoiser(x, sigma)
            d = clean - x
            d = d - measured(d) + data - measured(x)
            estimate = torch.where(running[every], clean - measured(clean) + data, estimate)
            yield estimate
            sigma = torch.minimum(sigma, d.flatten(1).square().mean(1).sqrt())
            running = running & (sigma > self.last)
            if not bool(running.any()):
                return
            gamma = ((1 - self.beta * h) ** 2 - (1 - h) ** 2) ** 0.5 * sigma[every]
            x = torch.where(running[every], x + h * d + gamma * white(x), x)


GREY = 0.5
"""Where images without any measurement begin: the middle of the range."""
