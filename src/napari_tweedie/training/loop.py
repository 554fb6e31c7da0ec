"""Training loop: seeded, logged, and resumable at any step."""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from napari_tweedie.core.device import fastest_precision
from napari_tweedie.denoisers.architectures import UNET, name_of, small
from napari_tweedie.denoisers.file import of_safetensors
from napari_tweedie.denoisers.levels import SCALES
from napari_tweedie.denoisers.network import Network
from napari_tweedie.denoisers.non_local_network import NonLocalNetwork
from napari_tweedie.denoisers.unet import UNet, initialise, with_levels
from napari_tweedie.images.arrays import reason_of
from napari_tweedie.training.data import Source, draw_batch
from napari_tweedie.training.export import write_checkpoint
from napari_tweedie.training.losses import draw_noise_level, weighted_squared_error
from napari_tweedie.training.noises import Noise, coloured, photons, uneven, white
from napari_tweedie.training.optimiser import Optimiser
from napari_tweedie.training.rates import falling

log = logging.getLogger(__name__)

GUIDED = 0.2
"""Weight of the error of the estimate that guides a non-local network, next to that of its result."""


class Training(BaseModel):
    """Everything that determines a training run, besides the images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Literal["unet", "lidia", "csc", "deep-ksvd"] = Field(
        "unet", description="U-Net, or one of the small networks, of one width."
    )
    widths: tuple[int, ...] = Field((32, 64, 128, 256), min_length=1, description="Features at each scale, fine to coarse.")
    blocks: int = Field(2, ge=1, description="Residual blocks, or pairs of layers, per scale.")
    steps: int = Field(10_000, ge=1, description="Optimiser steps.")
    batch: int = Field(16, ge=1, description="Patches per step in the first part of the run.")
    patch: int = Field(96, ge=16, multiple_of=16, description="Patch size in pixels in the first part of the run.")
    large_patch: int = Field(160, ge=16, multiple_of=16, description="Patch size in the last part of the run.")
    large_share: float = Field(0.3, ge=0, le=1, description="Share of the steps with large patches, at equal pixels a step.")
    learning_rate: float = Field(1.5e-3, gt=0, description="Peak learning rate; it warms up and falls as a cosine.")
    average: float = Field(0.999, ge=0, lt=1, description="Decay of the exponential average of the weights.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="Arithmetic of the network; auto: bfloat16 where the device is measured to run it faster."
    )
    levels: bool = Field(False, description="Tell the network the noise level at every scale, instead of one of white noise.")
    coloured: float = Field(0.0, ge=0, le=1, description="Share of noise of random spectra.")
    uneven: float = Field(0.0, ge=0, le=1, description="Share of noise whose level differs from pixel to pixel.")
    photons: float = Field(0.0, ge=0, le=1, description="Share of photon noise, stabilised; what is left of 1 is white and even.")
    workers: int = Field(0, ge=0, description="Processes that prepare batches ahead; 0: none, where one core does all.")
    compile: bool = Field(False, description="Compile the network first: worth its minutes on a GPU.")
    seed: int = Field(0, ge=0, description="Seed of weights, patches and noise.")

    @model_validator(mode="after")
    def _fits(self) -> Training:
        if self.architecture != UNET and (len(self.widths) != 1 or self.levels):
            raise ValueError(
                f"{self.architecture} has one width, such as 64, and no levels at every scale (got {self.widths}, {self.levels})"
            )
        return self

    def rate(self, step: int) -> float:
        """Learning rate at `step`."""
        return falling(self.learning_rate, step, self.steps, min(200, self.steps / 10))

    def noise(self, rng: np.random.Generator) -> Noise:
        """Draw the kind of noise of a patch."""
        kinds: tuple[Noise, ...] = (coloured, uneven, photons, white)
        return kinds[int(np.searchsorted(np.cumsum((self.coloured, self.uneven, self.photons)), rng.random(), side="right"))]

    def dtype(self, device: torch.device) -> torch.dtype:
        """Arithmetic of the network on `device`."""
        return fastest_precision(device) if self.precision == "auto" else getattr(torch, self.precision)

    def batch_at(self, step: int) -> tuple[int, int]:
        """Patches and patch size at `step`."""
        if step < self.steps * (1 - self.large_share):
            return self.batch, self.patch
        return max(1, round(self.batch * (self.patch / self.large_patch) ** 2)), self.large_patch


def train(
    settings: Training, sources: Sequence[Source], folder: Path, device: torch.device, every: int = 100, start: Path | None = None
) -> Network:
    """Train a network on patches of `sources`, or go on from the checkpoint in `folder`.

    Every step seeds its own random numbers, so a resumed run sees the patches and noise that an
    uninterrupted one would have seen.

    Parameters
    ----------
    settings : Training
        Architecture, length, batches, seed.
    sources : sequence of Source
        Where the clean patches come from.
    folder : Path
        Where ``checkpoint.pt`` and ``log.jsonl`` are kept.
    device : torch.device
        Where to train.
    every : int
        Steps between log lines and checkpoints.
    start : Path, optional
        Weights to start from; none: random ones.

    Returns
    -------
    Network
        The network with averaged weights.

    Raises
    ------
    ValueError
        If the weights to start from are of another architecture, or no source has a share.
    """
    network = _first_network(settings, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).requires_grad_(False)
    optimiser = Optimiser(network)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    first = gone_on(checkpoint, device, {"network": network, "averaged": averaged, "optimiser": optimiser})
    precision = settings.dtype(device)
    losses: list[Tensor] = []
    started = time.monotonic()
    called = torch.compile(network) if settings.compile else network
    for step, (clean, noisy, sigma) in enumerate(_batches(settings, sources, first, device), start=first):
        with torch.autocast(device.type, dtype=precision, enabled=precision is not torch.float32):
            estimates = network.both(noisy, sigma) if isinstance(network, NonLocalNetwork) else (noisy - called(noisy, sigma),)
        loss = weighted_squared_error(estimates[-1].float(), clean, sigma)
        for guide in estimates[:-1]:
            loss = loss + GUIDED * weighted_squared_error(guide, clean, sigma)
        network.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step(settings.rate(step))
        decay = min(settings.average, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - decay)
        losses.append(loss.detach())
        if (step + 1) % every == 0 or step + 1 == settings.steps:
            seconds = round(time.monotonic() - started, 1)
            record = {"step": step + 1, "loss": round(float(torch.stack(losses).mean()), 6), "seconds": seconds}
            losses.clear()
            log.info("step %d, loss %g, %g s", *record.values())
            with (folder / "log.jsonl").open("a") as lines:
                lines.write(json.dumps(record) + "\n")
            _save(checkpoint, step + 1, network, averaged, optimiser)
    return averaged.eval()


def gone_on(checkpoint: Path, device: torch.device, parts: Mapping[str, Any]) -> int:
    """Bring the parts of a training to where a checkpoint was written, and return its step; 0 where there is none.

    Raises
    ------
    ValueError
        If the file is none, or that of a training of another network.
    """
    if not checkpoint.exists():
        return 0
    try:
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return int(state["step"])
    except MemoryError:
        raise
    except Exception as error:  # readers raise whatever they stumble over
        way_out = "remove it, or choose another folder"
        raise ValueError(f"{checkpoint} is no checkpoint of this network's training ({reason_of(error)}): {way_out}") from error


def _first_network(settings: Training, start: Path | None) -> Network:
    levels = len(SCALES) if settings.levels else 1
    if start is None and settings.architecture != UNET:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            return small(settings.architecture, settings.widths[0], settings.blocks)
    if start is None:
        network = UNet(widths=settings.widths, blocks=settings.blocks, levels=levels)
        initialise(network, 0.2, torch.Generator().manual_seed(settings.seed))
        return network
    found = of_safetensors(start, torch.device("cpu"))
    if (kind := name_of(found)) != settings.architecture:
        raise ValueError(f"{start.name} holds the architecture {kind}: give it in the settings")
    if (found.widths, found.blocks) != (settings.widths, settings.blocks):
        raise ValueError(f"{start.name} holds widths {found.widths} and {found.blocks} blocks: give these in the settings")
    made = with_levels(found, levels) if isinstance(found, UNet) and found.levels != levels else copy.deepcopy(found)
    return made.requires_grad_(True).train()


class Batches(Dataset[tuple[Tensor, ...]]):
    """The batch of every step: clean and noisy patches (B, 1, Y, X), and the levels of their noise in two factors.

    These are levels at the ten scales, (B, 10, 1, 1), and a map of what they are times, (B, 1, Y | 1, X | 1).
    """

    def __init__(self, settings: Training, sources: Sequence[Source]) -> None:
        self.settings, self.sources = settings, sources

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng((self.settings.seed, step))
        count, size = self.settings.batch_at(step)
        patches = draw_batch(self.sources, count, size, rng)
        examples = [self.settings.noise(rng)(patch[0], draw_noise_level(rng), rng) for patch in patches]
        clean, noisy = ([getattr(example, name)[None] for example in examples] for name in ("clean", "noisy"))
        fields = [example.field[None] for example in examples]
        even = all(field.size == 1 for field in fields)
        maps = fields if even else [np.broadcast_to(field, (1, size, size)) for field in fields]
        levels = _stacked([example.levels for example in examples])[..., None, None]
        return _stacked(clean), _stacked(noisy), levels, _stacked(maps)


def _stacked(arrays: list[NDArray[Any]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32))


def _batches(
    settings: Training, sources: Sequence[Source], first: int, device: torch.device
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    batches, steps = Batches(settings, sources), range(first, settings.steps)
    loader = DataLoader(batches, batch_size=None, sampler=steps, num_workers=settings.workers, pin_memory=device.type == "cuda")
    for batch in loader:
        clean, noisy, levels, field = (part.to(device, non_blocking=True) for part in batch)
        yield clean, noisy.contiguous(memory_format=torch.channels_last), levels * field


def _save(path: Path, step: int, network: Network, averaged: Network, optimiser: Optimiser) -> None:
    state = {
        "step": step,
        "network": network.state_dict(),
        "averaged": averaged.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    write_checkpoint(state, path)
