"""Solver: the base of generators of better and better estimates, watched while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, Self

from napari_tweedie.core import results
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Method, Parameter
from napari_tweedie.degradations.photons import LocalGaussian
from napari_tweedie.degradations.problem import NOISE_FLOOR

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

DIVERGED = 10.0
"""A residual that grew by this factor, and beyond that of an image of zeros, has diverged."""

REACHED = 1.1
"""A residual up to this multiple of the noise level counts as explained by noise."""


@dataclass(frozen=True)
class State(results.State):
    """Where a solver stands after an iteration.

    Parameters
    ----------
    change : float
        Norm of the estimate's change in this iteration, relative to the estimate; 1 for the first.
    objective : float, optional
        What the iteration minimises, where such a function exists and is known: see `Solver.objective`.
    """

    change: float = 1.0
    objective: float | None = None


class Solver(Method):
    """Estimates x from a problem and a denoiser; iterate over the call and stop whenever you like.

    Subclasses define `estimates`, `steps` where there is more than one, and `obstacle_in` or `obstacle` where they cannot treat
    every problem.
    """

    uses_denoiser: ClassVar[bool] = True
    """Whether the solver calls the denoiser; classical baselines do not."""
    needs_linear: ClassVar[bool] = False
    """Whether it uses A itself, or that a measurement is A x + noise, rather than the problem's gradient and proximal map."""
    whitens: ClassVar[bool] = False
    """Whether noise that neighbours share may be made white by a filter: not where measurements must be light, or steps short."""
    scales: ClassVar[bool] = True
    """Whether it works on images scaled by what photon noise is about every pixel: a denoiser then meets one noise level."""

    non_negative: bool | None = Parameter(
        None, "Keep every pixel at the grey level without light or above; none: with photon noise.", advanced=True
    )

    def steps(self) -> int:
        """Return how many states the solver will yield at most."""
        return 1

    def pinned(self, degradation: Degradation) -> Self:
        """Return it so that the recipe says by a hash which file it reads for a degradation, if it reads one."""
        return self

    def obstacle_in(self, degradation: Degradation) -> str:
        """Return why no problem of this degradation can be treated, in one sentence with the way out; empty: it can.

        It is asked while forms are edited: from what is declared alone, without arrays and without torch.
        """
        if self.needs_linear and not degradation.is_linear:
            return (
                f"{self.name} needs a measurement that is linear in the image; {degradation.name!r} is not: "
                "choose a plug-and-play solver, pnp-admm for instance"
            )
        return ""

    def obstacle(self, problem: Problem) -> str:
        """Return why this problem cannot be treated, in one sentence with the way out; empty: it can."""
        return self.obstacle_in(problem.degradation)

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        """Yield the estimate of x after every iteration."""
        raise TypeError(f"{type(self).__name__} defines no iteration")

    def objective(self, problem: Problem, denoiser: Denoise, x: Tensor, error: Tensor) -> float | None:
        """Return the function that the iteration minimises at x, where ``A x − y = error``; None where none is known.

        A denoiser defines one only if it is a gradient; a trained network is none, so most solvers have nothing to state.
        """
        return None

    def __call__(self, problem: Problem, denoiser: Denoise, generator: Generator | None = None) -> Iterator[State]:
        """Yield a state after every iteration.

        Parameters
        ----------
        problem : Problem
            Measurement, degradation, noise.
        denoiser : callable
            f(x, sigma).
        generator : Generator, optional
            Source of all randomness, on the CPU; by default one with seed 0.

        Raises
        ------
        ValueError
            If this solver cannot treat this problem; the message says why.
        """
        if obstacle := self.obstacle(problem):
            raise ValueError(obstacle)
        problem = self.prepared(problem, denoiser)
        states = self.states(problem, denoiser, generator or torch.Generator().manual_seed(0))
        return (replace(state, estimate=problem.image(state.estimate)) for state in states)

    def prepared(self, problem: Problem, denoiser: Denoise) -> Problem:
        """Return the problem with noise that is equally strong everywhere, and bounded where that is wanted."""
        bounded = not problem.noise.is_uniform if self.non_negative is None else self.non_negative
        problem = replace(problem, bounded=bounded)
        if problem.noise.is_uniform:
            return problem
        return LocalGaussian.of(problem, scaled=self.scales, denoiser=denoiser if self.uses_denoiser else None)

    def states(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[State]:
        """Yield a state after every iteration on a problem whose noise is equally strong everywhere."""
        objective = partial(self.objective, problem, denoiser)
        return watch(self.estimates(problem, denoiser, generator), problem, self.steps(), objective=objective)


def watch(
    estimates: Iterator[Tensor],
    problem: Problem,
    total: int,
    stop: float = 0.0,
    objective: Callable[[Tensor, Tensor], float | None] = lambda x, error: None,
    reached: float = REACHED,
) -> Iterator[State]:
    """Measure every estimate; end early when nothing more is to be gained, or when the iteration diverges.

    Parameters
    ----------
    estimates : iterator of Tensor
        The iteration.
    problem : Problem
        What it solves.
    total : int
        Iterations to do.
    stop : float
        The iteration ends once the residual is at the noise level and `State.change` below this.
    objective : callable
        Returns `State.objective` for x and A x − y.
    reached : float
        Multiple of the noise level at which a residual is.

    Yields
    ------
    State
        One an iteration. After a divergence the last one holds the best estimate so far (that whose residual is lowest,
        residuals below the noise level counting as equal, and of equals the latest) and a note.
    """
    floor = max(problem.noise_level, NOISE_FLOOR)
    of_zeros = max(float(problem.measurement.square().mean().sqrt()), floor)
    best, previous = State(0, total, problem.start(), float("inf")), torch.zeros(())
    for k, x in enumerate(map(problem.feasible, estimates), start=1):
        error = problem.residual(x)
        residual = problem.root_mean_square(error)
        if not isfinite(residual) or (residual > DIVERGED * best.residual and residual > of_zeros):
            note = f"The iteration diverged and was stopped after {k} steps; the result is the best of the estimates before."
            yield replace(best, iteration=k, total=k, residual=problem.data_residual(best.estimate), note=note)
            return
        change = float((x - previous.to(x)).norm() / x.norm().clamp_min(torch.finfo(x.dtype).tiny))
        done = k == total or (change < stop and residual <= reached * floor)
        state = State(k, k if done else total, x, residual, change=change, objective=objective(x, error))
        if max(residual, floor) <= max(best.residual, floor):
            best = state
        yield state
        if done:
            return
        previous = x
