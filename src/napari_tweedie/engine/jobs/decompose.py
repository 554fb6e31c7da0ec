"""Decompose job: a block taken apart into bands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.results import Output
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from napari_tweedie.denoisers import Denoiser
    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe


class Decompose(Job):
    """x = base + Σ bands."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._error = 0.0

    def outputs(self) -> list[Output]:
        levels = self.recipe.decomposition.levels
        return [Output("base"), *(Output(f"band {number}", "difference") for number in range(1, levels + 1))]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        channel = self.blocks.channel(index)
        decomposition = self.recipe.decomposition
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        first, *others = decomposition.denoisers_for(self.denoiser(index))
        denoisers = [self._of_noise(tools, first, channel), *map(tools.tiled, others)]
        for state in decomposition(x, denoisers, channel.level):
            bands = {f"band {number}": band for number, band in enumerate(state.bands, start=1)}
            self._error = max(self._error, state.error)
            yield Step(state.level / state.total, {"base": state.base, **bands})

    def _of_noise(self, tools: Tools, first: Denoiser, channel: Channel) -> Denoise:
        """Return what takes the first band off, in which the noise is: where neighbours share it, by its power spectrum."""
        if channel.correlation is None or (self.recipe.volume and 3 in first.ndim):
            return tools.tiled(first)
        tiled, share = tools.tiled(matched(first, channel.correlation)), channel.pixel_level / (channel.level or 1.0)
        return lambda x, sigma: tiled(x, share * sigma)

    def report(self) -> dict[str, Any]:
        """Return also the largest "reconstruction_error", as a share of the image's range."""
        return {**super().report(), "reconstruction_error": self._error}

    def stage(self, share: float) -> str:
        levels = self.recipe.decomposition.levels
        return f"band {round(share * levels)} of {levels}"
