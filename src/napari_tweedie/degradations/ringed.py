"""Projections seen through the filter that makes errors of single detector pixels as weak as noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.reweighted import Filtered

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.linear_algebra import Shape
    from napari_tweedie.degradations.radon import Radon
    from napari_tweedie.degradations.rings import Rings


class Ringed(Filtered):
    """``x ↦ W A x``; W makes the slowest components along the angles weaker by how much errors of each pixel exceed noise.

    ``‖W (A x − y)‖²`` is the data term with these errors integrated over, as Gaussian ones that differ from pixel to pixel.
    """

    name: ClassVar[str] = "ringed"
    title: ClassVar[str] = "Projections with rings"
    is_image: ClassVar[bool] = False
    tolerance: ClassVar[float] = 5e-4
    """Of half as many steps as 1e-4 takes: the filter slows conjugate gradients down; a slice differs by 0.3 % of its range."""

    _angles: int = PrivateAttr()
    """Axis of the angles, −1 or −2."""
    _weaker: Tensor = PrivateAttr()
    """How much weaker components become: their factors less 1, (detector, slow)."""
    _slow: Tensor = PrivateAttr()
    """The slowest components, (slow, angles), of norm 1."""
    _errors: Tensor = PrivateAttr()
    """The likeliest errors of the measurement."""

    @classmethod
    def of(cls, inner: Radon, rings: Rings, y: Tensor, sigma: float) -> Self:
        """Return the operator for measurements like y, whose noise has level sigma."""
        from scipy.fft import idct

        ringed = cls(inner=inner)
        ringed._angles = -2 if inner.turned else -1
        count, slow = y.shape[ringed._angles], rings.variances.shape[1]
        components = idct(torch.eye(slow, count, dtype=torch.float64).numpy(), axis=1, norm="ortho")
        ringed._slow = torch.from_numpy(components).to(y)
        ringed._weaker = torch.from_numpy(rings.gains(sigma) - 1).to(y)
        numbers = y.double().cpu().numpy()
        ringed._errors = torch.from_numpy(numbers - inner.evened(numbers)).to(y)
        return ringed

    def of_measured(self, y: Tensor) -> Tensor:
        """Return ``W y``."""
        return self._with_slow(y, self._weaker)

    def _with_slow(self, y: Tensor, factors: Tensor) -> Tensor:
        """Return y with its slowest components added, times factors."""
        upright = y if self._angles == -1 else y.transpose(-2, -1)
        added = (upright @ self._slow.T) * factors @ self._slow
        return y + (added if self._angles == -1 else added.transpose(-2, -1))

    def observed(self, y: Tensor) -> Tensor:
        return self.inner.observed(y)

    def norm(self, image: Shape | None = None) -> float:
        return self.inner.norm(image)

    def start(self, y: Tensor) -> Tensor:
        """Return the first image of A for the measurement that the operator was made for, without its likeliest errors."""
        return self.inner.start(self._with_slow(y, -self._weaker / (1 + self._weaker)) - self._errors)

    def normal_spectrum(self, x: Tensor) -> Tensor | float:
        return self.inner.normal_spectrum(x)
