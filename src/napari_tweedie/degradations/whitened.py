"""Whitened degradation: A seen through the filter that makes the correlated noise of its measurements white."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape
from napari_tweedie.degradations.reweighted import Filtered

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.correlation import Correlation

WEAKEST = 0.1
"""Least power, next to the mean, that noise is taken to have at any frequency: where it is weak it is known badly, and a filter
that trusts it would amplify whatever the model lacks."""


class Whitened(Filtered):
    """``x ↦ W A x`` with W the filter 1/√S along Y and X, S the power spectrum of the noise of A's measurements, of mean 1.

    ``‖W (A x − y)‖²`` is the data term of noise of that spectrum, whose level σ a pixel is that of the white noise of W y.
    """

    name: ClassVar[str] = "whitened"
    title: ClassVar[str] = "Whitened"

    _filter: Tensor = PrivateAttr()

    @classmethod
    def of(cls, inner: Degradation, correlation: Correlation, y: Tensor) -> Self:
        """Return the operator for measurements like `y`, every pixel of which carries information."""
        power = np.maximum(correlation.spectrum((y.shape[-2], y.shape[-1])), WEAKEST)
        whitened = cls(inner=inner)
        whitened._filter = torch.from_numpy(power[:, : y.shape[-1] // 2 + 1] ** -0.5).to(y)
        return whitened

    @staticmethod
    def suits(degradation: Degradation, y: Tensor) -> bool:
        """Tell whether its measurements are whole planes of pixels, which is what noise of a spectrum is on."""
        return degradation.is_image and degradation.is_linear and bool(degradation.observed(y).all())

    def of_measured(self, y: Tensor) -> Tensor:
        """Return ``W y``."""
        spectrum = torch.fft.rfft2(y) * self._filter
        return torch.fft.irfft2(spectrum, s=(y.shape[-2], y.shape[-1]))

    def norm(self, image: Shape | None = None) -> float:
        return self.inner.norm(image) * float(self._filter.max())

    def start(self, y: Tensor) -> Tensor:
        """Return the first image of A for y, which whitening is undone for."""
        spectrum = torch.fft.rfft2(y) / self._filter
        return self.inner.start(torch.fft.irfft2(spectrum, s=(y.shape[-2], y.shape[-1])))

    def normal_spectrum(self, x: Tensor) -> Tensor | float:
        """Return that of A over S, on the grid of the image."""
        small = self._filter.square()
        grid = torch.nn.functional.interpolate(
            torch.fft.fftshift(small, dim=0)[None, None],
            (x.shape[-2], x.shape[-1] // 2 + 1),
            mode="bilinear",
            align_corners=False,
        )[0, 0]
        return self.inner.normal_spectrum(x) * torch.fft.ifftshift(grid, dim=0)

    def svd_obstacle(self) -> str:
        return f"{self.inner.name!r} has no fast singular value decomposition where neighbours share noise"
