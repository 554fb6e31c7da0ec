"""Inspect job: the denoiser looked at, at work on a block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe


class Inspect(Job):
    """What the recipe's inspection finds."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._report: dict[str, Any] = {}

    def outputs(self) -> list[Output]:
        return list(self.recipe.inspection.images())

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        inspection = self.recipe.inspection
        channel = self.blocks.channel(index)
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        if max(x.shape[-2:]) > inspection.largest:
            raise ValueError(
                f"{inspection.title.lower()} looks at a crop of at most {inspection.largest} pixels along Y and X "
                f"(got {x.shape[-2]} × {x.shape[-1]}): crop the image"
            )
        sigma = channel.level
        if not sigma > 0:
            raise ValueError("the noise level is 0: without noise there is nothing to see in a denoiser; give a noise level")
        generator = torch.Generator().manual_seed(self.recipe.seed)
        for finding in inspection(x, self.denoiser(index), sigma, generator):
            self._report = dict(finding.report)
            yield Step(finding.share, finding.images)

    def report(self) -> dict[str, Any]:
        """Return also what there is to "read" of the last block."""
        return {**super().report(), "read": self._report}
