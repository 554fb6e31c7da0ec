"""Denoise job: a block denoised."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.analysis.jacobian import in_float32
from napari_tweedie.analysis.learnt_errors import Learnt, error_std, learnt
from napari_tweedie.analysis.uncertainty import (
    area_of,
    hidden_light,
    hidden_variance,
    of_fused,
    own_variance,
    posterior_variance,
)
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.degradations.linear_algebra import smoothed
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.denoisers.inpainting import inpainted
from napari_tweedie.denoisers.mapped import mapped
from napari_tweedie.denoisers.mending import mended
from napari_tweedie.denoisers.tiling import Volume, exhaust
from napari_tweedie.engine.jobs.job import Job, Step, Tools
from napari_tweedie.engine.neighbours import Neighbours
from napari_tweedie.images.stabilisation import NEIGHBOURHOOD, Stabilised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from napari_tweedie.denoisers import Denoiser
    from napari_tweedie.denoisers.fusion import Fused
    from napari_tweedie.denoisers.tiling import TileByTile, Tiled
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.engine.neighbours import Shares
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe

ALONE = 0.6
"""Share of the work on a block, where neighbours help, that is done before it is denoised with them."""
SINGLE = 1e-3
"""Share of the pixels of a block, if outliers, from which on the denoiser fills them in, and not the mean of others."""
MENDED = 0.8
"""Share of the rest that is done before what they tell beyond their average is added."""
FEW = 0.3
"""Photons expected of a pixel at which a network that learnt errors sees by itself half of what the noise hides."""


class Denoise(Job):
    """f(y, σ) and, if asked for, its posterior standard deviation."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._frames: dict[Index, Channel] = {}
        self.neighbours = Neighbours(blocks, recipe.neighbours) if recipe.context else None

    def order(self) -> Iterable[Index]:
        return self.blocks.layout if self.neighbours is None else self.neighbours.order()

    def outputs(self) -> list[Output]:
        return [Output("denoised"), *([Output("std", "spread")] if self.recipe.probes else [])]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        channel = self._frame(index)
        plain, level = self.denoiser(index), channel.level
        if not (self.recipe.volume and 3 in plain.ndim):
            plain, level = matched(plain, channel.correlation), channel.pixel_level
        if self.neighbours is not None and plain.context and level > 0:
            for share, estimate in self.neighbours.among(index, plain, tools.tile, partial(self._measured, tools)):
                yield Step(share, {"denoised": estimate})
            return
        x: Tensor
        sigma: float | Tensor
        places = self._places(index, tools)
        plain = plain if places is None else mapped(plain)
        sigma, before, mends = level if places is None else level * places, 0.0, False
        if self.neighbours is None or level <= 0:
            x, _ = self._measured(tools, index)
        else:
            fused = yield from _so_far(self._fused(index, tools, plain, places), ALONE)
            mends = self.recipe.fusion == "learnt" and plain.knows_fusion and places is None  # it learnt of even noise
            plain, x, before = mapped(plain), fused.plane, ALONE
            sigma = fused.level if places is None else fused.level * places
        denoiser = tools.tiled(plain)
        whose = learnt(plain) if self.recipe.probes else None
        part = 0.7 if whose else 1 / (2 + self.recipe.probes) if self.recipe.probes else 1 - before
        for share, estimate in denoiser.tile_by_tile(x, sigma):
            done = share == 1 and not (self.recipe.probes or mends)
            yield Step(1.0 if done else before + part * share * (MENDED if mends else 1), {"denoised": estimate})
        result = exhaust(mended(plain.name, channel.is_stabilised, fused, estimate, tools.tile)) if mends else estimate
        if mends and not self.recipe.probes:
            yield Step(1.0, {"denoised": result})
        if self.recipe.probes and level <= 0:
            yield Step(1.0, {"denoised": estimate, "std": torch.zeros_like(estimate)})
        elif whose:
            yield Step(1.0, {"denoised": result, "std": self._learnt(index, denoiser, whose, x, estimate, sigma)})
        elif self.recipe.probes:
            generator = torch.Generator().manual_seed(self.recipe.seed)
            precise = tools.tiled(in_float32(plain))
            clean, variance = posterior_variance(precise, x, sigma, generator, probes=self.recipe.probes)
            own = own_variance(_precise(clean), _precise(torch.as_tensor(sigma)), plain.flat_error)
            std = self._with_fusion(index, _precise(variance).maximum(own), sigma).sqrt().to(clean)
            std = self._std(index, x, clean, std, sigma) if any(plain.flat_error) else self.spread(index, clean, std)
            yield Step(1.0, {"denoised": clean, "std": std})

    def _learnt(
        self, index: Index, denoiser: Tiled | Volume, whose: Learnt, x: Tensor, clean: Tensor, sigma: float | Tensor
    ) -> Tensor:
        """Return the standard deviation as it was learnt, over the scale of the grey levels.

        Of planes that help each other it is that of the fused plane, whose noise has a map of levels. The network saw the
        residual, and knows what noise may hide; but of a few photons, with what these say themselves.
        """
        channel = self._frame(index)
        level, map_ = channel.level, channel.intensity
        if isinstance(denoiser, Volume) and isinstance(sigma, torch.Tensor):  # errors of volumes were learnt at one level
            white = _precise(sigma / level * error_std(denoiser, whose, x, clean, level, channel.is_stabilised))
        else:
            white = _precise(error_std(denoiser, whose, x, clean, sigma, channel.is_stabilised))
        std = self._with_fusion(index, white.square(), sigma).sqrt()
        if isinstance(map_, Stabilised):
            std *= torch.from_numpy(map_.width(clean.cpu().numpy(), level) / (level * map_.scale))
        if (counted := self._photons(index, clean)) is None:
            return std.float()
        photons, expected, unit = counted
        share = 1 / (1 + (expected.clamp_min(0) / FEW).square())
        return self._of_photons(std.square(), photons, expected, unit, share)

    def _with_fusion(self, index: Index, variance: Tensor, sigma: float | Tensor) -> Tensor:
        """Return the variance of an error with that of the fusion, if planes were fused: their noise has a map of levels then."""
        if self.neighbours is None or not isinstance(sigma, torch.Tensor):
            return variance
        channel = self._frame(index)
        places = torch.from_numpy(channel.places.over(sigma.shape[-2:])) if channel.places else 1.0
        return of_fused(variance, _precise(sigma), channel.level * places)

    def _std(self, index: Index, x: Tensor, clean: Tensor, std: Tensor, sigma: float | Tensor) -> Tensor:
        """Return a standard deviation, as `spread` returns it, with what the noise hides."""
        variance = _precise(self.spread(index, clean, std)).square()
        if (counted := self._photons(index, clean)) is not None:
            return self._of_photons(variance, *counted)
        level = _precise(sigma) if isinstance(sigma, torch.Tensor) else self._frame(index).pixel_level
        return (variance + hidden_variance(_precise(x), _precise(clean), level)).sqrt().float()

    def _of_photons(
        self, variance: Tensor, photons: Tensor, expected: Tensor, unit: float, share: float | Tensor = 1.0
    ) -> Tensor:
        """Return the standard deviation of counted light, with a share of what its noise hides, and what `keep_light` lets in."""
        let_in = smoothed(photons, NEIGHBOURHOOD).clamp_min(0) / area_of(NEIGHBOURHOOD, 2)
        return (variance.maximum(unit * let_in) + unit * share * hidden_light(photons, expected)).sqrt().float()

    def _photons(self, index: Index, clean: Tensor) -> tuple[Tensor, Tensor, float] | None:
        """Return photons of a block, counted and denoised, and the square of one's grey levels over their scale, if it counts."""
        channel = self._frame(index)
        noise, map_ = channel.noise, channel.intensity
        if not channel.is_stabilised or not isinstance(noise, Poisson):
            return None
        photons = noise.photons(torch.from_numpy(self.blocks.samples(index).astype(np.float64)))
        expected = noise.photons(torch.from_numpy(map_.back(clean.cpu().numpy())).double())
        return photons, expected, ((noise.gain or 1.0) / map_.scale) ** 2

    def _frame(self, index: Index) -> Channel:
        if index not in self._frames:
            self._frames[index] = self.blocks.frame(index)
        return self._frames[index]

    def _fused(self, index: Index, tools: Tools, plain: Denoiser, places: Tensor | None) -> Shares:
        """Fuse the planes beside a block into it; planes are denoised alone before."""
        assert self.neighbours is not None
        denoiser = tools.tiled(plain)

        def alone(x: Tensor, level: float) -> TileByTile:
            return denoiser.tile_by_tile(x, level if places is None else level * places)

        return self.neighbours.fused(index, alone, partial(self._measured, tools))

    def _places(self, index: Index, tools: Tools) -> Tensor | None:
        """Return how much stronger than its level the noise is at every pixel, (1, 1, [1,] Y, X); None: it is even."""
        channel = self._frame(index)
        if not channel.places:
            return None
        *depth, height, width = self.blocks.layout.block_shape
        return tools.tensor(channel.places.over((height, width))).view(1, 1, *(1 for _ in depth), height, width)

    def _measured(self, tools: Tools, index: Index) -> tuple[Tensor, float]:
        """Return a block in normalised units, and the level of its noise."""
        block = self.blocks.channel(index).intensity.forward(self.blocks.samples(index))
        x, level = tools.tensor(block), self._frame(index).pixel_level
        outliers = self.blocks.left_out.outliers(index, self.blocks.channel(index))
        if outliers.mean() <= SINGLE:
            return x, level
        return inpainted(x, torch.from_numpy(outliers).to(x.device), level, tools.tiled(self.denoiser(index))), level

    def notes(self) -> list[str]:
        """Return what the noise was found to be, or why it is another one than what was given."""
        channels = self.blocks.channels
        names = [f"Channel {number}: " if len(channels) > 1 else "" for number in range(1, len(channels) + 1)]
        told = [(name, channel.told) for name, channel in zip(names, channels, strict=True)]
        return [*(name + sentence for name, sentence in told if sentence), *self.blocks.drift()]


def _precise(x: Tensor) -> Tensor:
    """Return it with digits for the squares of numbers that are huge for their noise; GPUs may have none for them."""
    return x.cpu().double()


def _so_far(shares: Shares, all_: float) -> Generator[Step, None, Fused]:
    """Tell how far the work before the last turn is; return what comes of it."""
    while True:
        try:
            share, estimate = next(shares)
        except StopIteration as end:
            return end.value
        yield Step(all_ * share, {"denoised": estimate})
