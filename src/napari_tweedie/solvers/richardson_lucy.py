"""What if photons are counted? Richardson–Lucy deconvolution, which keeps the image non-negative and its total flux."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.degradations.operator import spatial_axes
from napari_tweedie.lazy import torch
from napari_tweedie.method import Parameter
from napari_tweedie.solvers.classical import divergence
from napari_tweedie.solvers.solver import Solver

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.problem import Problem


class RichardsonLucy(Solver):
    """Richardson–Lucy deconvolution with total variation (Dey et al. 2006) and vector acceleration (Biggs & Andrews 1997).

    ``x ← x · Aᵀ(y / A x) / Aᵀ1 / (1 − λ div(∇x/|∇x|))``, the EM algorithm of Poisson noise. It needs non-negative data:
    negative values of y are set to zero. After every iteration the sum of A x is set to that of y, so no intensity is
    lost or gained. Pixels that no measurement sees keep their first value, smoothed. It needs an A without negative weights.
    """

    name: ClassVar[str] = "richardson-lucy"
    title: ClassVar[str] = "Richardson–Lucy"
    uses_denoiser: ClassVar[bool] = False

    iterations: int = Parameter(30, "Multiplicative updates.", ge=1, le=10000)
    smoothing: float | None = Parameter(None, "Weight λ of total variation; none: from the noise, 0: no smoothing.", ge=0, le=0.2)
    accelerated: bool = Parameter(True, "Extrapolate along the last changes, which saves iterations.", advanced=True)

    def steps(self) -> int:
        return self.iterations

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        problem.require_linear(self.name)
        degradation = problem.degradation
        y = problem.measurement.clamp_min(0)
        start = problem.start().clamp_min(0)
        sensitivity = self.sensitivity(problem, y)
        seen = sensitivity > 1e-4 * sensitivity.max()
        smoothing = self.smoothing
        if smoothing is None:
            smoothing = min(0.25 * problem.noise_level / float(y.mean().clamp_min(1e-6)), 0.1)
        x = p = torch.where(seen, y.mean(), start)
        g = last = torch.zeros_like(x)
        for _ in range(self.iterations):
            ratio = y / degradation(p).clamp_min(1e-12)
            update = p * torch.where(seen, degradation.adjoint(ratio) / sensitivity.clamp_min(1e-12), 1.0)
            if smoothing > 0:
                update = update / (1 - smoothing * curvature(p, 16 * smoothing * p.mean())).clamp_min(0.1)
            total = (sensitivity * update).sum()  # of A times the update
            update = torch.where(seen, update * (y.sum() / total.clamp_min(1e-12)), update)
            g, last, previous, x = update - p, g, x, update
            alpha = ((g * last).sum() / last.square().sum().clamp_min(1e-30)).clamp(0, 1) if self.accelerated else 0
            p = (x + alpha * (x - previous)).clamp_min(0)
            yield x

    def objective(self, problem: Problem, denoiser: Denoise, x: Tensor, error: Tensor) -> float:
        """Return the Kullback–Leibler divergence of A x from y, which the updates lower while nothing is smoothed."""
        y = problem.measurement.clamp_min(0)
        fit = (error + problem.measurement).clamp_min(1e-12)
        return float((fit - y + torch.special.xlogy(y, y / fit)).sum())

    def sensitivity(self, problem: Problem, y: Tensor) -> Tensor:
        """Return Aᵀ1; refuse an A that turns light into darkness, and one that spreads no light."""
        if problem.degradation.name == "identity":
            raise ValueError(
                "richardson-lucy needs a degradation that spreads light; 'identity' spreads none: "
                "choose another solver, hqs for instance"
            )
        ones = torch.ones_like(y)
        sensitivity: Tensor = problem.degradation.adjoint(ones)
        both = (sensitivity, problem.degradation(torch.ones_like(sensitivity)))
        if any(float(weights.min()) < -1e-3 * float(weights.abs().max()) for weights in both):
            raise ValueError(
                f"richardson-lucy needs a degradation without negative weights; {problem.degradation.name!r} has some: "
                "choose another solver, tikhonov for instance"
            )
        return sensitivity


def curvature(x: Tensor, smallest: Tensor) -> Tensor:
    """Return div(∇x/|∇x|), which total variation follows downhill; |∇x| is rounded off below `smallest`."""
    axes = spatial_axes(x)
    gradients = [torch.cat([x.diff(dim=axis), torch.zeros_like(x.narrow(axis, 0, 1))], dim=axis) for axis in axes]
    size = (torch.stack(gradients).square().sum(0) + smallest.square() + 1e-12).sqrt()
    total = torch.zeros_like(x)
    for axis, gradient in zip(axes, gradients, strict=True):
        total = total + divergence((gradient / size).narrow(axis, 0, x.shape[axis] - 1), axis)
    return total
