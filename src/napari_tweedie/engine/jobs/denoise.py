"""Denoise job: a block denoised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from napari_tweedie.analysis.residual import ResidualCheck, check_residual, mean_check
from napari_tweedie.analysis.uncertainty import posterior_variance
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe


class Denoise(Job):
    """f(y, σ) and, if asked for, its posterior standard deviation; and whether what was removed is noise."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._checks: list[ResidualCheck] = []

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
            if share == 1 and self.blocks.is_sampled(index):
                self._check(x, estimate, channel.correlation is None)
            yield Step(part * share, {"denoised": estimate})
        if self.recipe.probes:
            generator = torch.Generator().manual_seed(self.recipe.seed)
            clean, variance = posterior_variance(denoiser, x, level, generator, probes=self.recipe.probes)
            yield Step(1.0, {"denoised": clean, "std": self.spread(index, clean, variance.sqrt())})

    def notes(self) -> list[str]:
        note = mean_check(self._checks).note() if self._checks else ""
        return [note] if note else []

    def report(self) -> dict[str, Any]:
        """Return also what the "residual" looks like next to white noise."""
        return {**super().report(), "residual": asdict(mean_check(self._checks)) if self._checks else {}}

    def _check(self, x: Tensor, estimate: Tensor, white: bool) -> None:
        """Look whether what was removed from a block is noise, on the middle plane of its first sample."""
        noisy, clean = (block[0, 0].reshape(-1, *block.shape[-2:]).cpu().numpy() for block in (x, estimate))
        middle = len(noisy) // 2
        found = check_residual(noisy[middle], clean[middle], self.recipe.noise.level(0.0) is None, white)
        if found is not None:
            self._checks.append(found)
