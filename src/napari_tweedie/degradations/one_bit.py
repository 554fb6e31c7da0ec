"""One-bit measurement: only the signs of random projections kept, as with a comparator in place of a converter."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.random import RandomProjection

if TYPE_CHECKING:
    from torch import Tensor


LARGEST = 10
"""Largest mean of the image, in units of the thresholds' standard deviation."""
BISECTIONS = 30


class OneBit(RandomProjection):
    """A measurement is sign(A x + noise − τ): one bit a number, A a fast random projection, τ known random thresholds.

    Without thresholds the signs would not tell how bright the image is (Knudson, Saab & Ward 2016). An x explains y if
    ``y (A x − τ) ≥ 0``; the error of any other x is A x − τ where its sign is wrong, so that the proximal map is the
    projection onto the consistent images as its weight goes to zero. That is all a solver needs which takes gradients or
    proximal maps; those for linear measurements refuse.
    """

    name: ClassVar[str] = "one-bit"
    title: ClassVar[str] = "Signs of random projections"
    solver: ClassVar[str] = "pnp-admm"
    is_random: ClassVar[bool] = False
    is_linear: ClassVar[bool] = False

    ratio: float = Parameter(1.0, "Signs measured per pixel.", gt=0, le=1)
    matrix: Literal["dct"] = Parameter("dct", "A fast randomised cosine transform.", advanced=True)
    dither: float = Parameter(
        1.0, "Standard deviation of the random thresholds; best about the root mean square of the image.", unit="counts", gt=0
    )

    _units: tuple[float, float] = PrivateAttr((0.0, 1.0))
    """Offset and scale of x: the image that was measured is offset + scale · x."""

    def _thresholds(self, signal: Tensor) -> Tensor:
        """Return τ for the images (x − offset) / scale."""
        rng = np.random.default_rng((self.seed, 1))
        offset, scale = self._units
        drawn = torch.as_tensor(rng.normal(scale=self.dither, size=signal.shape[-1])).to(signal)
        ones = torch.ones((1, 1, *self.domain(tuple(signal.shape[-2:]))), dtype=signal.dtype, device=signal.device)
        return (drawn - offset * self(ones)) / scale

    def detect(self, signal: Tensor) -> Tensor:
        return torch.where(signal >= self._thresholds(signal), 1.0, -1.0)

    def residual(self, x: Tensor, y: Tensor) -> Tensor:
        distance = self(x) - self._thresholds(y)
        return torch.where(distance * y < 0, distance, 0.0)

    def in_units(self, y: Tensor, offset: float, scale: float) -> tuple[Self, Tensor]:
        same = type(self)(**dict(self))
        same._units = (offset, scale)
        return same, y

    def start(self, y: Tensor) -> Tensor:
        """Return the constant image whose signs agree best with the measured ones, found by bisection."""
        ones = torch.ones((1, 1, *self.domain(tuple(y.shape[-2:]))), dtype=y.dtype, device=y.device)
        flat, thresholds = self(ones), self._thresholds(y)
        offset, scale = self._units
        agreement = (flat * y).sum(-1, keepdim=True)
        low, high = ((side * LARGEST * self.dither - offset) / scale * torch.ones_like(agreement) for side in (-1, 1))
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            above = (flat * torch.sign(middle * flat - thresholds)).sum(-1, keepdim=True) > agreement
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return (low + high) / 2 * ones

    def span(self, y: Tensor) -> Tensor:
        """Return black beside twice the mean."""
        start = self.start(y)
        return torch.cat([torch.zeros_like(start), 2 * start], -1)

    def svd_obstacle(self) -> str:
        return "'one-bit' is not linear: it has no singular value decomposition"
