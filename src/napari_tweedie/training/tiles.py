"""Tiles of the images that are learnt from, and the pixels of them that are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.coloured import relative_levels
from napari_tweedie.denoisers.network import denoise
from napari_tweedie.training.objectives import Patches

if TYPE_CHECKING:
    from torch import Tensor
    from torch import dtype as DType

    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.denoisers.network import Network

TILE, PER_IMAGE, MAX_TILES = 256, 16, 256
"""Side of a tile in pixels; how many of an image, and of all images, are kept in memory."""
CHECKED = 8
"""Tiles whose held-out pixels networks are compared on."""
BLOCK = 32
"""Side of the blocks of pixels that are held out: a quarter of them."""


@dataclass(frozen=True)
class Example:
    """A noisy image, and what is known of it.

    Parameters
    ----------
    noisy : Tensor
        Shape (B, 1, Y, X), about in [0, 1].
    sigma : float
        Standard deviation of the noise of a pixel.
    correlation : Correlation, optional
        How neighbours share noise; None: not at all.
    partner : Tensor, optional
        The same scene with noise of its own, or without.
    partner_sigma : float
        Standard deviation of the partner's noise; 0 where it is clean.
    levels : Tensor, optional
        Noise level of every pixel of `noisy`; None: sigma everywhere.
    """

    noisy: Tensor
    sigma: float
    correlation: Correlation | None = None
    partner: Tensor | None = None
    partner_sigma: float = 0.0
    levels: Tensor | None = None


@dataclass(frozen=True)
class Tile:
    """A tile of an example: images (1, 1, Y, X), and which pixels are held out, (Y, X)."""

    example: Example
    noisy: Tensor
    partner: Tensor | None
    held_out: Tensor
    levels: Tensor | None = None

    def level_of_pixels(self) -> Tensor:
        """Return the noise level of every pixel, (1, 1, Y, X)."""
        return torch.full_like(self.noisy, self.example.sigma) if self.levels is None else self.levels


def cut(examples: Iterable[Example], rng: np.random.Generator) -> list[Tile]:
    """Return tiles of all examples, spread at random; examples may be made one by one, no more than tiles of them are kept.

    Raises
    ------
    ValueError
        If an example has no noise, or is too small.
    """
    tiles = [tile for example in examples for tile in _of_example(example, rng)]
    chosen = rng.permutation(len(tiles))[:MAX_TILES]
    return [tiles[number] for number in chosen]


def _of_example(example: Example, rng: np.random.Generator) -> Iterator[Tile]:
    height, width = example.noisy.shape[2:]
    if example.sigma <= 0:
        raise ValueError("learning from an image needs noise in it: give a noise level above 0")
    if min(height, width) < 2 * BLOCK:
        raise ValueError(f"learning from an image needs at least {2 * BLOCK} × {2 * BLOCK} pixels (got {height} × {width})")
    tops, lefts = (range(0, max(1, length - BLOCK), TILE) for length in (height, width))
    places = [(n, top, left) for n in range(len(example.noisy)) for top in tops for left in lefts]
    for number in rng.permutation(len(places))[:PER_IMAGE]:
        n, top, left = places[number]
        place = (slice(n, n + 1), slice(None), slice(top, top + TILE), slice(left, left + TILE))
        noisy = example.noisy[place].clone()
        rows, columns = (-(-length // BLOCK) for length in noisy.shape[2:])
        blocks = rng.permutation(rows * columns).reshape(rows, columns) % 4 == 0
        held_out = torch.from_numpy(np.kron(blocks, np.ones((BLOCK, BLOCK), bool)))[: noisy.shape[2], : noisy.shape[3]]
        partner, levels = (None if each is None else each[place].clone() for each in (example.partner, example.levels))
        yield Tile(example, noisy, partner, held_out.to(noisy.device), levels)


def draw(tiles: Sequence[Tile], count: int, side: int, rng: np.random.Generator) -> Patches:
    """Return random patches of tiles, turned and mirrored alike, all of noise of one kind; held-out pixels do not count."""
    correlation = tiles[int(rng.integers(len(tiles)))].example.correlation
    alike = [tile for tile in tiles if tile.example.correlation is correlation]
    side = min(side, *(length for tile in alike for length in tile.noisy.shape[2:]))
    drawn: list[tuple[Tensor, ...]] = []
    sigmas, has_levels = [], any(tile.levels is not None for tile in alike)
    for number in rng.integers(len(alike), size=count).tolist():
        tile = alike[number]
        top, left = (int(rng.integers(length - side + 1)) for length in tile.noisy.shape[2:])
        patch = (slice(top, top + side), slice(left, left + side))
        images = [tile.noisy[0, :, *patch], ~tile.held_out[None, *patch]]
        if has_levels:
            images.append(tile.level_of_pixels()[0, :, *patch])
        if tile.partner is not None:
            images.append(tile.partner[0, :, *patch])
        turns, mirrored = 2 * int(rng.integers(2)), bool(rng.integers(2))  # by half turns: correlation has its axes
        drawn.append(tuple(_turned(image, turns, mirrored) for image in images))
        sigmas.append(tile.example.sigma)
    noisy, counts, *others = (torch.stack(images) for images in zip(*drawn, strict=True))
    levels = others.pop(0) if has_levels else None
    return Patches(noisy, noisy.new_tensor(sigmas), counts, correlation, others.pop() if others else None, levels)


def _turned(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    turned = torch.rot90(image, turns, (1, 2))
    return turned.flip(2) if mirrored else turned


def fingerprint(tiles: Sequence[Tile]) -> str:
    """Return a SHA-256 of the pixels of all tiles."""
    digest = hashlib.sha256()
    for tile in tiles:
        digest.update(tile.noisy.cpu().numpy().tobytes())
    return digest.hexdigest()


def told(network: Network, correlation: Correlation | None, precision: DType) -> Denoise:
    """Return f(x, σ) of a network, σ the level of a pixel, that is told the levels of correlated noise at every scale."""

    def denoiser(x: Tensor, sigma: float | Tensor) -> Tensor:
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))
        if correlation is not None and network.levels > 1:
            level = level.view(-1, 1, 1, 1) * relative_levels(correlation, x)
        return denoise(network, x, level, precision)

    return denoiser
