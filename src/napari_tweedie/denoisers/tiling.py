"""Tiled denoising: a denoiser of small planes taken over a large image or a stack."""

from __future__ import annotations

from collections.abc import Generator
from itertools import product
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.levels import SCALES, level_maps

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


TileByTile: TypeAlias = "Generator[tuple[float, Tensor], None, Tensor]"
"""Share that is done and the result so far, after every tile; at last the result."""


def exhaust(tiles: TileByTile) -> Tensor:
    """Run to the end and return the result."""
    while True:
        try:
            next(tiles)
        except StopIteration as end:
            result: Tensor = end.value
            return result


class Tiled:
    """The same denoiser with bounded memory: at most `size`² pixels at a time, with overlap and without seams.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma) for x of shape (B, C, Y, X), or (B, C, Z, Y, X) if it takes volumes.
    size : int
        Height and width, in pixels, of a tile, the share of the result that one call gives.
    halo : int
        Context, in pixels, read around each tile and thrown away; the denoiser's reach.
    """

    def __init__(self, denoiser: Denoise, size: int, halo: int) -> None:
        self.denoiser = denoiser
        self.size = size
        self.halo = halo + -halo % 8

    @property
    def is_symmetric(self) -> bool:
        """Whether the denoiser is: the overlap hides that it is applied in tiles."""
        return getattr(self.denoiser, "is_symmetric", False)

    @property
    def longest_wave(self) -> float:
        """That of the denoiser."""
        return getattr(self.denoiser, "longest_wave", inf)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Return f(x, σ) for x of shape (B, C, …, Y, X); maps of noise levels are cut with it."""
        return exhaust(self.tile_by_tile(x, sigma))

    def across(self, axis: int) -> Tiled:
        """Return it for the planes of a volume across an axis, where the denoiser treats those differently."""
        adapted = getattr(self.denoiser, "across", None)
        return self if adapted is None else Tiled(adapted(axis), self.size, self.halo)

    def tile_by_tile(self, x: Tensor, sigma: float | Tensor) -> TileByTile:
        """Do the same tile by tile: yield the share that is done with the result so far, and return the result."""
        height, width = x.shape[-2:]
        result = x.clone()
        together = max(1, self.size**2 // x[0, 0].numel())
        level = level_maps(sigma, x)
        tiles = list(product(range(0, len(x), together), range(0, height, self.size), range(0, width, self.size)))
        for done, (first, top, left) in enumerate(tiles, start=1):
            cancellation_point()
            batch = slice(first, first + together)
            rows, inner_rows = self._with_halo(top, height)
            columns, inner_columns = self._with_halo(left, width)
            tile = self.denoiser(x[batch, ..., rows, columns], _level_of_tile(level[batch], rows, columns))
            result[batch, ..., top : top + self.size, left : left + self.size] = tile[..., inner_rows, inner_columns]
            yield done / len(tiles), result
        return result

    def _with_halo(self, start: int, length: int) -> tuple[slice, slice]:
        """Return the tile with its halo, and the place of the tile inside it."""
        first, last = max(0, start - self.halo), min(length, start + self.size + self.halo)
        return slice(first, last), slice(start - first, min(length, start + self.size) - first)


def _level_of_tile(level: Tensor, rows: slice, columns: slice) -> Tensor:
    """Return the levels of a tile, one a sample where there is no more to tell."""
    if level[0].numel() == 1:
        return level.flatten()
    rows, columns = (slice(None) if n == 1 else place for n, place in zip(level.shape[-2:], (rows, columns), strict=True))
    return level[..., rows, columns]


class Volume:
    """A denoiser of planes made into one of volumes: the weighted mean of its results on the YX, ZX and ZY planes.

    Each direction sees two of the three axes; their mean sees all three, and its noise is lower than any one's. Where the planes
    lie further apart than the pixels, images look unfamiliar along Z, and ZX and ZY count less, by the ratio of the distances:
    next to YX alone this gained 0.7 to 3.2 dB with equal distances and 0.1 to 1.8 dB with planes twice as far apart, where an
    equal mean lost up to 0.2 dB; with planes eight times as far apart it lost at most 0.1 dB, an equal mean 2.5 dB
    (``benchmarks/volumes.py``).

    Parameters
    ----------
    planes : Tiled
        The denoiser of planes.
    aspect : float
        Distance of the planes over that of the pixels within them; 1 where it is less, infinite: planes across Z alone count.
    """

    def __init__(self, planes: Tiled, aspect: float = 1.0) -> None:
        self.planes = planes
        self.aspect = max(1.0, aspect)

    @property
    def is_symmetric(self) -> bool:
        """Whether the denoiser of planes is: their weighted mean stays so."""
        return self.planes.is_symmetric

    @property
    def longest_wave(self) -> float:
        """That of the denoiser of planes."""
        return self.planes.longest_wave

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Return f(x, σ) for x of shape (B, C, Z, Y, X)."""
        return exhaust(self.tile_by_tile(x, sigma))

    def tile_by_tile(self, x: Tensor, sigma: float | Tensor) -> TileByTile:
        """Do the same direction by direction: yield the share that is done with the result so far, and return the result."""
        total, counted = torch.zeros_like(x), 0.0
        level = level_maps(sigma, x)
        weights = self.directions(x)
        for done, (axis, weight) in enumerate(weights.items()):
            tiles = self._along(x, level, axis)
            clean = yield from _within(tiles, done, len(weights), total / counted if counted else x)
            total += weight * _as_volume(clean, axis, x)
            counted += weight
        yield 1.0, total
        return total

    def directions(self, x: Tensor) -> dict[int, float]:
        """Return the axes across which planes are taken, and the weight of each."""
        across = 1 / (3 * self.aspect)
        return {2: 1 - 2 * across, 3: across, 4: across} if x.shape[2] > 1 and across > 0 else {2: 1.0}

    def along(self, x: Tensor, sigma: float | Tensor, axis: int) -> Tensor:
        """Return the result on the planes across one axis alone."""
        return _as_volume(exhaust(self._along(x, level_maps(sigma, x), axis)), axis, x)

    def _along(self, x: Tensor, level: Tensor, axis: int) -> TileByTile:
        stack = x.movedim(axis, 1)
        return self.planes.across(axis).tile_by_tile(stack.reshape(-1, 1, *stack.shape[3:]), _of_planes(level, axis, x))


