"""Held-out light: when an iteration begins to sharpen noise, told by photons that its estimates have not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.fission import split_gaussian, split_photons
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.degradations.photons import LocalGaussian, expected_light

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

SHARE = 0.2
"""Share of the light that is held back."""
PATIENCE = 2
"""Iterations that must be worse than one before for it to count as the best."""
UNLIKELY = 0.95
"""Share of what noise leaves of held-out light below which not even the truth gets: the noise or the degradation is another."""
CLEARLY = 0.05
"""Part of that noise by which one iteration must foretell better than another to be preferred."""


def divided(problem: Problem, generator: Generator, denoiser: Denoise | None = None) -> tuple[Problem, Callable[[Tensor], float]]:
    """Return the same problem with less light, or more noise, and the squared distance of an estimate from what was held back.

    The denoiser is that with which expected light is estimated, as in `LocalGaussian.of`.
    """
    if not isinstance(problem, LocalGaussian):
        left, held = split_gaussian(problem.measurement, problem.noise_level, SHARE, generator)
        part = replace(problem, measurement=left, noise=Gaussian(sigma=problem.noise_level / (1 - SHARE) ** 0.5))
        return part, lambda x: float((part.project(x) - held).square().sum())
    counted = problem.counted
    assert isinstance(counted.noise, Poisson)
    rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    left, held = (
        torch.from_numpy(part.astype(np.float32)).to(counted.measurement)
        for part in split_photons(counted.measurement.cpu().numpy(), counted.noise, SHARE, rng)
    )
    noise = counted.noise.model_copy(update={"read_noise": (counted.noise.read_noise or 0.0) * (1 - SHARE) ** 0.5})
    light = expected_light(left, counted.degradation.observed(left).to(left), noise, denoiser)
    fewer = replace(problem, counted=replace(counted, measurement=left, noise=noise), light=light)
    return fewer, lambda x: float(fewer.weighted.of_measured(fewer.counted.project(x) - held).square().sum())


def of_noise(problem: Problem) -> float:
    """Return the squared distance of the truth from what `divided` holds back, as expected from the noise.

    Of photons that is what was measured itself, pixel by pixel: light averaged over neighbours would have noise in the dark.
    """
    if not isinstance(problem, LocalGaussian):
        return problem.noise_level**2 / SHARE * problem.measurement.numel()
    noise = problem.counted.noise
    assert isinstance(noise, Poisson)
    variance = (noise.gain or 1.0) * (problem.counted.measurement - (noise.offset or 0.0)) + (noise.read_noise or 0.0) ** 2
    weights = problem.weighted.of_measured(torch.ones_like(variance))
    return (1 - SHARE) ** 2 / SHARE * float((weights.square() * variance).sum())


class Foresight:
    """An iteration on part of the light, that runs ahead of the same on all of it and tells where to end.

    Parameters
    ----------
    estimates : iterator of Tensor
        The iteration on what is left.
    error : callable
        Squared distance of an estimate from what was held back.
    least : float
        A distance that the truth hardly falls below: where one does, the noise or the degradation is another one than was
        said, so that the iteration gains on held-out light while it leaves the truth.
    """

    def __init__(self, estimates: Iterator[Tensor], error: Callable[[Tensor], float], least: float = 0.0) -> None:
        self.errors = map(error, estimates)
        self.done = 0
        self.best, self.lowest, self.least = 0.0, float("inf"), least
        self.decided = False

    def finish(self) -> float:
        """Go on to the decision, and return the least distance from what was held back."""
        while not self.decided:
            self._advance()
        return self.lowest

    def ends_at(self, iteration: int) -> bool:
        """Tell whether an iteration on all the light is to be the last; asked with 1, then 2, and so on."""
        while not self.decided and self.done < iteration + PATIENCE:
            self._advance()
        return self.decided and iteration >= self.best

    def _advance(self) -> None:
        error = next(self.errors, None)
        if error is None:  # it gets better to its end
            self.best, self.decided = float("inf"), True
            return
        self.done += 1
        if error < self.lowest:
            self.best, self.lowest = float(self.done), error
        self.decided = self.done >= self.best + PATIENCE or error < self.least
