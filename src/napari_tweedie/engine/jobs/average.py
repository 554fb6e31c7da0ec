"""Average job: the planes along an axis become their mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.results import Output
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe


class Average(Job):
    """The mean over T or Z, of the pixels that hold a value; the axis stays, with a length of one."""

    uses_noise_level: ClassVar[bool] = False

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        axes = blocks.layout.axes
        if recipe.volume:
            raise ValueError("images are averaged plane by plane: leave volume out")
        if recipe.along not in axes:
            raise ValueError(f"along = {recipe.along!r}: the axes {axes!r} have no {recipe.along}; name it, or choose another")

    def outputs(self) -> list[Output]:
        return [Output("average")]

    def order(self) -> Iterable[Index]:
        return (index for index in self.blocks.layout if self.blocks.layout.along(index, self.recipe.along)[0] == index)

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        averaged = self.blocks.layout.along(index, self.recipe.along)
        total = count = np.zeros(())
        for n, other in enumerate(averaged, 1):
            block = self.blocks.samples(other).astype(np.float64)
            known = ~self.blocks.left_out.missing(other)
            total, count = total + np.where(known, block, 0.0), count + known
            yield Step(0.99 * n / len(averaged), {"average": tools.tensor(total / np.maximum(count, 1))})
        yield Step(1.0, {"average": tools.tensor(total / np.maximum(count, 1))})

    def notes(self) -> list[str]:
        """Say how many there were."""
        layout = self.blocks.layout
        count = layout.shape[layout.axes.index(self.recipe.along)]
        return [f"The mean of {count} planes along {self.recipe.along.upper()}: what moved between them is blurred."]
