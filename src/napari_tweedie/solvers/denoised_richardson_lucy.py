"""Richardson–Lucy deconvolution of denoised light: what noise is, the denoiser says before, not the iteration after."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.photons import LocalGaussian
from napari_tweedie.solvers.held_out import CLEARLY, UNLIKELY, Foresight, divided, of_noise
from napari_tweedie.solvers.richardson_lucy import RichardsonLucy

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


class DenoisedRichardsonLucy(RichardsonLucy):
    """Richardson–Lucy deconvolution of light that was denoised, stopped by held-out light.

    The denoiser meets the measurement, whose noise is white once it is stabilised, instead of images in between, whose errors
    are coloured by the deconvolution; it is called twice, for all of the light and for the part that decides on the end. Of
    stacks, of which a denoiser of planes knows too little to guide an iteration, it is the best that was measured. Where light
    as it was measured foretells what was held back clearly better, as of points that a denoiser takes for noise, that is
    explained instead.
    """

    name: ClassVar[str] = "denoised-richardson-lucy"
    title: ClassVar[str] = "Richardson–Lucy, denoised"
    uses_denoiser: ClassVar[bool] = True

    iterations: int = Parameter(80, "Multiplicative updates at most.", ge=1, le=10000)
    smoothing: float | None = Parameter(0.0, "Weight λ of total variation; none: from the noise, in volumes 0.", ge=0, le=0.2)

    def foresees(self, problem: Problem) -> bool:
        return True

    def to_explain(self, problem: Problem, denoiser: Denoise) -> Tensor:
        if isinstance(problem, LocalGaussian):
            return problem.light
        return denoiser(problem.measurement, problem.noise_level)

    def foreseen(self, problem: Problem, denoiser: Denoise, generator: Generator) -> tuple[RichardsonLucy, Foresight]:
        """Return the plain iteration where it clearly foretells the same held-out light better, as with points in the dark."""
        part, error = divided(problem, generator, denoiser)
        noise = of_noise(problem)
        plain = RichardsonLucy(**dict(self))
        own, other = (Foresight(one.estimates(part, denoiser, generator), error, UNLIKELY * noise) for one in (self, plain))
        least = other.finish()
        if least < UNLIKELY * noise or least < own.finish() - CLEARLY * noise:
            return plain, other
        return self, own

    def objective(self, problem: Problem, denoiser: Denoise, x: Tensor, error: Tensor) -> None:
        """State none: that of the denoised light is not that of the measurement."""
        return
