"""Moment-matched diffusion: draws from the posterior of a noisy image in few steps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.core.results import State
from napari_tweedie.degradations.cosine import dct, inverse_dct
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.samplers.sampler import Sampler, WhiteNoise, watch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


class MomentMatched(Sampler):
    """Reverse diffusion from the noise level of the image down, each step with the mean and covariance of the posterior.

    Given x at level a, the image at level b < a has mean ``d + (b²/a²)(x − d)``, d = f(x, a), and covariance
    ``b² k + k² a² J``, k = 1 − b²/a², J = ∂f/∂x: the spread of the clean image given x, which plain ancestral sampling
    leaves out. Noise n of variance b² k alone moves the estimate by about J n, as the next evaluation shows; adding
    (a/b − 1) times that movement to x gives ``b² k (1 + (a/b − 1) J)²``, which is exact for J = 0 and J = 1 and too large by
    ``b² k (a/b − 1)² J (1 − J)`` in between. So a step costs one evaluation, no probe, and keeps correlations between pixels.

    Waves that the denoiser knows no better than the measurement does are drawn from that, as y plus noise: a network takes long
    ones for better known at every level than it did at the one before, so that their spread shrinks from step to step.
    """

    name: ClassVar[str] = "moment-matched"
    title: ClassVar[str] = "Moment-matched diffusion"
    needs_uniform: ClassVar[bool] = True

    iterations: int = Parameter(12, "Noise levels, with one denoising each.", ge=3, le=1000)
    start: float = Parameter(1.0, "Noise level at which samples of the prior begin.", unit="range", ge=0.01, le=10, advanced=True)

    def steps(self) -> int:
        return self.iterations

    def obstacle_in(self, degradation: Degradation, denoiser: Denoise | None = None) -> str:
        if obstacle := super().obstacle_in(degradation, denoiser):
            return obstacle
        if degradation.name != "identity":
            return f"{self.name} samples what is left unknown by noise alone; for {degradation.name!r} choose split-gibbs"
        return ""

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        sigma, y = max(problem.noise_level, NOISE_FLOOR), problem.measurement
        longest = getattr(denoiser, "longest_wave", inf)
        for step, z in enumerate(denoising_draws(denoiser, y, levels_of_draw(sigma, self.iterations), white), start=1):
            yield with_long_waves(z, y + sigma * white(y), longest) if step == self.steps() and longest < inf else z

    def prior(self, denoiser: Denoise, mean: Tensor, generator: Generator | None = None) -> Iterator[State]:
        """Yield states of samples of the prior p(x), from noise alone.

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
        x = mean + self.start * white(mean)
        schedule = levels(self.start, NOISE_FLOOR, self.iterations)
        return watch(denoising_draws(denoiser, x, schedule, white), lambda x: 0.0, self.steps())


def with_long_waves(x: Tensor, of: Tensor, longest: float) -> Tensor:
    """Return images with the waves of others in place of their own, of those that are `longest` pixels long or longer.

    Parameters
    ----------
    x, of : Tensor
        Shape (samples, C, [Z,] Y, X). Waves are cosines over the image mirrored at its border, and orthonormal: what is white in
        `of` is independent of the rest of `x`.
    longest : float
        Length in pixels; the mean is the longest wave of all.
    """
    squared = torch.zeros(x.shape[2:], device=x.device)
    for axis, length in enumerate(x.shape[2:]):
        frequency = torch.arange(length, device=x.device) / (2 * length)  # in waves a pixel
        squared = squared + frequency.square().view(*(-1 if n == axis else 1 for n in range(squared.ndim)))
    return x + inverse_dct((squared <= longest**-2) * dct(of - x))


def levels(first: float, last: float, steps: int) -> list[float]:
    """Return steps + 1 falling noise levels, evenly spaced in σ^(1/7) (Karras et al. 2022)."""
    return [float(level) for level in np.linspace(first ** (1 / 7), last ** (1 / 7), steps + 1) ** 7]


def levels_of_draw(first: float, steps: int) -> list[float]:
    """Return the levels of a denoising draw.

    Ratio r of the first and the last: 1/r² of the variance is left out at the end, and long steps add too much in between;
    for white Gaussian priors the two are in balance here, from 3 steps on. Of 2 steps, as in turns whose draw is made noisy
    again, what is left out counts more.
    """
    return levels(first, first / ((4 / 3 if steps > 2 else 1.8) * steps), steps)


def denoising_draws(denoiser: Denoise, x: Tensor, schedule: list[float], white: WhiteNoise) -> Iterator[Tensor]:
    """Yield the clean image after every level of the schedule; the last is a draw given `x`, clean plus white noise.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma).
    x : Tensor
        Noisy images at the first level, shape (samples, C, …), or (1, C, …) for all samples.
    schedule : list of float
        Falling noise levels.
    white : WhiteNoise
        The noise of the samples.
    """
    d = denoiser(x, schedule[0])
    for a, b in pairwise(schedule):
        k = 1 - b**2 / a**2
        x = d + b**2 / a**2 * (x - d) + b * k**0.5 * white(x)
        before, d = d, denoiser(x, b)
        moved = (a / b - 1) * (d - before)
        x, d = x + moved, d + moved
        yield d
