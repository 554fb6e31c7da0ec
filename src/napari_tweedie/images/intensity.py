"""Intensities: grey levels of any range made numbers near [0, 1], and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FINEST = 1e-4
"""Rounding of a result that is not visible, over the range of the image."""


@dataclass(frozen=True)
class Intensity:
    """The affine map ``(image − offset) / scale`` and its inverse.

    The denoisers are homogeneous but know images as non-negative: a camera's offset must go before, and comes back after.
    """

    offset: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, planes: Iterable[NDArray[Any]]) -> Intensity:
        """Return the map that takes the 0.1 and 99.9 percentiles of some planes to 0 and 1 (NaN left out), constants to 0."""
        sample = np.concatenate([_thinned(plane) for plane in planes])
        if sample.size == 0:
            return cls()
        low, high = np.percentile(sample, (0.1, 99.9))
        if high <= low:
            low, high = sample.min(), sample.max()
        return cls(float(low), float(high - low) or 1.0)

    def forward(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Map grey levels to about [0, 1], as float32; integers pass through float64 and lose nothing."""
        return np.asarray((image - np.float64(self.offset)) / self.scale, dtype=np.float32)

    def back(self, image: NDArray[Any]) -> NDArray[Any]:
        """Map numbers in about [0, 1] to grey levels, of the type `dtype`."""
        return np.asarray(image * np.float64(self.scale) + self.offset, dtype=self.dtype)

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """Type that holds grey levels without rounding them visibly: float32, or float64 beside a large offset."""
        lowest, highest = self.offset, self.offset + self.scale
        step = np.spacing(np.float32(max(abs(lowest), abs(highest))))
        return np.float64 if step > FINEST * abs(self.scale) else np.float32

    def distance(self, value: Any, power: int = 1) -> Any:
        """Map a difference or a standard deviation of numbers in about [0, 1] to grey levels, or to a power of them."""
        return value * self.scale**power


def _thinned(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return about 2^18 of the finite pixels of a plane."""
    step = max(1, int(np.sqrt(plane.size / 2**18)))
    sample = plane[::step, ::step].astype(np.float64)
    return sample[np.isfinite(sample)]


_OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [0.5, -1, 0.5]]) / np.sqrt([[3.0], [2.0], [1.5]])
_GREY = np.array([0.0, 0.5, 0.5])


def to_opponent(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn red, green, blue, shape (3, [Z,] Y, X), into lightness and two colour differences by an orthonormal matrix.

    White noise stays white and keeps its level, while the image's colours are decorrelated. The differences are
    shifted to be about 0.5, in [0, 1] like any image.
    """
    return np.asarray(np.tensordot(_OPPONENT, rgb, 1) + _grey(rgb.ndim), dtype=np.float32)


def from_opponent(opponent: NDArray[np.float32], difference: bool = False) -> NDArray[np.float32]:
    """Invert `to_opponent`, for an image or for a difference of two."""
    return np.asarray(np.tensordot(_OPPONENT.T, opponent if difference else opponent - _grey(opponent.ndim), 1), dtype=np.float32)


def _grey(ndim: int) -> NDArray[np.float64]:
    return _GREY.reshape(3, *(1,) * (ndim - 1))
