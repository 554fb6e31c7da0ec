"""How is a block denoised?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_tweedie.jobs.job import Job, Step, Tools
from napari_tweedie.outputs import Output

if TYPE_CHECKING:
    from napari_tweedie.images.axes import Index


class Denoise(Job):
    """f(y, σ)."""

    def outputs(self) -> list[Output]:
        return [Output("denoised")]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        channel = self.blocks.channel(index)
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        for share, estimate in tools.pieces_of(self.recipe.denoiser).pieces(x, channel.level):
            yield Step(share, {"denoised": estimate})
