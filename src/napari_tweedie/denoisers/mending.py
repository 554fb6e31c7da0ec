"""Mending of fused planes by the bundled network, tile by tile."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.denoisers.network import STACK, load_fusion, weights_file

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.fusion import Fused
    from napari_tweedie.denoisers.fusion_network import FusionNetwork
    from napari_tweedie.denoisers.tiling import TileByTile

BEYOND = 80
"""Pixels around a tile that it must see to be mended."""


def mended(denoiser: str, counted: bool, fused: Fused, result: Tensor, tile: int) -> TileByTile:
    """Mend what a fused plane was denoised to; as `Tiled.tile_by_tile`.

    Parameters
    ----------
    denoiser : str
        Name of a denoiser that `knows_fusion`.
    counted : bool
        Whether the plane is of counted light whose noise was stabilised.
    fused : Fused
        The plane.
    result : Tensor
        What it was denoised to, shape (1, 1, Y, X).
    tile : int
        Height and width of the tiles, in pixels.
    """
    network = load_fusion(weights_file(STACK), result.device)
    return mended_by(network, network.kind(denoiser, counted), fused, result, tile)


def mended_by(network: FusionNetwork, kind: int, fused: Fused, result: Tensor, tile: int) -> TileByTile:
    """Do the same with a network, which is told of what kind the plane is."""
    from napari_tweedie.denoisers.fusion_network import missing

    made = result.clone()
    height, width = result.shape[-2:]
    tiles = list(product(range(0, height, tile), range(0, width, tile))) if len(fused.beside.sigma) else []
    for done, (top, left) in enumerate(tiles, start=1):
        cancellation_point()
        first, before = max(0, top - BEYOND), max(0, left - BEYOND)
        place = (..., slice(first, top + tile + BEYOND), slice(before, left + tile + BEYOND))
        target = (..., slice(top, top + tile), slice(left, left + tile))
        inside = (..., slice(top - first, top - first + tile), slice(left - before, left - before + tile))
        made[target] += fused.sigma * missing(network, kind, cut(fused, place), result[place])[inside]
        yield done / len(tiles), made
    return made


def cut(fused: Fused, place: tuple[object, ...]) -> Fused:
    """Return a part of a fused plane and of those beside it."""
    beside = {name: getattr(fused.beside, name)[place] for name in ("noisy", "clean", "weight")}
    own = {name: getattr(fused, name)[place] for name in ("plane", "level", "noisy", "clean")}
    return replace(fused, **own, beside=replace(fused.beside, **beside))
