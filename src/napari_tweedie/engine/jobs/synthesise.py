"""Synthesise job: images drawn from the prior alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from napari_tweedie.images.axes import Index

GREY = 0.5
"""About the mean of images that span [0, 1]."""


class Synthesise(Job):
    """Samples of p(x), as large as the block, in grey levels about [0, 1]; what the block holds does not count."""

    uses_noise_level: ClassVar[bool] = False

    def outputs(self) -> list[Output]:
        return [Output("synthesised", count=self.recipe.sampler.samples)]

    def stage(self, share: float) -> str:
        return f"step {round(share * self.recipe.sampler.steps())} of at most {self.recipe.sampler.steps()}"

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        sampler = self.recipe.sampler
        prior = getattr(sampler, "prior", None)
        if prior is None:
            raise ValueError(f"{sampler.title} needs a measurement: choose moment-matched diffusion or the implicit prior")
        seed = np.random.SeedSequence((self.recipe.seed, *index)).generate_state(1)
        mean = torch.full((1, 1, *self.blocks.layout.block_shape), GREY, device=tools.device)
        generator = torch.Generator().manual_seed(int(seed[0]))
        for state in prior(tools.tiled(self.denoiser(index)), mean, generator):
            yield Step(state.iteration / state.total, {"synthesised": state.estimate.transpose(0, 1)}, note=state.note)
