"""Sampler: the base of generators of stacks of images that become draws from p(x | y)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Method, Parameter
from napari_tweedie.core.results import State
from napari_tweedie.degradations.photons import LocalGaussian
from napari_tweedie.degradations.problem import NOISE_FLOOR

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

FIRST, LAST, TURNS = 0.2, 0.5, 10
"""First denoising strength, the last in noise levels, and turns, of the estimate that a chain or the light begins with."""


class Sampler(Method):
    """Draws from p(x | y), given a problem and a denoiser; iterate over the call until its end.

    Subclasses define `estimates` and `steps`, and `obstacle_in` or `obstacle` where they cannot treat every problem.
    """

    draws_from_posterior: ClassVar[bool] = True
    """Whether the samples spread as the posterior does; where not, they are diverse samples, and their spread says nothing."""

    needs_svd: ClassVar[bool] = False
    """Whether the sampler works along the singular directions of the degradation."""
    needs_uniform: ClassVar[bool] = False
    """Whether the noise must be equally strong in all pixels."""
    whitens: ClassVar[bool] = False
    """Whether noise that neighbours share may be made white by a filter: it then has no singular directions at hand."""
    knows_noise: ClassVar[bool] = False
    """Whether it was made for the noise at hand, correlated or not, and is told the level of a pixel."""
    differentiates: ClassVar[bool] = False
    """Whether the sampler needs autograd to see through the denoiser."""

    samples: int = Parameter(16, "How many samples are drawn.", ge=1, le=1000)

    def steps(self) -> int:
        """Return how many states the sampler will yield at most."""
        raise TypeError(f"{type(self).__name__} defines no number of steps")

    def obstacle_in(self, degradation: Degradation, denoiser: Denoise | None = None) -> str:
        """Return why no problem of this degradation, with this denoiser, can be treated, and the way out; empty: it can.

        It is asked while forms are edited: from what is declared alone, without arrays and without torch.
        """
        if not degradation.is_linear:
            return (
                f"{self.name} needs a measurement that is linear in the image; {degradation.name!r} is not: "
                "restore it by a plug-and-play solver instead, pnp-admm for instance"
            )
        if self.needs_svd and (obstacle := degradation.svd_obstacle()):
            return f"{self.name} needs singular values, but {obstacle}: choose split-gibbs"
        if self.differentiates and not getattr(denoiser, "differentiable", True):
            name = getattr(denoiser, "name", type(denoiser).__name__)
            return (
                f"{self.name} needs the derivative of the denoiser, which {name!r} has none of: "
                "choose another denoiser, unet for instance, or another sampler"
            )
        return ""

    def pinned(self) -> Self:
        """Return it so that the recipe says by a hash which file it reads, if it reads one."""
        return self

    def calibrated(self, level: float) -> tuple[float, float] | None:
        """Return by what an interval of this level is widened, and how often it then holds the truth, where that is known."""
        return None

    def notes(self) -> list[str]:
        """Return what is to be told of every result, in sentences."""
        return []

    def obstacle(self, problem: Problem, denoiser: Denoise | None = None) -> str:
        """Return why this problem cannot be treated, in one sentence with the way out; empty: it can."""
        if len(problem.measurement) != 1:
            return f"a sampler takes one measurement at a time (got a batch of {len(problem.measurement)})"
        if self.needs_uniform and not problem.noise.is_uniform:
            return (
                f"{self.name} needs noise that is the same everywhere, {problem.noise.name!r} is not: stabilise the image, or "
                "choose split-gibbs"
            )
        return self.obstacle_in(problem.degradation, denoiser)

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        """Yield the samples so far after every step, the draws last."""
        raise TypeError(f"{type(self).__name__} defines no iteration")

    def __call__(
        self, problem: Problem, denoiser: Denoise, generator: Generator | None = None, numbers: Sequence[int] | None = None
    ) -> Iterator[State]:
        """Yield a state after every step.

        Parameters
        ----------
        problem : Problem
            One measurement (B = 1), degradation, noise.
        denoiser : callable
            f(x, sigma).
        generator : Generator, optional
            Source of all randomness, on the CPU; by default one with seed 0.
        numbers : sequence of int, optional
            Which samples of the stack to draw, by default the first `samples`. A sample depends on the generator's state
            and on its own number, not on the others: a stack can be drawn sample by sample, and longer later.

        Raises
        ------
        ValueError
            If this sampler cannot treat this problem; the message says why.
        """
        if obstacle := self.obstacle(problem, denoiser):
            raise ValueError(obstacle)
        white = WhiteNoise(generator or torch.Generator().manual_seed(0), range(self.samples) if numbers is None else numbers)
        problem = problem if problem.noise.is_uniform else local_gaussian(problem, denoiser)
        states = watch(self.estimates(problem, denoiser, white), problem.data_residual, self.steps())
        return (replace(state, estimate=problem.image(state.estimate)) for state in states)


def watch(estimates: Iterator[Tensor], residual: Callable[[Tensor], float], total: int) -> Iterator[State]:
    """Measure the samples after every step; stop with those before and a note when they are no longer finite.

    A state is yielded when the next one is known, so that the last can say that it is.
    """
    states = (State(k, total, x, residual(x)) for k, x in enumerate(estimates, start=1))
    state = next(states)
    if not isfinite(state.residual):
        raise ValueError("the samples are not finite after the first step: check the noise level and the image")
    for following in states:
        if not isfinite(following.residual):
            note = f"The samples diverged and were stopped after {state.iteration} of {total} steps: they are no draws."
            state = replace(state, note=note)
            break
        yield state
        state = following
    yield replace(state, total=state.iteration)


def local_gaussian(problem: Problem, denoiser: Denoise) -> LocalGaussian:
    """Return the problem with the variance of every pixel that the light of about the posterior mean gives it.

    Neighbours that are averaged give it first; then the image is found.
    """
    local = LocalGaussian.of(problem, shifted=False)
    return LocalGaussian.of(problem, shifted=False, image=most_likely(local, denoiser))


def most_likely(problem: Problem, denoiser: Denoise) -> Tensor:
    """Return about the image of largest posterior density, for a Gaussian prior its mean.

    Half-quadratic splitting of weight 1, as in the posterior, down to half the noise level.
    """
    z, level = problem.start(), max(problem.noise_level, NOISE_FLOOR)
    for sigma in np.geomspace(max(FIRST, level), LAST * level, TURNS):
        z = denoiser(problem.prox(z, (level / sigma) ** 2), float(sigma))
    return z


class WhiteNoise:
    """White noise of variance one for numbered samples: each has random numbers of its own, whichever others are drawn.

    Samples 2j and 2j + 1 are given opposite noise (antithetic variates). Each is as random as before, but what is odd in
    the noise cancels in their mean: for a Gaussian posterior the mean of a pair is the posterior mean.

    Parameters
    ----------
    generator : Generator
        Gives the seed of all, on the CPU.
    numbers : sequence of int
        Which samples.
    paired : bool
        Give opposite noise to pairs; otherwise all noise is independent.
    """

    def __init__(self, generator: Generator, numbers: Sequence[int], *, paired: bool = True) -> None:
        seed = int(torch.randint(2**62, (), generator=generator))
        self.streams = [number // 2 if paired else number for number in numbers]
        self.signs = [1 - 2 * (number % 2) if paired else 1 for number in numbers]
        self.generators = {stream: _generator(seed, stream) for stream in self.streams}

    def __len__(self) -> int:
        return len(self.streams)

    def __call__(self, like: Tensor) -> Tensor:
        """Return noise of shape (samples, C, …), with the spatial shape, dtype and device of `like`."""
        drawn = {stream: torch.randn(like.shape[1:], generator=generator) for stream, generator in self.generators.items()}
        noise = [sign * drawn[stream] for stream, sign in zip(self.streams, self.signs, strict=True)]
        return torch.stack(noise).to(like)


def _generator(seed: int, stream: int) -> Generator:
    state = np.random.SeedSequence((seed, stream)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]) >> 1)
