"""Outliers job: hot and dead pixels and cosmic rays filled in, and nothing else changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.results import Output
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from napari_tweedie.images.axes import Index


class Outliers(Job):
    """The image, with pixels that neither their neighbours nor the noise explain filled in from around them."""

    def outputs(self) -> list[Output]:
        return [Output("without outliers")]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        self.blocks.channel(index)  # which knows the noise that outliers are told by
        block = np.asarray(self.blocks.samples(index), np.float64)
        yield Step(1.0, {"without outliers": tools.tensor(self.intensity(index).forward(block))})
