"""Stabilisation of photon noise of colour: red, green and blue by transforms of their own, then mixed like any colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.images.intensity import Intensity, from_opponent, to_opponent
from napari_tweedie.images.stabilisation import Anscombe, Stabilised

GREEN = 1


@dataclass(frozen=True)
class StabilisedColour(Stabilised):
    """The map from red, green and blue with photon noise to lightness and colour differences of about [0, 1], and its inverse.

    After it the noise is white and has the same level everywhere and in all three.

    Parameters
    ----------
    offset, scale : float
        Map what the transforms give, whose noise is about 1, to about [0, 1], the same for all colours.
    transform : Transform
        That of green.
    colours : tuple of Anscombe
        Those of red, green and blue.
    mixed : bool
        Whether colours are mixed to opponents, as suits those that have much in common.
    """

    colours: tuple[Anscombe, ...] = ()
    mixed: bool = True

    @classmethod
    def of_stacks(cls, colours: tuple[Anscombe, ...], stacks: Iterable[NDArray[Any]], mixed: bool = True) -> Self:
        """Return the map that takes the 0.1 and 99.9 percentiles of some planes (3, Y, X) to 0 and 1 (NaN left out)."""
        planes = [transform.forward(plane) for stack in stacks for transform, plane in zip(colours, stack, strict=True)]
        range_ = Intensity.of(planes)
        return cls(range_.offset, range_.scale, colours[GREEN], colours, mixed)

    def forward(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Map red, green and blue, shape (3, …, Y, X), to opponents, or to themselves, as float32."""
        stable = np.stack([transform.forward(plane) for transform, plane in zip(self.colours, image, strict=True)])
        plain = np.asarray((stable - self.offset) / self.scale, dtype=np.float32)
        return to_opponent(plain) if self.mixed else plain

    def back(self, image: NDArray[Any]) -> NDArray[Any]:
        """Map what `forward` gives, shape (3, …, Y, X), to red, green and blue; numbers alone to grey levels of green."""
        if image.ndim == 1:
            return super().back(image)
        plain = from_opponent(np.asarray(image, np.float32)) if self.mixed else image
        stable = plain.astype(np.float64) * self.scale + self.offset
        return np.stack([transform.back(plane) for transform, plane in zip(self.colours, stable, strict=True)]).astype(self.dtype)
