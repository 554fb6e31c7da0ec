"""Adaptation of a trained network to the image at hand, with no clean image to learn from."""

from __future__ import annotations

import copy
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.network import denoise
from napari_tweedie.training.losses import sure

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.unet import UNet

TILE, MAX_TILES = 256, 8
BLOCK, CELL = 32, 16
CHECKS = 10


class Adaptation(BaseModel):
    """Everything that determines an adaptation, besides the network and the images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(200, ge=1, le=100_000, description="Optimiser steps.")
    batch: int = Field(4, ge=1, le=256, description="Patches per step.")
    patch: int = Field(64, ge=16, multiple_of=16, description="Patch size in pixels.")
    learning_rate: float = Field(1e-4, gt=0, le=0.1, description="Peak learning rate of Adam; it falls as a cosine.")
    seed: int = Field(0, ge=0, description="Seed of patches and probes.")

    def rate(self, step: int) -> float:
        """Learning rate at `step`."""
        return self.learning_rate * min(1.0, (step + 1) / 10) * 0.5 * (1 + math.cos(math.pi * step / self.steps))


@dataclass(frozen=True)
class Adapted:
    """How far an adaptation is, and the best network so far: usable whenever the caller stops.

    Attributes
    ----------
    step, total : int
        Steps done and planned.
    gain : float
        Gain of `network` over the one before, in dB of mean squared error, as estimated on pixels held out.
    network : UNet
        The network before the adaptation until another one is better beyond doubt.
    loss, held_out : float
        Estimated squared error over the noise variance: of this step on its patches, and, as measured last, on the pixels held
        out.
    """

    step: int
    total: int
    gain: float
    network: UNet
    loss: float
    held_out: float


@dataclass(frozen=True)
class _Tile:
    noisy: Tensor  # (1, 1, Y, X)
    sigma: float
    held_out: Tensor  # (Y, X)


def adapt(network: UNet, images: Sequence[tuple[Tensor, float]], settings: Adaptation) -> Generator[Adapted, None, None]:
    """Adapt a network to noisy images by Stein's unbiased estimate of its squared error (SURE).

    A quarter of the pixels, in blocks, is held out of the loss; a network is kept only if its error there, again by SURE,
    is lower by more than twice the standard error of that difference. So an image that the network knows well changes nothing.

    Parameters
    ----------
    network : UNet
        Where to start; it is not changed.
    images : sequence of (Tensor, float)
        Noisy images (B, 1, Y, X) about in [0, 1] and the level of their white Gaussian noise. Large ones are
        represented by some of their tiles.
    settings : Adaptation
        Length, patches, learning rate, seed.

    Yields
    ------
    Adapted
        After every step.

    Raises
    ------
    ValueError
        If a noise level is not above 0, or an image is too small.

    Notes
    -----
    Stein (1981); the divergence by random probes as Ramani, Blu, Unser (2008); adapting a trained denoiser this way:
    Soltanayev & Chun (2018), Mohan et al., "Adaptive denoising via GainTuning" (2021).
    """
    if any(sigma <= 0 for _, sigma in images):
        raise ValueError("adapting to an image needs noise in it: give a noise level above 0")
    if any(min(image.shape[2:]) < 2 * BLOCK for image, _ in images):
        raise ValueError(f"adapting to an image needs at least {2 * BLOCK} × {2 * BLOCK} pixels")
    rng = np.random.default_rng(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    tiles = _cut(images, rng)
    current = copy.deepcopy(network).requires_grad_(True)
    optimiser = torch.optim.Adam(current.parameters(), lr=settings.learning_rate, betas=(0.9, 0.99))
    before = _errors(network, tiles, settings.seed)
    best, gain, held_out = network, 0.0, float(before.mean())
    for step in range(settings.steps):
        optimiser.param_groups[0]["lr"] = settings.rate(step)
        optimiser.zero_grad()
        loss = _loss(current, tiles, settings, rng, generator)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(current.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % max(1, settings.steps // CHECKS) == 0 or step + 1 == settings.steps:
            errors = _errors(current, tiles, settings.seed)
            found, held_out = _gain(before, errors), float(errors.mean())
            if found > gain:
                best, gain = copy.deepcopy(current).requires_grad_(False), found
        yield Adapted(step + 1, settings.steps, gain, best, float(loss.detach()), held_out)


def _cut(images: Sequence[tuple[Tensor, float]], rng: np.random.Generator) -> list[_Tile]:
    """Return some tiles of the images, spread at random, and which of their pixels are held out."""
    places = [
        (plane, sigma, top, left)
        for image, sigma in images
        for plane in image.flatten(0, 1)
        for top in range(0, max(1, plane.shape[0] - BLOCK), TILE)
        for left in range(0, max(1, plane.shape[1] - BLOCK), TILE)
    ]
    tiles = []
    for plane, sigma, top, left in (places[number] for number in rng.permutation(len(places))[:MAX_TILES]):
        noisy = plane[None, None, top : top + TILE, left : left + TILE]
        rows, columns = (-(-length // BLOCK) for length in noisy.shape[2:])
        blocks = rng.permutation(rows * columns).reshape(rows, columns) % 4 == 0
        held_out = torch.from_numpy(np.kron(blocks, np.ones((BLOCK, BLOCK), bool)))[: noisy.shape[2], : noisy.shape[3]]
        tiles.append(_Tile(noisy, sigma, held_out.to(noisy.device)))
    return tiles


def _loss(
    network: UNet, tiles: list[_Tile], settings: Adaptation, rng: np.random.Generator, generator: torch.Generator
) -> Tensor:
    """Return the mean of SURE / σ² over the pixels of random patches that are not held out."""
    side = min(settings.patch, *(length for tile in tiles for length in tile.noisy.shape[2:]))
    noisy, used, levels = [], [], []
    for number in rng.integers(len(tiles), size=settings.batch):
        tile = tiles[number]
        top, left = (int(rng.integers(length - side + 1)) for length in tile.noisy.shape[2:])
        patch = slice(top, top + side), slice(left, left + side)
        noisy.append(tile.noisy[0, :, *patch])
        used.append(~tile.held_out[None, *patch])
        levels.append(tile.sigma)
    mask, sigma = torch.stack(used), noisy[0].new_tensor(levels)
    error = _sure(network, torch.stack(noisy), sigma, mask, generator) / sigma.view(-1, 1, 1, 1).square()
    return error[mask].sum() / mask.sum().clamp(min=1)


def _errors(network: UNet, tiles: list[_Tile], seed: int) -> Tensor:
    """Return SURE / σ² of every held-out cell; the probes are the same for every network."""
    generator = torch.Generator().manual_seed(seed + 1)
    errors = []
    with torch.no_grad():
        for tile in tiles:
            sigma = tile.noisy.new_tensor([tile.sigma])
            error = _sure(network, tile.noisy, sigma, tile.held_out[None, None], generator)[0, 0] / tile.sigma**2
            rows, columns = (length // CELL * CELL for length in error.shape)
            cells = error[:rows, :columns].unfold(0, CELL, CELL).unfold(1, CELL, CELL).mean((2, 3))
            errors.append(cells[tile.held_out[:rows:CELL, :columns:CELL]])
    return torch.cat(errors)


def _sure(network: UNet, noisy: Tensor, sigma: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
    probe = (2.0 * torch.randint(2, noisy.shape, generator=generator) - 1).to(noisy) * mask
    return sure(lambda x, level: denoise(network, x, level, torch.float32), noisy, sigma, probe)


def _gain(before: Tensor, after: Tensor) -> float:
    """Return the fall of the mean in dB, 0 unless it is more than twice its own standard error."""
    fall = before - after
    if fall.mean() <= 2 * fall.std() / len(fall) ** 0.5:
        return 0.0
    return float(10 * torch.log10(before.mean().clamp(min=1e-3) / after.mean().clamp(min=1e-3)))
