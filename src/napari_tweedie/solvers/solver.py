"""What is a solver? A generator of better and better estimates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.problem import Problem


@dataclass(frozen=True)
class State:
    """Where a solver stands after an iteration.

    Parameters
    ----------
    iteration, total : int
        Iterations done, and to do in all.
    estimate : Tensor
        The current estimate of x; usable at any time.
    residual : float
        Root mean square of A x − y, to compare with the noise level.
    """

    iteration: int
    total: int
    estimate: Tensor
    residual: float


class Solver(Method):
    """Estimates x from a problem and a denoiser; iterate over the call and stop whenever you like."""

    uses_denoiser: ClassVar[bool] = True
    """Whether the solver calls the denoiser; classical baselines do not."""

    def steps(self) -> int:
        """Return how many states the solver will yield."""
        return 1

    def __call__(self, problem: Problem, denoiser: Denoise) -> Iterator[State]:
        """Yield a state after every iteration."""
        raise TypeError(f"{type(self).__name__} defines no iteration")
