"""Problem to be solved: a measurement y = A x + noise, and what solvers ask of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.noise import Noise


NOISE_FLOOR = 0.5 / 255
"""Lowest noise level that solvers and samplers assume: 8-bit images are not known better."""


@dataclass(frozen=True)
class Problem:
    """Estimate x from the measurement y = A x + noise.

    Parameters
    ----------
    measurement : Tensor
        y, shape (B, C, Y, X) or (B, C, Z, Y, X), float32, in units in which the image spans about [0, 1].
    degradation : Degradation
        A.
    noise : Noise
        Noise model with a known standard deviation, in the units of y.
    dark: float
        Value of x without light; with photon noise, its offset says it.
    bounded: bool
        Whether solutions are not to go below that.
    """

    measurement: Tensor
    degradation: Degradation
    noise: Noise
    dark: float = 0.0
    bounded: bool = False

    @property
    def noise_level(self) -> float:
        """Standard deviation σ_y of the noise; where it depends on the signal, its root mean square."""
        level = self.noise.level(float(self.measurement.mean()))
        if level is None:
            raise ValueError("the noise level is not known: give sigma, or estimate it from the image")
        return level

    @property
    def norm(self) -> float:
        """An upper bound of ‖A‖ for images of this size."""
        return self.degradation.norm(self.degradation.domain(tuple(self.measurement.shape[2:])))

    @cached_property
    def gain(self) -> float:
        """‖A v‖ / ‖v‖ for white noise v, by one probe: how much A amplifies."""
        y, generator = self.measurement, torch.Generator().manual_seed(0)
        shape = (1, y.shape[1] // self.degradation.components(), *self.degradation.domain(tuple(y.shape[2:])))
        probe = torch.randn(shape, generator=generator).to(y)
        return float(self.degradation(probe).norm() / probe.norm())

    def image(self, x: Tensor) -> Tensor:
        """Return an x in the units of the image: itself, unless this problem is one for other numbers than those of the image."""
        return x

    def feasible(self, x: Tensor) -> Tensor:
        """Return what a solution is that an iteration has as x: without values below `dark`, if it is bounded."""
        return x.clamp_min(self.dark) if self.bounded else x

    def field(self, x: Tensor, rim: int) -> tuple[slice, ...]:
        """Return where in x, along its spatial axes, the field of view lies, with a rim of so many pixels where x has them."""
        seen = self.degradation.crop(torch.empty((1, 1, *x.shape[2:]), device="meta")).shape[2:]
        margins = [max(0, (n - m) // 2 - rim) for n, m in zip(x.shape[2:], seen, strict=True)]
        return tuple(slice(margin, n - margin) for margin, n in zip(margins, x.shape[2:], strict=True))

    def start(self) -> Tensor:
        """Return a first estimate, without any prior knowledge."""
        return self.degradation.start(self.measurement)

    def project(self, x: Tensor) -> Tensor:
        """Return A x."""
        return self.degradation(x)

    def residual(self, x: Tensor) -> Tensor:
        """Return A x − y, or what takes its place where a detector distorts A x."""
        return self.degradation.residual(x, self.measurement)

    def gradient(self, x: Tensor) -> Tensor:
        """Return Aᵀ(A x − y), the gradient of ½‖A x − y‖²."""
        return self.degradation.adjoint(self.residual(x))

    def prox(self, z: Tensor, rho: float) -> Tensor:
        """Return ``argmin_x ½‖A x − y‖² + ½ρ‖x − z‖²``."""
        return self.degradation.prox(z, self.measurement, rho)

    def data_residual(self, x: Tensor) -> float:
        """Return the root mean square of A x − y over the observed pixels; about σ_y when x explains the measurement."""
        return self.root_mean_square(self.residual(x))

    def root_mean_square(self, error: Tensor) -> float:
        """Return the root mean square over the observed pixels."""
        if self._observed is None:
            return float(error.norm()) / error.numel() ** 0.5
        observed = self._observed.expand_as(error)
        return float((error.square() * observed).sum() / observed.sum()) ** 0.5

    @cached_property
    def _observed(self) -> Tensor | None:
        """Which pixels of the measurement carry information; None: all do."""
        observed = self.degradation.observed(self.measurement)
        return None if bool(observed.all()) else observed

    def remembering(self) -> Problem:
        """Return this linear problem with A x of the last image kept, for an iteration that needs what its watch needs."""
        return _Remembering(self.measurement, self.degradation, self.noise, self.dark, self.bounded)

    def draw(self, z: Tensor, rho: float, white: Callable[[Tensor], Tensor]) -> Tensor:
        """Return draws of x from the density proportional to ``exp(−(‖A x − y‖² + ρ‖x − z‖²) / 2σ_y²)``.

        The proximal map at data and z with noise of their own (Papandreou & Yuille 2010): exact wherever that map is.

        Parameters
        ----------
        z : Tensor
            Shape (samples, C, …), or (1, C, …) for all samples.
        rho : float
            Weight of z, > 0, as in `prox`.
        white : callable
            Returns white noise of variance one, a batch entry a sample, with the spatial shape of its argument.
        """
        y = self.measurement + self.noise_level * white(self.measurement)
        return self.degradation.prox(z + self.noise_level / rho**0.5 * white(z), y, rho)


@dataclass(frozen=True)
class _Remembering(Problem):
    """A linear problem that knows A x of the image it was asked about last."""

    _last: list[Tensor] = field(default_factory=list, init=False, repr=False, compare=False)

    def project(self, x: Tensor) -> Tensor:
        if not self._last or self._last[0] is not x:
            self._last[:] = [x, self.degradation(x)]
        return self._last[1]

    def residual(self, x: Tensor) -> Tensor:
        return self.project(x) - self.measurement
