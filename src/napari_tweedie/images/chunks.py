"""Chunks of a large array, and the coarser levels that show it small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Region = tuple[slice, ...]
"""A rectangular part of an array, a slice with start and stop an axis."""

CHUNK = 1024
"""Most pixels of a chunk along y and x."""
SPLIT, SHARD = 8, 1024
"""Chunks of a shard along y and x, and the fewest pixels along them of what is split into chunks."""
PYRAMID = 2048
"""An image with more pixels along y or x gets coarser levels, each half as large, down to half of this."""


def chunk_shape(axes: str, shape: Sequence[int], sizes: dict[str, int]) -> tuple[int, ...]:
    """Return the shape of a chunk: one step of an axis that `sizes` does not name, all samples of a colour."""
    wanted = {"s": 4} | sizes
    return tuple(min(length, wanted.get(axis, 1)) for axis, length in zip(axes, shape, strict=True))


def within_shard(axes: str, shard: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of the chunks of a shard: it is its only one where it is small or cannot be split evenly."""
    plane = [length for axis, length in zip(axes, shard, strict=True) if axis in "yx"]
    if min(plane) < SHARD or any(length % SPLIT for length in plane):
        return tuple(shard)
    return tuple(length // SPLIT if axis in "yx" else length for axis, length in zip(axes, shard, strict=True))


def regions(shape: Sequence[int], chunks: Sequence[int]) -> Iterator[Region]:
    """Return the places of all chunks of an array, in its order."""
    for corner in product(*(range(0, length, chunk) for length, chunk in zip(shape, chunks, strict=True))):
        sizes = zip(corner, chunks, shape, strict=True)
        yield tuple(slice(start, min(start + chunk, length)) for start, chunk, length in sizes)


def coarsened(fine: Any, region: Region, axes: str) -> NDArray[Any]:
    """Return a region of the next coarser level: the mean of 2 × 2 pixels of the finer one, rounded where it holds integers."""
    factors = [2 if axis in "yx" and length > 1 else 1 for axis, length in zip(axes, fine.shape, strict=True)]
    inside = tuple(slice(place.start * factor, place.stop * factor) for place, factor in zip(region, factors, strict=True))
    pixels = np.asarray(fine[inside])
    mean = pixels.astype(np.float64) if pixels.dtype.kind in "ui" else pixels
    for axis, factor in enumerate(factors):
        if factor == 2:
            even, odd = ((slice(None),) * axis + (slice(start, None, 2),) for start in (0, 1))
            mean = (mean[even] + mean[odd]) / 2
    return np.asarray(np.rint(mean) if pixels.dtype.kind in "ui" else mean, dtype=pixels.dtype)


def pyramid(axes: str, shape: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the shapes of all levels, the finest first."""
    plane = [axes.index("y"), axes.index("x")]
    shapes = [tuple(shape)]
    if max(shape[n] for n in plane) > PYRAMID:
        while max(shapes[-1][n] for n in plane) > PYRAMID // 2:
            shapes.append(tuple(max(1, length // 2) if n in plane else length for n, length in enumerate(shapes[-1])))
    return shapes
