"""A solver of one's own: the Landweber iteration."""

from collections.abc import Iterator
from typing import ClassVar

import torch

from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations import Degradation, Problem
from napari_tweedie.solvers import Solver


class Landweber(Solver):
    """Landweber iteration (1951): gradient descent on ``½‖A x − y‖²``, whose early end is all that regularises."""

    name: ClassVar[str] = "landweber"
    title: ClassVar[str] = "Landweber iteration"
    uses_denoiser: ClassVar[bool] = False

    iterations: int = Parameter(30, "Gradient steps.", ge=1, le=10000)

    def steps(self) -> int:
        """Return how many estimates there are."""
        return self.iterations

    def obstacle_in(self, degradation: Degradation) -> str:
        """Refuse what gradient steps hardly restore, and say what to do instead."""
        if obstacle := super().obstacle_in(degradation):
            return obstacle
        if not degradation.suits_gradients:
            return f"landweber would need thousands of steps for {degradation.name!r}: choose another solver, hqs for instance"
        return ""

    def estimates(self, problem: Problem, denoiser: object, generator: torch.Generator) -> Iterator[torch.Tensor]:
        """Yield ``x ← x − Aᵀ(A x − y) / ‖A‖²``; each one is new, as those before must stay what they are."""
        x, step = problem.start(), problem.norm**-2
        for _ in range(self.iterations):
            x = x - step * problem.gradient(x)
            yield x


if __name__ == "__main__":
    from napari_tweedie import degradations
    from napari_tweedie.core.testing import check_solver

    blur = degradations.load("gaussian-blur", std=1.0)
    image = torch.rand((1, 1, 24, 24), generator=torch.Generator().manual_seed(0))
    y = blur(blur.extend(image))
    problem = Problem(y + 0.05 * torch.randn_like(y), blur, degradations.noise.Gaussian(sigma=0.05))
    assert check_solver(Landweber(), problem) == ""
    print("landweber passes")
