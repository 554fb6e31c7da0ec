"""Side of tiles and regions: what suits the denoiser, the same on every machine, smaller only where memory is short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_tweedie.core import device as devices

if TYPE_CHECKING:
    from torch import device as Device

    from napari_tweedie.denoisers import Denoiser
    from napari_tweedie.recipe.recipe import Recipe

SMALLEST_TILE = 128
LARGEST_TILE = 1024
"""Side of the largest tile of an image in memory: a run can be stopped between tiles, and shows each when it is done."""
ROOM = 2**31
"""Bytes that a denoiser may take for a tile where memory is not short."""


def with_tile(recipe: Recipe, device: Device, extent: int, largest: int = LARGEST_TILE) -> tuple[Recipe, str]:
    """Return a recipe that says the side of its tiles, and a sentence where the free memory made them smaller.

    Pixels near their borders depend on it, so that it follows from the denoiser alone, on every machine and at every moment,
    unless the free memory is too small for it.

    Parameters
    ----------
    recipe : Recipe
        What is to be done; a side that it gives stays.
    device : torch.device
        Whose memory counts.
    extent : int
        Side in pixels of the largest tile that there will be, however large they may be; 0: memory does not matter.
    largest : int
        Most pixels of the side.
    """
    if recipe.tile:
        return recipe, ""
    usual = _side(ROOM, recipe.denoiser, largest)
    free = devices.free_memory(device)
    fitting = _side(free // 2, recipe.denoiser, largest)
    if fitting >= min(usual, extent):
        return recipe.model_copy(update={"tile": usual}), ""
    note = (
        f"Only {free / 1e9:.2g} GB of memory are free on {device}: tiles have {fitting} instead of {usual} pixels a side, and "
        f"pixels near their borders differ a little from those of a run with tile = {usual}."
    )
    return recipe.model_copy(update={"tile": fitting}), note


def _side(room: int, denoiser: Denoiser, largest: int) -> int:
    """Return the side in pixels of the largest tile for which a denoiser takes no more memory than `room` bytes."""
    side = int((max(room, 0) / denoiser.bytes_per_pixel) ** 0.5)
    return min(max(side // SMALLEST_TILE * SMALLEST_TILE, SMALLEST_TILE), largest)
