"""Block matching: for every block of a plane the place in another that looks most like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

REACH = 8
"""Furthest displacement, in pixels along each axis, that is looked for from one plane to another."""
BLOCK, TRIED = 4, 12
"""Side, in pixels, of blocks that are displaced as one, by patches of three times the side, and displacements that are tried."""
STAY = 0.3
"""By how much, in variances of the noise, the squared difference must fall for a patch to be looked for elsewhere."""


def matched(here: Tensor, there: Tensor, variance: Tensor) -> Tensor:
    """Return the place in a plane (1, Y, X) of the patch that is most like that around every pixel of another, flat indices.

    Displacements are those of blocks. They are looked for on means over 2 × 2 pixels; those that win most there are tried, with
    those a pixel beside them, on the pixels. Blocks stay where they are unless another place is more like by more than noise.
    """
    height, width = here.shape[-2:]
    small = [torch.nn.functional.avg_pool2d(_even(plane), 2) for plane in (here, there, variance)]
    reach = range(-(REACH // 2), REACH // 2 + 1)
    found = _searched(small[0], small[1], small[2], [(down, right) for down in reach for right in reach], 2)
    winners, counts = torch.unique(found.flatten(1), dim=1, return_counts=True)
    most = winners[:, counts.argsort(descending=True)[:TRIED]].T.tolist()
    tried = {(2 * down + a, 2 * right + b) for down, right in most for a in (-1, 0, 1) for b in (-1, 0, 1)}
    shifts = _searched(here, there, variance, sorted(tried), BLOCK)
    return _places(shifts.repeat_interleave(BLOCK, 1).repeat_interleave(BLOCK, 2)[:, :height, :width])


def _searched(here: Tensor, there: Tensor, variance: Tensor, displacements: list[tuple[int, int]], block: int) -> Tensor:
    """Return which displacement makes patches most alike, for every block of `block` × `block` pixels: shape (2, Y, X)."""
    height, width = here.shape[-2:]

    def patches(plane: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(plane, 3 * block, block, block, ceil_mode=True, count_include_pad=False)[0]

    reach = REACH + 1
    wide = torch.nn.functional.pad(there[None], [reach] * 4, mode="replicate")[0]
    least = patches((here - there).square()) - STAY * patches(variance)
    best = torch.zeros(2, *least.shape, dtype=torch.long, device=here.device)
    for down, right in displacements:
        moved = wide[:, reach + down : reach + down + height, reach + right : reach + right + width]
        distance = patches((here - moved).square())
        better = distance < least
        least = torch.where(better, distance, least)
        best[0][better], best[1][better] = down, right
    return best


def _places(shifts: Tensor) -> Tensor:
    """Return flat indices of the pixels displaced by shifts (2, Y, X), at the border those of the border."""
    height, width = shifts.shape[1:]
    rows = (torch.arange(height, device=shifts.device).view(-1, 1) + shifts[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=shifts.device) + shifts[1]).clamp(0, width - 1)
    return rows * width + columns


def taken(plane: Tensor, places: Tensor) -> Tensor:
    """Return the pixels at flat indices, as a plane."""
    return plane.flatten()[places].view(plane.shape)


def _even(plane: Tensor) -> Tensor:
    height, width = plane.shape[-2:]
    return torch.nn.functional.pad(plane[None], [0, width % 2, 0, height % 2], mode="replicate")[0]
