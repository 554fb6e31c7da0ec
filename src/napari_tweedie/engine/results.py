"""Results of blocks: arrays for them, and each block put into its place in the image's own units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.images.intensity import from_opponent
from napari_tweedie.images.stabilisation import keep_light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.core.results import Output
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index


class Results:
    """Where the results of blocks belong.

    Parameters
    ----------
    blocks : Blocks
        Those of the image.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    def empty(self, output: Output) -> NDArray[Any]:
        """Return an empty array for a result, uint8 for 8-bit colour, else float32, or float64 where that would round visibly.

        Transparency is dropped.
        """
        count = output.count
        shape = self.blocks.layout.resized(self._result_shape())
        lengths = {"s": 3} | ({self.blocks.recipe.along: 1} if self.blocks.recipe.job == "average" else {})
        shape = tuple(lengths.get(axis, length) for axis, length in zip(self.blocks.layout.axes, shape, strict=True))
        if self.blocks.components > 1 and self.blocks.recipe.job == "degrade":
            count = self.blocks.components
        if count:
            shape = (count, *shape)
        is_8_bit = self.blocks.colour and self.blocks.image.dtype == np.uint8 and output.kind == "image"
        precise = not self.blocks.colour and any(channel.intensity.dtype is np.float64 for channel in self.blocks.channels)
        return np.zeros(shape, np.uint8 if is_8_bit else np.float64 if precise else np.float32)

    def _keeps_light(self, index: Index) -> bool:
        channel = self.blocks.channel(index)
        return channel.is_stabilised and channel.keeps_light

    def write(self, result: NDArray[Any], output: Output, index: Index, estimate: NDArray[np.float32]) -> None:
        """Put an estimate, shape (samples, components or count, [Z,] Y, X), in grey levels, into its place in the result."""
        if self.blocks.recipe.job == "denoise" and output.kind == "image" and self._keeps_light(index):
            estimate = keep_light(estimate, self.blocks.samples(index))
        mixed = self.blocks.colour and not (self.blocks.recipe.job == "denoise" and self.blocks.channel(index).takes_colours)
        empty = self.blocks.left_out.empty(index, estimate.shape[2:])
        targets = result if result.ndim > len(self.blocks.layout.shape) else result[None]
        for target, block in zip(targets, np.moveaxis(estimate, 1, 0), strict=True):
            pixels: NDArray[Any] = from_opponent(block, output.kind != "image") if mixed else block
            if result.dtype == np.uint8:
                pixels = np.clip(np.rint(pixels), 0, 255)
            elif empty is not None:
                pixels = np.where(empty, np.nan, pixels)
            self.blocks.layout.write(target, index, pixels)

    def leave_empty(self, result: NDArray[Any], output: Output, index: Index) -> None:
        """Put nothing, NaN, into the place of a block in a result; black in 8-bit colour."""
        shape = self.blocks.layout.resized(self._result_shape())
        block = tuple(shape[self.blocks.layout.axes.index(axis)] for axis in self.blocks.layout.spatial)
        nothing = np.full((3 if self.blocks.colour else 1, *block), 0 if result.dtype == np.uint8 else np.nan, result.dtype)
        for target in result if result.ndim > len(self.blocks.layout.shape) else result[None]:
            self.blocks.layout.write(target, index, nothing)

    def _result_shape(self) -> tuple[int, ...]:
        degradation, block = self.blocks.recipe.degradation, self.blocks.layout.block_shape
        if self.blocks.recipe.inverts:
            if not degradation.is_image:
                known = (index for index in self.blocks.layout if not self.blocks.is_empty(index))
                degradation = self.blocks.degradation(next(known, (0,)))
            return tuple(degradation.crop(torch.empty((1, 1, *degradation.domain(block)), device="meta")).shape[2:])
        if self.blocks.recipe.job == "degrade":
            return degradation.shape(tuple(degradation.extend(torch.empty((1, 1, *block), device="meta")).shape[2:]))
        return block

    def read(self, image: NDArray[Any], index: Index) -> NDArray[Any]:
        """Return what `write` has put into a result for a block."""
        return image[(slice(None),) * (image.ndim - len(self.blocks.layout.shape)) + self.blocks.layout.selection(index)]
