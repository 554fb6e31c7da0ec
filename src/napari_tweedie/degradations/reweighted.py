"""Base of degradations that weigh what another one measures, by how reliable it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.degradations.composition import Part
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape, conjugate_gradients, fourier_filter

if TYPE_CHECKING:
    from torch import Tensor


class Reweighted(Degradation):
    """A with weights: shapes, and what suits it, are those of A; its proximal map is found by conjugate gradients."""

    tolerance: ClassVar[float] = 1e-4
    """Relative residual at which the proximal map is good enough."""

    inner: Part

    @property
    def admm_weight(self) -> float:  # type: ignore[override]
        """That of A."""
        return self.inner.admm_weight

    @property
    def red_weight(self) -> float:  # type: ignore[override]
        """That of A."""
        return self.inner.red_weight

    @property
    def suits_gradients(self) -> bool:  # type: ignore[override]
        """Whether they suit A."""
        return self.inner.suits_gradients

    def shape(self, image: Shape) -> Shape:
        return self.inner.shape(image)

    def domain(self, measurement: Shape) -> Shape:
        return self.inner.domain(measurement)

    def crop(self, x: Tensor) -> Tensor:
        return self.inner.crop(x)

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        spectrum = self.normal_spectrum(z) + rho
        return conjugate_gradients(
            lambda x: self.adjoint(self(x)) + rho * x,
            self.adjoint(y) + rho * z,
            z,
            precondition=lambda r: fourier_filter(r, 1 / spectrum),
            tolerance=self.tolerance,
        )


class Filtered(Reweighted):
    """``x ↦ W A x`` with a symmetric filter W of measurements."""

    def of_measured(self, y: Tensor) -> Tensor:
        """Return ``W y``."""
        raise TypeError(f"{type(self).__name__} defines no filter")

    def __call__(self, x: Tensor) -> Tensor:
        return self.of_measured(self.inner(x))

    def adjoint(self, y: Tensor) -> Tensor:
        return self.inner.adjoint(self.of_measured(y))

    @property
    def is_non_negative(self) -> bool:  # type: ignore[override]
        """No: the filter has negative weights."""
        return False
