"""A sampler of one's own: the unadjusted Langevin algorithm."""

from collections.abc import Callable, Iterator
from typing import ClassVar

import torch

from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations import Problem
from napari_tweedie.samplers import Sampler, WhiteNoise


class UnadjustedLangevin(Sampler):
    """Unadjusted Langevin dynamics with a plug-and-play prior (Laumont et al. 2022).

    ``x ← x + δ (Aᵀ(y − A x)/σ² + (f(x, ε) − x)/ε²) + √(2δ) n``: the first term is the score of the measurement, the second,
    by Tweedie's formula, that of the prior at the small noise level ε = σ/2.
    """

    name: ClassVar[str] = "unadjusted-langevin"
    title: ClassVar[str] = "Unadjusted Langevin"
    draws_from_posterior: ClassVar[bool] = True

    iterations: int = Parameter(500, "Steps, with one denoising each.", ge=1, le=100000)
    step: float = Parameter(0.3, "Step, as a share of the largest that is stable.", gt=0, le=1, advanced=True)

    def steps(self) -> int:
        """Return how many states there are."""
        return self.iterations

    def obstacle(self, problem: Problem, denoiser: object = None) -> str:
        """Refuse also a measurement without noise, for which no step is small enough."""
        if obstacle := super().obstacle(problem, denoiser):
            return obstacle
        if problem.noise_level <= 0:
            return "unadjusted-langevin needs a measurement with noise: choose implicit-prior"
        return ""

    def estimates(self, problem: Problem, denoiser: Callable[..., torch.Tensor], white: WhiteNoise) -> Iterator[torch.Tensor]:
        """Yield the samples after every step; all randomness is that of `white`, which gives each sample noise of its own."""
        variance, epsilon = problem.noise_level**2, problem.noise_level / 2
        delta = self.step / (problem.norm**2 / variance + 1 / epsilon**2)
        x = problem.start()
        for _ in range(self.iterations):
            score = (denoiser(x, epsilon) - x) / epsilon**2 - problem.gradient(x) / variance
            x = x + delta * score + (2 * delta) ** 0.5 * white(x)
            yield x


if __name__ == "__main__":
    from napari_tweedie import degradations
    from napari_tweedie.core.testing import check_sampler

    y = 0.5 + 0.3 * torch.randn((1, 1, 12, 12), generator=torch.Generator().manual_seed(0))
    y = y + 0.1 * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    problem = Problem(y, degradations.load("identity"), degradations.noise.Gaussian(sigma=0.1))
    assert check_sampler(UnadjustedLangevin(samples=40), problem, mean=0.5, std=0.3) == ""
    print("unadjusted-langevin passes")
