"""SNIPS and DDRM: samplers that treat every singular direction of A by how well it was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.samplers.langevin import Annealed
from napari_tweedie.samplers.sampler import Sampler, WhiteNoise

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.degradations.svd import SVD
    from napari_tweedie.denoisers.denoiser import Denoise


@dataclass(frozen=True)
class Directions:
    """A measurement in the basis V of A = U diag(s) Vᵀ.

    Parameters
    ----------
    svd : SVD
        The decomposition.
    data : Tensor
        What is measured of x in every direction, (Uᵀy)/s; zero where s = 0.
    noise : Tensor
        Variance of its noise, σ_y²/s²; infinite where s = 0.
    """

    svd: SVD
    data: Tensor
    noise: Tensor

    @classmethod
    def of(cls, problem: Problem) -> Directions:
        """Decompose a problem."""
        svd = problem.degradation.svd(problem.start())
        s = svd.singular_values
        data = torch.where(s > 0, svd.ut(problem.measurement) / s, 0.0)
        return cls(svd, data, (max(problem.noise_level, NOISE_FLOOR) / s) ** 2)

    def begin(self, problem: Problem, sigma: float, white: WhiteNoise) -> Tensor:
        """Return coefficients of images at level sigma: the data made that noisy, or a first estimate where they are noisier."""
        first = self.svd.vt(problem.start())
        known = self.noise < sigma**2
        spread = torch.where(known, sigma**2 - self.noise, sigma**2).sqrt()
        return torch.where(known, self.data, first) + spread * white(first)


class Snips(Annealed):
    """SNIPS: annealed Langevin dynamics in the singular basis (Kawar, Vaksman & Elad, NeurIPS 2021).

    An image at level σ_i shares its noise with the measurement. A direction measured better than σ_i follows
    N(Uᵀy/s, σ_i² − σ_y²/s²) alone; one measured worse the score ``(f(x, σ_i) − x)/σ_i²`` plus
    ``(Uᵀy/s − x)/(σ_y²/s² − σ_i²)``. Steps are a share of the inverse curvature, ``|σ_i² − σ_y²/s²|`` in the first case and
    ``σ_i² (1 − s²σ_i²/σ_y²)`` in the second.
    """

    name: ClassVar[str] = "snips"
    title: ClassVar[str] = "SNIPS"
    needs_svd: ClassVar[bool] = True

    start: float = Parameter(1.0, "First noise level.", unit="range", ge=0.01, le=10, advanced=True)

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        directions = Directions.of(problem)
        v, vt, data, noise = directions.svd.v, directions.svd.vt, directions.data, directions.noise
        c = directions.begin(problem, self.start, white)
        for sigma in np.geomspace(self.start, min(self.last, self.start / 2), self.iterations):
            worse = noise > sigma**2
            rest = (noise - sigma**2).abs().clamp_min(1e-12)
            alpha = self.step * torch.where(worse, sigma**2 * (1 - sigma**2 / noise), rest)
            for _ in range(self.inner):
                d = denoiser(v(c), float(sigma))
                score = torch.where(worse, (vt(d) - c) / sigma**2, 0.0)
                c = c + alpha * (score + (data - c) / rest) + (2 * alpha).sqrt() * white(c)
            yield d


class Ddrm(Sampler):
    """Denoising diffusion restoration models (Kawar, Elad, Ermon & Song, NeurIPS 2022).

    Fast and sharp, but with a spread between a third and twice that of the posterior.
    """

    name: ClassVar[str] = "ddrm"
    title: ClassVar[str] = "DDRM"
    draws_from_posterior: ClassVar[bool] = False
    needs_svd: ClassVar[bool] = True

    iterations: int = Parameter(20, "Noise levels, with one denoising each.", ge=2, le=10000)
    eta: float = Parameter(0.85, "Share of fresh noise η.", ge=0, le=1, advanced=True)
    eta_b: float = Parameter(1.0, "Weight η_b of what was measured better than the noise level.", ge=0, le=1, advanced=True)
    start: float = Parameter(1.0, "First noise level.", unit="range", ge=0.01, le=10, advanced=True)

    def steps(self) -> int:
        return self.iterations

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        directions = Directions.of(problem)
        v, vt, data, noise = directions.svd.v, directions.svd.vt, directions.data, directions.noise
        kept, eta, eta_b = (1 - self.eta**2) ** 0.5, self.eta, self.eta_b
        c = directions.begin(problem, self.start, white)
        for a, b in pairwise([*np.geomspace(self.start, NOISE_FLOOR, self.iterations), 0.0]):
            d = vt(denoiser(v(c), float(a)))
            missing = d + kept * b * (c - d) / a + eta * b * white(c)
            worse = d + kept * b * (data - d) / noise.sqrt() + eta * b * white(c)
            better = (1 - eta_b) * d + eta_b * data + (b**2 - noise * eta_b**2).clamp_min(0).sqrt() * white(c)
            c = torch.where(noise.isinf(), missing, torch.where(noise > b**2, worse, better))
            yield v(c)
