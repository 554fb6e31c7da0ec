"""Degrade job: a measurement of a block simulated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from napari_tweedie.images.axes import Index


class Degrade(Job):
    """A x + noise."""

    uses_noise_level: ClassVar[bool] = False

    def outputs(self) -> list[Output]:
        return [Output("degraded")]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        degradation = self.blocks.degradation(index)
        seed = np.random.SeedSequence((self.recipe.seed, *index)).generate_state(1)
        x = degradation.extend(tools.tensor(self.blocks.samples(index)))
        generator = torch.Generator().manual_seed(int(seed[0]))
        y = degradation.detect(self.recipe.noise.add(degradation(x), generator))
        if not degradation.is_image:
            y = torch.where(degradation.observed(y), y, 0.0)  # what was not measured has no noise either
        yield Step(1.0, {"degraded": y})
