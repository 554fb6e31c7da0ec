"""Blend job: a region of a block filled, or pasted from another image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.engine.jobs.job import Job, Step, Tools
from napari_tweedie.images.intensity import to_opponent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe


class Blend(Job):
    """Poisson editing, plane by plane; what the region holds need not be finite."""

    uses_noise_level: ClassVar[bool] = False

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        if recipe.blending is None:
            raise ValueError("the job 'blend' needs a region: give blending.region")
        self._editing = recipe.blending

    def outputs(self) -> list[Output]:
        return [Output("blended")]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        block = self._read(self.blocks.image, index)
        arrays = {name: given for name, given in self._editing.arrays().items() if given.array is not None}
        cut = {name: Input.of(self._cut(given.values(), index, block.shape), given.name) for name, given in arrays.items()}
        blended = self._editing.with_arrays(cut)(block)
        estimate = to_opponent(blended) if self.blocks.colour else blended
        yield Step(1.0, {"blended": torch.from_numpy(estimate)[:, None]})

    def _cut(self, array: NDArray[Any], index: Index, shape: tuple[int, ...]) -> NDArray[Any]:
        """Cut an array as the image is; one that is as large as a block is the same for all of them."""
        if array.shape == self.blocks.layout.shape:
            return self._read(array, index)
        return np.broadcast_to(array, shape) if array.shape == self.blocks.layout.block_shape else array

    def _read(self, array: Any, index: Index) -> NDArray[Any]:
        return self.blocks.layout.read(array, index)[:3]  # without transparency
