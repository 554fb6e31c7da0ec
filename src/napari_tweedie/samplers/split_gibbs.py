"""Split Gibbs sampler for blur, gaps or low resolution: data and denoiser take turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.samplers.moment_matched import denoising_draws, levels_of_draw
from napari_tweedie.samplers.sampler import Sampler, WhiteNoise, most_likely

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.degradations.svd import SVD
    from napari_tweedie.denoisers.denoiser import Denoise


class SplitGibbs(Sampler):
    """Split Gibbs sampling, with the noise of the measurement itself as the coupling.

    The noise of y = A z + e is split into ρ A n, of white n, and a rest: x = z + ρ n is a noisy image that knows all that y
    says. In turn x is drawn given z and y, and z given x by `moment-matched` reverse diffusion from level ρ. Other than the
    usual coupling (Vono, Dobigeon & Chainais 2019) this one changes nothing of the posterior, as long as ρ‖A‖ ≤ σ_y,
    so ρ may be large and the turns mix fast. It begins with larger ρ: directions of singular value h are drawn from their
    measurement y/h, made as noisy as ρ, until ρ h ≤ σ_y, and follow the exact rule from then on. Where A has no structured
    singular values, the usual coupling does the beginning.

    The chains begin at one estimate, by half-quadratic splitting. What a turn draws is made noisy again by the next, so that all
    but the last may be coarse. For Gaussian priors the recursion is linear: computed exactly for white and coloured fields,
    blurred or with gaps, 59 denoisings in 16 turns leave 0.97–1.04 of the variance and 0.98–1.00 of the mean.

    With a trained network, the score of no prior exactly, the spread depends on `iterations` and `depth`, most for blur:
    calibrate it, and keep what it was calibrated with.
    """

    name: ClassVar[str] = "split-gibbs"
    title: ClassVar[str] = "Split Gibbs"
    whitens: ClassVar[bool] = True

    iterations: int = Parameter(16, "Turns of data and denoiser.", ge=1, le=10000)
    depth: int = Parameter(2, "Noise levels of a denoising draw; a turn costs one denoising more.", ge=2, le=100, advanced=True)
    finish: int = Parameter(13, "Noise levels of the last draw.", ge=3, le=100, advanced=True)
    start: float = Parameter(0.4, "Coupling ρ of the first turn.", unit="range", ge=0.01, le=10, advanced=True)

    def steps(self) -> int:
        return self.iterations

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        coupling = Coupling.of(problem)
        z, first = most_likely(problem, denoiser), max(self.start, coupling.last)
        falling = max(1, round(self.iterations * FALLING))
        shares = np.append(np.linspace(0, 1, falling) ** SOONER, np.ones(self.iterations - falling))
        for turn, share in enumerate(shares, start=1):
            rho = float(first ** (1 - share) * coupling.last**share)
            x = coupling(z, rho, white)
            depth = self.depth if turn < self.iterations else self.finish
            *_, z = denoising_draws(denoiser, x, levels_of_draw(rho, depth), white)
            yield z


@dataclass(frozen=True)
class Coupling:
    """The draw of a noisy image x = z + ρ n, white n, given an image z and the measurement y.

    Parameters
    ----------
    problem : Problem
        Its noise level is not zero.
    svd : SVD or None
        Decomposition of A, where there is a fast one.
    last : float
        The largest ρ, about σ_y/‖A‖, at which the draw is exact in all directions.
    """

    problem: Problem
    svd: SVD | None
    last: float

    @classmethod
    def of(cls, problem: Problem) -> Coupling:
        """Prepare a problem."""
        sigma = max(problem.noise_level, NOISE_FLOOR)
        problem = replace(problem, noise=Gaussian(sigma=sigma))
        last = sigma / problem.norm
        if problem.degradation.svd_obstacle():
            return cls(problem, None, CONVERGENT * last)
        return cls(problem, problem.degradation.svd(problem.start()), last)

    def __call__(self, z: Tensor, rho: float, white: WhiteNoise) -> Tensor:
        """Return x for z of shape (samples, C, …), or (1, C, …) for all samples."""
        if self.svd is not None:
            return self.by_direction(self.svd, z, rho, white)
        if rho <= self.last:
            return self.by_gradient(z, rho, white)
        return self.problem.draw(z, (self.problem.noise_level / rho) ** 2, white)

    def by_direction(self, svd: SVD, z: Tensor, rho: float, white: WhiteNoise) -> Tensor:
        """Return ``x = z + w (y/h − z) + ρ √(1 − min(g, 1/g)) n``, w = min(g, 1), g = ρ²h²/σ_y², in each direction of V."""
        h = svd.singular_values
        c = svd.vt(z)
        g = (rho * h / self.problem.noise_level) ** 2
        data = torch.where(h > 0, svd.ut(self.problem.measurement) / h, 0.0)
        spread = (1 - torch.minimum(g, 1 / g.clamp_min(1e-12))).clamp_min(0).sqrt()
        return svd.v(c + g.clamp_max(1) * (data - c) + rho * spread * white(c))

    def by_gradient(self, z: Tensor, rho: float, white: WhiteNoise) -> Tensor:
        """Return ``x = z − γ Aᵀ(A z − y) + ρ (1 − γ AᵀA)^½ n``, γ = ρ²/σ_y²: the same where ρ‖A‖ < σ_y, without directions.

        The square root is its binomial series.
        """
        degradation, gamma = self.problem.degradation, (rho / self.problem.noise_level) ** 2
        term = white(z)
        root, coefficient = term, 1.0
        for k in range(1, TERMS + 1):
            term = gamma * degradation.adjoint(degradation(term))
            coefficient *= (k - 1.5) / k
            root = root + coefficient * term
        return z - gamma * self.problem.gradient(z) + rho * root


FALLING, SOONER = 0.78, 0.8
"""Share of the turns in which the coupling falls, at its last value after; and the power of that share with which it does."""

CONVERGENT = 0.9
"""Share of σ_y/‖A‖ at which the series of the square root is right to 1 % after its terms."""

TERMS = 8
"""Terms of that series."""
