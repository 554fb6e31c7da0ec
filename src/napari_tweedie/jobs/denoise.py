"""How is a block denoised?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_tweedie.analysis.uncertainty import posterior_variance
from napari_tweedie.jobs.job import Job, Step, Tools
from napari_tweedie.lazy import torch
from napari_tweedie.outputs import Output

if TYPE_CHECKING:
    from napari_tweedie.images.axes import Index


class Denoise(Job):
    """f(y, σ) and, if asked for, its posterior standard deviation."""

    def outputs(self) -> list[Output]:
        return [Output("denoised"), *([Output("std", "spread")] if self.recipe.probes else [])]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        channel = self.blocks.channel(index)
        denoiser = tools.pieces_of(self.recipe.denoiser)
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        part = 1 / (2 + self.recipe.probes) if self.recipe.probes else 1.0
        for share, estimate in denoiser.pieces(x, channel.level):
            yield Step(part * share, {"denoised": estimate})
        if self.recipe.probes:
            generator = torch.Generator().manual_seed(self.recipe.seed)
            clean, variance = posterior_variance(denoiser, x, channel.level, generator, probes=self.recipe.probes)
            yield Step(1.0, {"denoised": clean, "std": self.spread(index, clean, variance.sqrt())})
