"""Neighbouring frames or planes: those beside a block along T or Z, brought to its brightness, help to denoise it."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.fusion import brightness, brought, brought_levels, together
from napari_tweedie.denoisers.tiling import Tiled

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor

    from napari_tweedie.denoisers import Denoiser
    from napari_tweedie.denoisers.fusion import Fused
    from napari_tweedie.denoisers.tiling import TileByTile
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index

Shares: TypeAlias = "Generator[tuple[float, Tensor], None, Fused]"
COARSE = 8
"""Side, in pixels, of the squares whose means tell the brightness of planes that are not denoised yet."""


class Neighbours:
    """The planes beside the blocks of an image along an axis; those that were looked at last are kept.

    Blocks of other channels, positions, or times never help; nor do empty ones.

    Parameters
    ----------
    blocks : Blocks
        The image.
    axis : str
        "t" or "z".
    """

    def __init__(self, blocks: Blocks, axis: str) -> None:
        self.blocks, self.axis = blocks, axis
        self.context = blocks.recipe.context
        """Planes that help on each side."""
        blocks.keep(2 * self.context + 1)
        self._kept: OrderedDict[Index, tuple[Tensor, Tensor, float]] = OrderedDict()

    def order(self) -> list[Index]:
        """Return the blocks, those beside one another following each other."""
        return list(self.blocks.layout.order(self.axis))

    def beside(self, index: Index) -> list[Index]:
        """Return a block, and those that help to denoise it, in their order."""
        return [other for other in self.blocks.layout.beside(index, self.axis, self.context) if not self.blocks.is_empty(other)]

    def fused(
        self, index: Index, denoised: Callable[[Tensor, float], TileByTile], measured: Callable[[Index], tuple[Tensor, float]]
    ) -> Shares:
        """Fuse the planes beside a block into it.

        Parameters
        ----------
        index : tuple of int
            The block.
        denoised : callable
            Denoises a plane of a noise level alone, tile by tile.
        measured : callable
            Returns a block in normalised units, shape (1, 1, Y, X), and the level of its noise.

        Yields
        ------
        float, Tensor
            The share that is done, and the block as it is so far.

        Returns
        -------
        Fused
            The fused block, and what was fused.
        """
        beside = self.beside(index)
        new = [other for other in dict.fromkeys([index, *beside]) if other not in self._kept]
        for number, other in enumerate(new):
            noisy, level = measured(other)
            clean = noisy
            for share, clean in denoised(noisy, level):
                yield (number + share) / len(new), self._kept[index][1] if index in self._kept else clean
            self._kept[other] = noisy, clean.clone(), level
        for other in beside:
            self._kept.move_to_end(other)
        while len(self._kept) > 2 * self.context + 1:
            self._kept.popitem(last=False)
        planes, levels = [self._kept[other] for other in beside], [self._kept[other][2] for other in beside]
        noisy, clean = (torch.cat([plane[kind] for plane in planes]) for kind in (0, 1))
        return together(noisy, clean, levels, beside.index(index))

    def among(self, index: Index, denoiser: Denoiser, tile: int, measured: Callable[[Index], tuple[Tensor, float]]) -> TileByTile:
        """Denoise a block by a denoiser that looks at neighbours itself; as `Tiled.tile_by_tile`."""
        beside = self.beside(index)
        place = beside.index(index)
        planes = [measured(other) for other in beside]
        noisy = torch.cat([plane for plane, _ in planes])
        coarse = torch.nn.functional.avg_pool2d(noisy, [min(COARSE, length) for length in noisy.shape[-2:]])
        lines = [(1.0, 0.0) if n == place else brightness(plane, coarse[place]) for n, plane in enumerate(coarse)]

        def middle(x: Tensor, sigma: float | Tensor) -> Tensor:
            stack = x.clone()
            stack[:, :, place] = denoiser.among(x, sigma[0, 0, :, 0, 0], place)  # type: ignore[index]
            return stack

        stack = brought(noisy, lines)[None, :, 0][None]
        levels = brought_levels([level for _, level in planes], lines, noisy).view(1, 1, -1, 1, 1)
        for share, clean in Tiled(middle, tile, denoiser.halo).tile_by_tile(stack, levels):
            yield share, clean[:, :, place]
        return clean[:, :, place]