def _as_volume(planes: Tensor, axis: int, x: Tensor) -> Tensor:
    """Return planes across an axis as the volume, in the shape of `x`, that they are of."""
    return planes.reshape(x.movedim(axis, 1).shape).movedim(1, axis)


def _of_planes(level: Tensor, axis: int, x: Tensor) -> Tensor:
    """Return the levels (B, 1 | 10, Z | 1, Y | 1, X | 1) of volumes `x` as those of their planes across an axis.

    Noise is taken to be independent from plane to plane of a stack: only within the planes may it correlate.
    """
    if level.shape[1] > 1 and axis != 2:  # rows of planes of X and Z, and of Y and Z, are those along Z
        along = [SCALES.index((1, across) if axis == 3 else (across, 1)) for _, across in SCALES]
        level = level[:, along]
    stack = level.expand(*(x.shape[axis] if n == axis else -1 for n in range(level.ndim))).movedim(axis, 1)
    return stack.flatten(0, 1).repeat_interleave(x.shape[1], dim=0)


def _within(tiles: TileByTile, done: int, directions: int, so_far: Tensor) -> TileByTile:
    """Pass on the progress of one of several directions, with the result of all so far."""
    while True:
        try:
            share, _ = next(tiles)
        except StopIteration as end:
            return end.value
        yield (done + share) / (directions + 1), so_far
