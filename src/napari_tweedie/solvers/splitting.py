"""Half-quadratic splitting and ADMM: solvers in which data term and denoiser take turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.solvers.partly_denoised import partly_denoised
from napari_tweedie.solvers.plug_and_play import PlugAndPlay

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


WEIGHT, WEIGHT_OF_VOLUMES = 0.23, 0.08
"""Weight of the denoiser in half-quadratic splitting, of planes and of volumes."""


class Splitting(PlugAndPlay):
    """Shared parameters of the splitting solvers: a falling schedule of denoising strengths."""

    in_turn: ClassVar[bool] = True
    whitens: ClassVar[bool] = True

    start: float = Parameter(49 / 255, "Denoising strength of the first iteration.", unit="range", gt=0, le=1, advanced=True)

    def schedule(self, problem: Problem) -> tuple[float, NDArray[np.float64]]:
        """Return σ_y, and the denoising strengths: spaced evenly in logarithm from `start` to what σ_y means in the image."""
        sigma_y = max(problem.noise_level, NOISE_FLOOR)
        last = sigma_y / max(1.0, problem.gain)
        return sigma_y, np.geomspace(max(self.start, last), last, self.iterations)


class HalfQuadraticSplitting(Splitting):
    """Half-quadratic splitting with a falling denoising strength (DPIR; Zhang et al. 2021).

    Its weight of 0.23 is kept: with the bundled denoiser 0.1 gains 0.3 dB on a Gaussian blur, but it diverges on motion
    blur, and so does 0.2 where the noise level is underestimated by a tenth. Of volumes a denoiser of planes knows less, and
    smooths more of what it does not know: there 0.08 gained 1.2 dB on a stack of photon noise. Of counted light in a plane,
    part of the noise is taken away before: see `partly_denoised`.
    """

    name: ClassVar[str] = "hqs"
    title: ClassVar[str] = "Half-quadratic splitting"

    regularisation: float | None = Parameter(
        None,
        "Weight of the denoiser; 1: as in a posterior; none: 0.23, for volumes plane by plane 0.08.",
        gt=0,
        le=100,
        advanced=True,
    )
    equivariant: bool = Parameter(
        True, "Flip and rotate the image at random in every denoiser call, which gains about 0.1 dB.", advanced=True
    )

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        problem = partly_denoised(problem, denoiser, generator)
        z = problem.start()
        weight = self.regularisation or (WEIGHT_OF_VOLUMES if getattr(denoiser, "is_of_planes", False) else WEIGHT)
        sigma_y, strengths = self.schedule(problem)
        for sigma in strengths:
            x = problem.prox(z, weight * (sigma_y / sigma) ** 2)
            z = denoiser(x, float(sigma))
            yield z


class PnpAdmm(Splitting):
    """Plug-and-play ADMM (Venkatakrishnan, Bouman & Wohlberg 2013) with a falling denoising strength.

    At a constant strength (``start`` at the noise level) it converges for a denoiser whose residual f − I is
    non-expansive enough (Ryu et al. 2019), certainly for a proximal map; no trained network is guaranteed to be one.
    On blur a smaller weight is sharper: with the bundled denoiser 0.5 gains 2 dB over 1 on motion blur, but loses 7 where
    the noise level is underestimated by a fifth, which 0.7 survives.
    """

    name: ClassVar[str] = "pnp-admm"
    title: ClassVar[str] = "Plug-and-play ADMM"

    regularisation: float | None = Parameter(
        None, "Weight of the denoiser; 1: as in a posterior; none: 0.7 for blur, else 1.", gt=0, le=100, advanced=True
    )

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        weight = self.regularisation or problem.degradation.admm_weight
        x = problem.start()
        w = torch.zeros_like(x)
        sigma_y, strengths = self.schedule(problem)
        for sigma in strengths:
            u = problem.prox(x - w, weight * (sigma_y / sigma) ** 2)
            x = denoiser(u + w, float(sigma))
            w = w + u - x
            yield x
