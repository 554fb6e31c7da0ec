"""Structure of an image: where in it there is most to see."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.images.arrays import fetched

COARSE = 4
"""Side of the squares whose means are compared where structure is looked for: noise is nearly gone from them."""
STEPS = 5
"""Places along each axis of which the most structured is tried."""
AT_ONCE = 1 << 24
"""Most pixels that are read at once, rather than place by place: places often share the chunks that an image is stored in."""


def structured(image: Any, start: Sequence[int], stop: Sequence[int], axes: str, side: int) -> tuple[list[int], list[int]]:
    """Return where, within a part of an image, the square is of which the grey levels vary most: its first pixel, and its end.

    Parameters
    ----------
    image : array-like
        The image.
    start, stop : sequence of int
        The part that is searched, along every axis.
    axes : str
        Its axes.
    side : int
        Most pixels along Y and X.
    """
    first, end = list(start), list(stop)
    y, x = axes.index("y"), axes.index("x")
    sides = {n: min(side, stop[n] - start[n]) for n in (y, x)}
    origin = [0] * len(axes)
    if prod(b - a for a, b in zip(start, stop, strict=True)) <= AT_ONCE:
        image, origin = fetched(image, tuple(map(slice, start, stop))), list(start)
    best = -np.inf
    for top in _places(start[y], stop[y], sides[y]):
        for left in _places(start[x], stop[x], sides[x]):
            first[y], end[y], first[x], end[x] = top, top + sides[y], left, left + sides[x]
            place = tuple(slice(a - zero, b - zero) for a, b, zero in zip(first, end, origin, strict=True))
            spread = _spread(fetched(image, place).astype(np.float64), colour=axes.endswith("s"))
            if spread > best:
                best, found = spread, (list(first), list(end))
    return found


def _spread(part: NDArray[np.float64], colour: bool) -> float:
    """Return how much the means of small squares vary, −1 where there is no number."""
    known = np.isfinite(part)
    if not known.any():
        return -1.0
    part = np.where(known, part, part[known].mean())
    part = part[..., 0] if colour else part
    plane = part.reshape(-1, *part.shape[-2:])[0]
    height, width = (length // COARSE * COARSE for length in plane.shape)
    if not height or not width:
        return float(plane.std())
    squares = plane[:height, :width].reshape(height // COARSE, COARSE, width // COARSE, COARSE)
    return float(squares.mean((1, 3)).std())


def _places(first: int, end: int, side: int) -> list[int]:
    return sorted({int(place) for place in np.linspace(first, max(first, end - side), STEPS)})
