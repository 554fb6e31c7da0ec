"""Error covariance of a denoised image, in grey levels: how sums of its pixels err, without samples.

The covariance of the clean image given x is J Σ, J = ∂f/∂x and Σ the covariance of the noise, σ² I where it is white
(second-order Tweedie). Contracted with the weights of a sum of pixels it takes one product with the Jacobian, a call of the
denoiser around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.jacobian import PHASE, jacobian_product
from napari_tweedie.core.lazy import torch
from napari_tweedie.images.stabilisation import NEIGHBOURHOOD, window_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.denoisers.denoiser import Denoise

REACH = 48
"""Pixels around weights in which errors are looked at that go together with theirs."""

Place = tuple[slice, ...]


@dataclass(frozen=True)
class ErrorCovariance:
    """The covariance of the errors of f(x, σ), or of what is made of it pixel by pixel, as a linear map.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma), in full precision.
    x : Tensor
        One noisy image, shape (1, 1, [Z,] Y, X).
    sigma : float
        Standard deviation of the noise of its pixels, > 0.
    slope : array
        Grey levels per unit of x at every pixel, shape ([Z,] Y, X).
    correlation : Correlation, optional
        How neighbours in a plane share noise.
    light : array, optional
        Variance of the noise in grey levels, shape ([Z,] Y, X), where the smooth part of what the estimate lacks of the image was
        added to it (`images.stabilisation.keep_light`): its noise came with it.
    """

    denoiser: Denoise
    x: Tensor
    sigma: float
    slope: NDArray[Any]
    correlation: Correlation | None = None
    light: NDArray[Any] | None = None

    @cached_property
    def reach(self) -> int:
        """Pixels around weights in which there are errors that go together with theirs."""
        return REACH if self.light is None else REACH + 3 * int(NEIGHBOURHOOD)

    def around(self, support: Place) -> Place:
        """Return the part of the image in which errors go together with those of a part of it."""
        shape = self.x.shape[2:]
        return tuple(
            slice(max(0, part.start - self.reach) // PHASE * PHASE, min(length, part.stop + self.reach))
            for part, length in zip(support, shape, strict=True)
        )

    def times(self, weights: NDArray[Any], place: Place) -> NDArray[np.float64]:
        """Return the covariance of the errors of all pixels of a place with that of a weighted sum of them.

        Parameters
        ----------
        weights : array
            Of the sum, of the shape of the place, zero near its borders unless they are those of the image.
        place : tuple of slice
            Part of the image, as `around` returns it.
        """
        own = weights if self.light is None else weights - window_mean(weights)
        found = self.slope[place] * self._posterior(self.slope[place] * own, place)
        if self.light is None:
            return found
        level = np.sqrt(self.light[place])
        kept = level * self._shared(level * window_mean(weights))
        return np.asarray(found - window_mean(found) + window_mean(kept))

    def _posterior(self, weights: NDArray[Any], place: Place) -> NDArray[np.float64]:
        """Return J Σ w in units of x."""
        v = torch.from_numpy(self._shared(weights).astype(np.float32)).to(self.x)[None, None]
        if not v.any():
            return np.zeros(weights.shape)
        crop = self.x[(slice(None), slice(None), *place)]
        product: Tensor = jacobian_product(self.denoiser, crop, self.sigma, v)
        return self.sigma**2 * product[0, 0].double().cpu().numpy()

    def _shared(self, weights: NDArray[Any]) -> NDArray[Any]:
        """Return the correlation of the noise times weights."""
        if self.correlation is None:
            return weights
        height, width = weights.shape[-2:]
        power = self.correlation.spectrum((height, width))[:, : width // 2 + 1]
        return np.asarray(np.fft.irfft2(np.fft.rfft2(weights) * power, s=(height, width)))
