"""What can be done without a denoiser? The baselines that users know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.degradations.operator import conjugate_gradients, fourier_filter
from napari_tweedie.lazy import torch
from napari_tweedie.method import Parameter
from napari_tweedie.solvers.solver import Solver, State

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.problem import Problem


class Wiener(Solver):
    """Wiener filter: the best linear estimate for images whose power falls as one over frequency squared.

    It minimises ``‖A x − y‖² / σ_y² + ‖x‖²_S``, where S is the power spectrum. One step, exact for periodic blur;
    elsewhere conjugate gradients with that filter as preconditioner.
    """

    name: ClassVar[str] = "wiener"
    title: ClassVar[str] = "Wiener filter"
    uses_denoiser: ClassVar[bool] = False

    balance: float = Parameter(1.0, "Weight of the prior: above 1 smoother, below 1 sharper.", gt=0, le=1000)

    def __call__(self, problem: Problem, denoiser: Denoise) -> Iterator[State]:
        degradation = problem.degradation
        start = problem.start()
        weight = self.balance * max(problem.noise_level, 1e-4) ** 2 / power_spectrum(start)
        spectrum = degradation.normal_spectrum(start) + weight
        estimate = conjugate_gradients(
            lambda x: degradation.adjoint(degradation(x)) + fourier_filter(x, weight),
            degradation.adjoint(problem.measurement),
            start,
            precondition=lambda r: fourier_filter(r, 1 / spectrum),
        )
        yield State(1, 1, estimate, problem.data_residual(estimate))


def power_spectrum(image: Tensor) -> Tensor:
    """Return the 1/f² power spectrum with the variance of `image`, on the grid of ``rfftn`` over its spatial axes.

    The zero frequency gets 1e6 times the power of the lowest one: the mean is left to the data.
    """
    sizes = image.shape[2:]
    squares = torch.zeros((), device=image.device)
    for axis, n in enumerate(sizes):
        last = axis == len(sizes) - 1
        f = torch.fft.rfftfreq(n, device=image.device) if last else torch.fft.fftfreq(n, device=image.device)
        squares = squares + f.square().view([-1 if a == axis else 1 for a in range(len(sizes))])
    lowest = 1 / max(sizes)
    power = 1 / squares.clamp_min(lowest**2)
    power = power / power.mean() * image.var().clamp_min(1e-12)
    power.view(-1)[0] *= 1e6
    return power
