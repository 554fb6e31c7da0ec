"""Richardson–Lucy deconvolution of counted photons, which keeps the image non-negative and its total flux."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.linear_algebra import spatial_axes
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.degradations.photons import LocalGaussian
from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.solvers.held_out import UNLIKELY, Foresight, divided, of_noise
from napari_tweedie.solvers.solver import Solver, State, watch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise


EXPLAINED = 0.97
"""Multiple of the noise level below which a residual means that noise is fitted: the fit takes some of it away."""
DARKEST = 1e-4
"""Share of the mean light below which a fit counts as rounding of its transforms: the updates would follow that."""

TOO_WELL = (
    "Light that was held back is foretold better than its noise allows, so the iteration was ended: likely the noise level is "
    "too high, or the blur is another than was given; check both."
)


class RichardsonLucy(Solver):
    """Richardson–Lucy deconvolution with total variation (Dey et al. 2006) and vector acceleration (Biggs & Andrews 1997).

    ``x ← x · Aᵀ(y / A x) / Aᵀ1 / (1 − λ div(∇x/|∇x|))``, the EM algorithm of Poisson noise. It needs non-negative data:
    negative values of y are set to zero. After every iteration the sum of A x is set to that of y, so no intensity is
    lost or gained. A of an extrapolated image is extrapolated too, which saves a third of the transforms; it counts as at
    least half of A x, as the image is not extrapolated below zero. Pixels that no measurement sees keep their first value,
    smoothed; the others begin with one constant, and for projections with what was projected back. It needs an A without
    negative weights.

    It stops by Morozov's discrepancy principle, once the data residual has fallen to the noise level. Numbers that are fewer
    than the pixels are explained by too many images for that to mean anything; then all iterations are done.
    """

    name: ClassVar[str] = "richardson-lucy"
    title: ClassVar[str] = "Richardson–Lucy"
    uses_denoiser: ClassVar[bool] = False
    needs_linear: ClassVar[bool] = True
    scales: ClassVar[bool] = False

    iterations: int = Parameter(30, "Multiplicative updates.", ge=1, le=10000)
    smoothing: float | None = Parameter(
        None, "Weight λ of total variation; none: from the noise, in volumes 0; 0: no smoothing.", ge=0, le=0.2
    )
    early: bool = Parameter(
        True,
        "Stop before noise is sharpened: at the noise level, for photons of a stack by what foretells held-out ones.",
        advanced=True,
    )
    accelerated: bool = Parameter(True, "Extrapolate along the last changes, which saves iterations.", advanced=True)

    def steps(self) -> int:
        return self.iterations

    def obstacle_in(self, degradation: Degradation) -> str:
        if obstacle := super().obstacle_in(degradation):
            return obstacle
        if degradation.is_pixelwise:
            return (
                f"{self.name} needs a degradation that spreads light; {degradation.name!r} spreads none: "
                "choose another solver, hqs for instance"
            )
        return "" if degradation.is_non_negative else self._of_negative_weights(degradation)

    def obstacle(self, problem: Problem) -> str:
        """Refuse also an A whose weights turn out to be negative, as a measured point-spread function's may."""
        if obstacle := self.obstacle_in(problem.degradation):
            return obstacle
        sensitivity = problem.degradation.adjoint(torch.ones_like(problem.measurement))
        both = (sensitivity, problem.degradation(torch.ones_like(sensitivity)))
        if any(float(weights.min()) < -1e-3 * float(weights.abs().max()) for weights in both):
            return self._of_negative_weights(problem.degradation)
        return ""

    def _of_negative_weights(self, degradation: Degradation) -> str:
        return (
            f"{self.name} needs a degradation without negative weights; {degradation.name!r} has some: "
            "choose another solver, tikhonov for instance"
        )

    def states(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[State]:
        problem = problem if isinstance(problem, LocalGaussian) else problem.remembering()
        if self.early and self.foresees(problem):
            return self._foreseen(problem, denoiser, generator)
        stop = float("inf") if self.early and is_overdetermined(problem) and problem.noise_level >= NOISE_FLOOR else 0.0
        objective = partial(self.objective, problem, denoiser)
        return watch(self.estimates(problem, denoiser, generator), problem, self.steps(), stop, objective, EXPLAINED)

    def foresees(self, problem: Problem) -> bool:
        """Tell whether held-out light says where to stop, rather than the noise level."""
        return isinstance(problem, LocalGaussian) and problem.measurement.ndim > 4 and is_overdetermined(problem)

    def to_explain(self, problem: Problem, denoiser: Denoise) -> Tensor:
        """Return the light that updates are to explain, in units of `counted`."""
        return counted(problem)[0].measurement

    def _foreseen(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[State]:
        """Yield the states up to the one that foretells held-out light best."""
        solver, foresight = self.foreseen(problem, denoiser, generator)
        estimates, objective = solver.estimates(problem, denoiser, generator), partial(solver.objective, problem, denoiser)
        for state in watch(estimates, problem, self.steps(), objective=objective):
            ends = foresight.ends_at(state.iteration)
            note = TOO_WELL if ends and foresight.lowest < foresight.least else state.note
            yield replace(state, total=state.iteration, note=note) if ends else state
            if ends:
                return

    def foreseen(self, problem: Problem, denoiser: Denoise, generator: Generator) -> tuple[RichardsonLucy, Foresight]:
        """Return what is to iterate on all of the light, and what tells it where to end."""
        part, error = divided(problem, generator, denoiser if self.uses_denoiser else None)
        return self, Foresight(self.estimates(part, denoiser, generator), error, UNLIKELY * of_noise(problem))

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        light = self.to_explain(problem, denoiser)
        problem, shift = counted(problem)
        degradation = problem.degradation
        y = (light + shift).clamp_min(0)
        start = problem.start().clamp_min(0)
        sensitivity = degradation.adjoint(torch.ones_like(y)).contiguous()
        seen = sensitivity > 1e-4 * sensitivity.max()
        smoothing = self.smoothing
        if smoothing is None and y.ndim > 4:
            smoothing = 0.0
        elif smoothing is None:
            smoothing = min(0.25 * problem.noise_level / float(y.mean().clamp_min(1e-6)), 0.1)
        inverse, unseen, one = torch.where(seen, 1 / sensitivity, 0.0), (~seen).to(y), seen.to(y)
        x = p = torch.where(seen, y.mean() if degradation.is_image else start.clamp_min(0.03 * start.mean()), start)
        fit = of_p = problem.project(x)
        g, total = torch.zeros_like(x), y.sum() - shift * y.numel()
        least = max(DARKEST * float(y.mean()), 1e-12)
        for _ in range(self.iterations):
            ratio = (of_p + shift).clamp_min_(least).reciprocal_().mul_(y)
            update = torch.addcmul(unseen, degradation.adjoint(ratio), inverse).mul_(p)
            if smoothing > 0:
                update /= curvature(p, 16 * smoothing * p.mean()).mul_(-smoothing).add_(1).clamp_min_(0.1)
            scale = float(total / dot(sensitivity, update).clamp_min(1e-12))  # sums of y and of A times the update
            x, previous = update.addcmul_(one, update, value=scale - 1), x
            fit, before = problem.project(x), fit
            if self.accelerated:
                g, last = x - p, g
                alpha = (dot(g, last) / dot(last, last).clamp_min(1e-30)).clamp(0, 1)
                p = torch.lerp(previous, x, 1 + alpha).clamp_min_(0)
                of_p = torch.maximum(torch.lerp(before, fit, 1 + alpha), fit / 2)
            else:
                p, of_p = x, fit
            yield x

    def objective(self, problem: Problem, denoiser: Denoise, x: Tensor, error: Tensor) -> float | None:
        """Return the Kullback–Leibler divergence of A x from y, which the updates lower while nothing is smoothed."""
        problem, shift = counted(problem)
        y = (problem.measurement + shift).clamp_min(0)
        fit = (problem.project(x) + shift).clamp_min(1e-12)
        return float((y / fit).clamp_min_(1e-30).log_().mul_(y).add_(fit).sub_(y).sum())


def is_overdetermined(problem: Problem) -> bool:
    """Tell whether no fewer numbers were measured than the image has pixels."""
    return problem.measurement.numel() >= problem.degradation.crop(problem.start()).numel()


def counted(problem: Problem) -> tuple[Problem, float]:
    """Return the problem in counted light, and what read noise adds: with it as light, the sum is about Poisson (Snyder 1995)."""
    if not isinstance(problem, LocalGaussian):
        return problem, 0.0
    noise = problem.counted.noise
    assert isinstance(noise, Poisson)
    return problem.counted, float((noise.read_noise or 0.0) ** 2 / (noise.gain or 1.0))


def curvature(x: Tensor, smallest: Tensor) -> Tensor:
    """Return div(∇x/|∇x|), which total variation follows downhill; |∇x| is rounded off below `smallest`."""
    steps = {axis: x.diff(dim=axis) for axis in spatial_axes(x)}
    inverse = (smallest.square() + 1e-12).expand_as(x).clone()
    for axis, step in steps.items():
        inverse.narrow(axis, 0, step.shape[axis]).addcmul_(step, step)
    inverse.rsqrt_()
    total = torch.zeros_like(x)
    for axis, step in steps.items():
        step *= inverse.narrow(axis, 0, step.shape[axis])
        total.narrow(axis, 0, step.shape[axis]).add_(step)
        total.narrow(axis, 1, step.shape[axis]).sub_(step)
    return total


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product, without a product of images in memory."""
    return torch.dot(a.flatten(), b.flatten())
