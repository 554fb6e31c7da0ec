"""Plug-and-play: the options that all solvers with a denoiser share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.denoisers.tiling import Volume
from napari_tweedie.solvers.solver import Solver, State, watch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

RIM = 4
"""Pixels around the field of view that are denoised with it; 8 gave the same."""

GAIN = 0.2
"""Power of noise level over residual by which an adaptive strength is corrected after every iteration."""

WEAKEST, STRONGEST = 0.05, 20.0
"""Limits of that correction in all."""


class PlugAndPlay(Solver):
    """Shared parameters of the solvers that alternate a data step with a denoiser."""

    in_turn: ClassVar[bool] = False
    """Whether volumes may be denoised in one direction a turn: the next turn makes good for what that leaves."""

    iterations: int = Parameter(24, "Turns of data step and denoising.", ge=1, le=10000)
    equivariant: bool = Parameter(
        False, "Flip and rotate the image at random in every denoiser call, which steadies the iteration.", advanced=True
    )
    averaging: float = Parameter(
        1.0, "Share τ of the denoiser in (1 − τ) x + τ f(x); below 1 it tames expansive ones.", gt=0, le=1, advanced=True
    )
    adaptive: bool = Parameter(
        False, "Correct the denoising strength until the data residual equals the noise level.", advanced=True
    )
    stop: float = Parameter(
        1e-4,
        "Stop once the residual is at the noise level and the image changes less than this share; 0: never.",
        ge=0,
        lt=1,
        advanced=True,
    )

    def steps(self) -> int:
        return self.iterations

    def states(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[State]:
        frugal = Frugal(denoiser, problem, self.iterations) if self.in_turn and isinstance(denoiser, Volume) else denoiser
        aided = Aided(frugal, self, generator, problem.dark if problem.bounded else None)
        objective = partial(self.objective, problem, denoiser)
        for state in watch(self.estimates(problem, aided, generator), problem, self.steps(), self.stop, objective):
            aided.follow(state.residual, max(problem.noise_level, NOISE_FLOOR))
            yield state


class Frugal:
    """A denoiser of volumes for an iteration that lasts: one direction a turn, all of them in the last, where there is data.

    The directions take turns as often as their weights say. Beyond the field of view and a rim, an image is known by its blur
    alone: what is there stays as the data step made it, which changed nothing inside.
    """

    def __init__(self, volume: Volume, problem: Problem, turns: int) -> None:
        self.volume = volume
        self.problem = problem
        self.turns = turns
        self.taken: Counter[int] = Counter()

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Return the volume with what lies in the field of view denoised."""
        place: Any = (..., *self.problem.field(x, RIM))
        weights, turn = self.volume.directions(x), self.taken.total() + 1
        axis = max(weights, key=lambda axis: turn * weights[axis] - self.taken[axis])
        self.taken[axis] += 1
        clean = x.clone()
        clean[place] = self.volume(x[place], sigma) if turn >= self.turns else self.volume.along(x[place], sigma, axis)
        return clean


class Aided:
    """A denoiser with the options of a solver around it.

    Equivariance is that of Terris et al. (2024): a random element g of the group of flips and quarter turns of the YX
    plane (and of flips along Z) a call, ``g⁻¹ f(g x)``. Averaging is the relaxation ``(1 − τ) x + τ f(x)``, non-expansive
    for some τ if f is pseudo-contractive enough. The adaptive strength follows the discrepancy principle: a residual
    above the noise level means that too much was removed. Where solutions are bounded from below, so are clean images.
    """

    def __init__(self, denoiser: Denoise, options: PlugAndPlay, generator: Generator, lowest: float | None = None) -> None:
        self.denoiser = denoiser
        self.options = options
        self.generator = generator
        self.lowest = lowest
        self.factor = 1.0
        self.is_of_planes = isinstance(denoiser, Frugal | Volume)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Return f(x, σ) under the options."""
        turns, flips = self._transformation(x) if self.options.equivariant else (0, [])
        clean = self.denoiser(torch.rot90(x, turns, (-2, -1)).flip(flips), sigma * self.factor)
        clean = torch.rot90(clean.flip(flips), -turns, (-2, -1))
        clean = clean if self.lowest is None else clean.clamp_min(self.lowest)
        return clean if self.options.averaging == 1 else torch.lerp(x, clean, self.options.averaging)

    def _transformation(self, x: Tensor) -> tuple[int, list[int]]:
        turns, *coins = torch.randint(4, (1 + x.ndim - 3,), generator=self.generator).tolist()
        axes = [-1, -3][: x.ndim - 3]
        return turns, [axis for axis, coin in zip(axes, coins, strict=True) if coin % 2]

    def follow(self, residual: float, noise_level: float) -> None:
        """Correct the strength after an iteration that left `residual`."""
        if self.options.adaptive and residual > 0:
            self.factor = min(max(self.factor * (noise_level / residual) ** GAIN, WEAKEST), STRONGEST)
