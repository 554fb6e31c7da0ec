"""Adaptation of the bundled network to an image, from array to stored weights."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core import device as devices
from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.network import WEIGHTS, load_network, weights_hash
from napari_tweedie.engine.blocks import Blocks
from napari_tweedie.training.adapt import Adaptation, Adapted, adapt

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.recipe.recipe import Recipe

START = WEIGHTS / "unet.safetensors"
MAX_BLOCKS = 8
"""Blocks of an image that represent it."""


def adapt_to(image: Any, recipe: Recipe, settings: Adaptation, start: Path = START) -> Generator[Adapted, None, None]:
    """Adapt a network to an array whose axes and noise a recipe says, on the recipe's device; errors are those of `adapt`."""
    device = devices.pick(recipe.device)
    return adapt(load_network(start, device), noisy_blocks(image, recipe, str(device)), settings)


def noisy_blocks(image: Any, recipe: Recipe, device: str) -> list[tuple[Tensor, float]]:
    """Return some blocks of an image, as a denoiser would see them, with their noise levels."""
    blocks = Blocks(image, recipe)
    layout = list(blocks.layout)
    found = []
    for number in np.unique(np.linspace(0, len(layout) - 1, MAX_BLOCKS).astype(int)):
        channel = blocks.channel(layout[number])
        x = torch.from_numpy(channel.intensity.forward(blocks.samples(layout[number]))).to(device)
        found.append((x, channel.level))
    return found


def save_adapted(state: Adapted, path: Path, settings: Adaptation, start: Path = START) -> None:
    """Write the weights of the best network as safetensors, with how they were made."""
    from napari_tweedie.training.export import write_weights

    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"adaptation": settings.model_dump_json(), "start": weights_hash(start), "gain": f"{state.gain:.3f} dB"}
    write_weights(state.network, path, **facts)


def unused(path: Path) -> Path:
    """Return this path, or the first of ``NAME-2``, ``NAME-3`` … that no file has."""
    names = (path if number == 1 else path.with_stem(f"{path.stem}-{number}") for number in count(1))
    return next(name for name in names if not name.exists())
