"""Denoise job: a block denoised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.analysis.jacobian import in_float32
from napari_tweedie.analysis.uncertainty import area_of, hidden_light, hidden_variance, own_variance, posterior_variance
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.degradations.linear_algebra import smoothed
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.engine.jobs.job import Job, Step, Tools
from napari_tweedie.images.stabilisation import NEIGHBOURHOOD

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.images.axes import Index


class Denoise(Job):
    """f(y, σ) and, if asked for, its posterior standard deviation."""

    def outputs(self) -> list[Output]:
        return [Output("denoised"), *([Output("std", "spread")] if self.recipe.probes else [])]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        channel = self.blocks.frame(index)
        plain, level = self.denoiser(index), channel.level
        if not self.recipe.volume:
            plain, level = matched(plain, channel.correlation), channel.pixel_level
        denoiser = tools.tiled(plain)
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        part = 1 / (2 + self.recipe.probes) if self.recipe.probes else 1.0
        for share, estimate in denoiser.tile_by_tile(x, level):
            yield Step(part * share, {"denoised": estimate})
        if self.recipe.probes and level <= 0:
            yield Step(1.0, {"denoised": estimate, "std": torch.zeros_like(estimate)})
        elif self.recipe.probes:
            generator = torch.Generator().manual_seed(self.recipe.seed)
            precise = tools.tiled(in_float32(plain))
            clean, variance = posterior_variance(precise, x, level, generator, probes=self.recipe.probes)
            variance = variance.maximum(own_variance(clean, level, plain.flat_error))
            exact = not any(plain.flat_error)
            std = self.spread(index, clean, variance.sqrt()) if exact else self._std(index, channel, x, clean, variance)
            yield Step(1.0, {"denoised": clean, "std": std})

    def _std(self, index: Index, channel: Channel, x: Tensor, clean: Tensor, variance: Tensor) -> Tensor:
        """Return a standard deviation, as `spread` returns it, with what the noise hides, and what `keep_light` lets in."""
        std, noise = self.spread(index, clean, variance.sqrt()), channel.noise
        if not channel.is_stabilised or not isinstance(noise, Poisson):
            return (std.square() + hidden_variance(x, clean, channel.pixel_level)).sqrt()
        photons = noise.photons(torch.from_numpy(self.blocks.samples(index).astype(np.float32)))
        expected = noise.photons(torch.from_numpy(channel.intensity.back(clean.cpu().numpy())).float())
        let_in = smoothed(photons, NEIGHBOURHOOD).clamp_min(0) / area_of(NEIGHBOURHOOD, 2)
        unit = ((noise.gain or 1.0) / channel.intensity.scale) ** 2
        return (std.square().maximum(unit * let_in) + unit * hidden_light(photons, expected)).sqrt()

    def notes(self) -> list[str]:
        """Return what the noise was found to be, or why it is another one than what was given."""
        channels = self.blocks.channels
        names = [f"Channel {number}: " if len(channels) > 1 else "" for number in range(1, len(channels) + 1)]
        told = [(name, channel.told) for name, channel in zip(names, channels, strict=True)]
        return [*(name + sentence for name, sentence in told if sentence), *self.blocks.drift()]
