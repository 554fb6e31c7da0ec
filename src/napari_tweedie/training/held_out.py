"""Errors on held-out pixels: which of two denoisers is better, without a clean image, and whether beyond doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch
from napari_tweedie.training.objectives import Patches
from napari_tweedie.training.objectives.recorrupted import squared
from napari_tweedie.training.objectives.stein import risk

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.training.tiles import Tile

ADDED, DRAWS = 0.5, 2
"""How much noise is added, relative to that of the image, and how often, where a denoiser jumps."""
CELL = 16
"""Side of the squares whose mean errors are taken for independent."""
WORTH = 0.02
"""Least gain, in dB, for which a network is kept."""
DOUBT = 0.004
"""Least fall of Stein's estimate, in noise variances, that counts: noise is not known better. On single frames of W2S an
estimate fell by 0.002 where the error against the average of 400 frames had not."""


def errors(denoiser_of: Callable[[Tile], Denoise], tiles: Sequence[Tile], seed: int, jumps: bool = False) -> Tensor:
    """Return the squared error, in noise variances, of every held-out cell of some tiles.

    Against the partner where there is one, less the variance of its noise; else Stein's estimate, with the same probes for every
    denoiser; for denoisers that jump, of which it would need a derivative, an estimate by noise that is added. None depends on
    what was minimised, so that objectives, and untrained denoisers, can be compared.
    """
    generator = torch.Generator().manual_seed(seed + 1)
    found = []
    with torch.no_grad():
        for tile in tiles:
            sigma = tile.noisy.new_tensor([tile.example.sigma])
            denoiser = denoiser_of(tile)
            if tile.partner is not None:
                error = (denoiser(tile.noisy, sigma) - tile.partner).square() - tile.example.partner_sigma**2
            else:
                counts = tile.held_out[None, None]
                patches = Patches(tile.noisy, sigma, counts, tile.example.correlation, levels=tile.levels)
                error = risk(denoiser, patches, generator) if not jumps else _by_adding(denoiser, patches, generator)
            found.append(cells(error / tile.example.sigma**2, tile))
    return torch.cat(found)


def _by_adding(denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
    """Return an estimate of the squared error at a noise level that is a tenth higher, the mean of several draws."""
    drawn = [squared(denoiser, patches, generator, ADDED) for _ in range(DRAWS)]
    return torch.stack([error - constant for error, constant in drawn]).mean(0)


def cells(error: Tensor, tile: Tile) -> Tensor:
    """Return the mean of an error (1, 1, Y, X) in every held-out cell of a tile."""
    rows, columns = (length // CELL * CELL for length in error.shape[2:])
    means = error[0, 0, :rows, :columns].unfold(0, CELL, CELL).unfold(1, CELL, CELL).mean((2, 3))
    return means[tile.held_out[:rows:CELL, :columns:CELL]]


def gain(before: Tensor, after: Tensor, doubt: float = 0.0) -> float:
    """Return the fall of the mean in dB, 0 unless it is worth having, more than `doubt` and than twice its own standard error."""
    fall = before - after
    if not fall.mean() > max(doubt, float(2 * fall.std() / len(fall) ** 0.5)):
        return 0.0
    found = float(10 * torch.log10(before.mean().clamp(min=1e-3) / after.mean().clamp(min=1e-3)))
    return found if found >= WORTH else 0.0
