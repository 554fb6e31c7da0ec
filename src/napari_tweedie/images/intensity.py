"""Intensities: grey levels of any range made numbers near [0, 1], and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        sample = np.concatenate([_finite(thinned(plane)) for plane in planes])
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


def thinned(plane: NDArray[Any]) -> NDArray[Any]:
    """Return about 2^18 of the pixels of a plane (Y, X), evenly spread; thinned once, it stays as it is."""
    step = max(1, int(np.sqrt(plane.size / 2**18)))
    return plane[::step, ::step]


def _finite(sample: NDArray[Any]) -> NDArray[np.float64]:
    values = sample.astype(np.float64)
    return values[np.isfinite(values)]


ALIKE = 0.75
"""Correlation of each two colours from which on opponents are easier to denoise than the colours: on photographs, at 10 photons,
they gained 1.0 dB; on fluorescence in colour, whose channels correlate by 0.5 to 0.8 and by 0.3, they lost 0.4 and 1.5 dB."""
SMOOTHED = 1.5
"""Standard deviation, in pixels, of the window in which noise is averaged away before colours are compared."""


def are_alike(stacks: Sequence[NDArray[Any]]) -> bool:
    """Tell whether the colours of some planes (3, Y, X), NaN where pixels are missing, show much the same."""
    from scipy.ndimage import gaussian_filter

    parts = []
    for stack in stacks:
        known = np.isfinite(stack).all(0)
        if known.any():
            middles = stack[:, known].mean(1, dtype=np.float64)[:, None, None]
            smooth = [gaussian_filter(plane, SMOOTHED)[known] for plane in np.where(known, stack - middles, 0)]
            parts.append(np.stack(smooth))
    values = np.concatenate(parts, 1) if parts else np.zeros((3, 2))
    if (values.std(1) == 0).any():
        return True
    return bool(np.corrcoef(values).min() >= ALIKE)


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
