"""Base of the jobs: something computed block by block of an image, returned as named images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.images.intensity import Intensity

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from torch import device as Device

    from napari_tweedie.denoisers import Denoiser
    from napari_tweedie.denoisers.tiling import Tiled, Volume
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe


@dataclass(frozen=True)
class Step:
    """Where a job stands on a block.

    Parameters
    ----------
    share : float
        Share of the work on the block that is done, from 0 to 1.
    estimates : dict of str to Tensor
        Every output so far, by name, shape (samples, components or count, [Z,] Y, X), in the block's normalised units.
    facts : dict of str to float
        What is known of the estimate, in the same units; as in `Progress`.
    note : str
        What the user should know, in one sentence; empty when all went well.
    complete : bool
        Whether these estimates are to be shown whatever came just before: some of the result is as it will be.
    """

    share: float
    estimates: Mapping[str, Tensor]
    facts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    complete: bool = False


@dataclass(frozen=True)
class Tools:
    """What the engine lends a job: the device, and denoisers that work in tiles that its memory holds, and their size."""

    device: Device
    tiled: Callable[[Denoiser], Tiled | Volume]
    tile: int = 1024

    def tensor(self, block: NDArray[Any]) -> Tensor:
        """Return a block as a float32 tensor on the device."""
        return torch.from_numpy(block.astype(np.float32)).to(self.device)


class Job:
    """One kind of job on the blocks of an image. Subclasses say what they return and compute it."""

    uses_noise_level: ClassVar[bool] = True
    """Whether the job needs the noise level and the range of the image."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        self.recipe = recipe
        self.blocks = blocks

    def outputs(self) -> list[Output]:
        """Return what the job returns, the most important first."""
        raise TypeError(f"{type(self).__name__} returns nothing")

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        """Work on one block."""
        raise TypeError(f"{type(self).__name__} does nothing")

    def order(self) -> Iterable[Index]:
        """Return the blocks in the order in which they are worked on."""
        return self.blocks.layout

    def stage(self, share: float) -> str:
        """Say what is being done on a block once `share` of it is."""
        return ""

    def notes(self) -> list[str]:
        """Return what the user should know at the end, a sentence each."""
        return []

    def report(self) -> dict[str, Any]:
        """Return what is known at the end, for the provenance: "data_residuals", in grey levels, a channel each."""
        return {"data_residuals": []}

    def intensity(self, index: Index) -> Intensity:
        """Return the map between grey levels and the units of the estimates."""
        return self.blocks.channel(index).intensity if self.uses_noise_level else Intensity()

    def denoiser(self, index: Index) -> Denoiser:
        """Return the denoiser for the units of the estimates."""
        intensity = self.intensity(index)
        return self.recipe.denoiser.normalised(intensity.offset, intensity.scale)

    def spread(self, index: Index, mean: Tensor, std: Tensor) -> Tensor:
        """Return a standard deviation such that the scale of the grey levels is all that is missing.

        Where photon noise was made the same everywhere the way back is not linear, and its slope is taken around the mean.
        """
        if not self.blocks.channel(index).is_stabilised:
            return std
        intensity = self.intensity(index)
        ends = [intensity.back((mean + sign * std).cpu().numpy()) for sign in (1, -1)]
        return torch.from_numpy((ends[0] - ends[1]) / (2 * intensity.scale))
