"""Diffusion samplers: DPS guides by a gradient, DiffPIR by a proximal map."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.samplers.sampler import Sampler, WhiteNoise

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


class Diffusion(Sampler):
    """Shared parameters of the guided diffusion samplers; their samples are plausible, their spread is no posterior's."""

    draws_from_posterior: ClassVar[bool] = False

    iterations: int = Parameter(100, "Noise levels, with one denoising each.", ge=2, le=10000)
    start: float = Parameter(1.0, "First noise level.", unit="range", ge=0.01, le=10, advanced=True)

    def steps(self) -> int:
        return self.iterations

    def schedule(self) -> Iterator[tuple[float, float]]:
        """Return pairs of successive noise levels, evenly spaced in logarithm, and zero last."""
        return pairwise([*np.geomspace(self.start, NOISE_FLOOR, self.iterations).tolist(), 0.0])


class Dps(Diffusion):
    """Diffusion posterior sampling (Chung et al., ICLR 2023): an ancestral step minus ζ ∇‖y − A f(x)‖.

    The gradient goes through the denoiser, which must be differentiable. The paper takes 1000 steps, and ζ between 0.3 and
    1, for images in [−1, 1] and levels whose images have variance one; both are converted.
    """

    name: ClassVar[str] = "dps"
    title: ClassVar[str] = "Diffusion posterior sampling"
    differentiates: ClassVar[bool] = True

    iterations: int = Parameter(200, "Noise levels, with one denoising and its gradient each.", ge=2, le=10000)
    guidance: float = Parameter(0.3, "Step ζ of the data's gradient.", gt=0, le=100)

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        x = problem.start()
        x = x + self.start * white(x)
        for a, b in self.schedule():
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                d = denoiser(x, a)
                misfit = problem.residual(d).flatten(1).norm(dim=1).sum()
                (gradient,) = torch.autograd.grad(misfit, x)
            x, d = x.detach(), d.detach()
            k = 1 - b**2 / a**2
            x = d + (1 - k) * (x - d) + b * k**0.5 * white(x)
            x = x - self.guidance / 2 * ((1 + 4 * a**2) * (1 + 4 * b**2)) ** 0.5 * gradient
            yield d if b else x


class DiffPir(Diffusion):
    """Denoising diffusion for plug-and-play restoration (Zhu et al., CVPR workshops 2023).

    Each level denoises, moves towards the data by the proximal map of weight λ σ_y²/σ², and adds noise, a share ζ of it
    fresh.
    """

    name: ClassVar[str] = "diffpir"
    title: ClassVar[str] = "DiffPIR"

    weight: float = Parameter(7.0, "Weight λ of the denoiser against the data.", gt=0, le=1000, advanced=True)
    fresh: float = Parameter(0.3, "Share ζ of fresh noise.", ge=0, le=1, advanced=True)

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        noise = max(problem.noise_level, NOISE_FLOOR) ** 2
        x = problem.start()
        x = x + self.start * white(x)
        for a, b in self.schedule():
            clean = problem.prox(denoiser(x, a), self.weight * noise / a**2)
            x = clean + b * ((1 - self.fresh) ** 0.5 * (x - clean) / a + self.fresh**0.5 * white(x))
            yield clean
