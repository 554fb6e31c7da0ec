"""Denoise job: a block denoised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_tweedie.analysis.uncertainty import posterior_variance
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from napari_tweedie.images.axes import Index


class Denoise(Job):
    """f(y, σ) and, if asked for, its posterior standard deviation."""

    def outputs(self) -> list[Output]:
        return [Output("denoised"), *([Output("std", "spread")] if self.recipe.probes else [])]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        channel = self.blocks.channel(index)
        plain, level = self.denoiser(index), channel.level
        if not self.recipe.volume:
            plain, level = matched(plain, channel.correlation), channel.pixel_level
        denoiser = tools.tiled(plain)
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        part = 1 / (2 + self.recipe.probes) if self.recipe.probes else 1.0
        for share, estimate in denoiser.tile_by_tile(x, level):
            yield Step(part * share, {"denoised": estimate})
        if self.recipe.probes:
            generator = torch.Generator().manual_seed(self.recipe.seed)
            clean, variance = posterior_variance(denoiser, x, level, generator, probes=self.recipe.probes)
            yield Step(1.0, {"denoised": clean, "std": self.spread(index, clean, variance.sqrt())})

    def notes(self) -> list[str]:
        """Return what the noise was found to be, or why it is another one than what was given."""
        channels = self.blocks.channels
        names = [f"Channel {number}: " if len(channels) > 1 else "" for number in range(1, len(channels) + 1)]
        told = [(name, channel.told) for name, channel in zip(names, channels, strict=True)]
        return [name + sentence for name, sentence in told if sentence]
