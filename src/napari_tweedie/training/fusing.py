"""Training of the network that mends fused planes: from what bundled denoisers and the fusion make of noisy clips.

Denoisers and fusion stay as they are. What they make of some thousand clips is computed once and kept on the disk, and the small
network goes over it many times, every clip turned and mirrored, and with fewer neighbours now and then.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from napari_tweedie import denoisers
from napari_tweedie.denoisers.fusion import CONTEXT, together
from napari_tweedie.denoisers.fusion_network import FusionNetwork, shown
from napari_tweedie.training.clips import Clips
from napari_tweedie.training.noises import photons, white
from napari_tweedie.training.rates import falling
from napari_tweedie.training.rehearsal import begin, in_fastest_precision, kept, rehearse, tensor

FRAMES = 2 * CONTEXT + 1
OTHERS = 2 * CONTEXT
FURTHEST = 1e3
"""Noise levels beyond which nothing is stored."""
ALIKE = 2
"""Examples that are made of a clip: of its middle frame, and of another."""
FEWER = 0.15
"""Share of the steps at which some neighbours are left out."""
RIM = 8
"""Pixels at the border that do not count: nothing can be found beyond it, and clips have more of it than images."""
LITTLE = 1e-3
"""Squared error, in variances of the noise, below which there is nothing to be gained."""
OWN = 5
"""Planes of the frame itself that are stored: noisy, denoised alone, fused, its level, and what is true."""


class FusionTraining(BaseModel):
    """Everything that determines the training of a network that mends fused planes, besides the clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    denoisers: tuple[str, ...] = Field(("unet", "unet-small"), min_length=1, description="Whose results are mended.")
    width: int = Field(12, ge=4, description="Features of every neighbour.")
    widths: tuple[int, ...] = Field((24, 48, 64), min_length=1, description="Features at each scale, fine to coarse.")
    examples: int = Field(4096, ge=ALIKE, multiple_of=ALIKE, description="Examples that are made, two of every clip.")
    held: int = Field(64, ge=0, description="The first of them, from which nothing is learnt: they tell how much it gains.")
    patch: int = Field(96, ge=32, description="Height and width of a clip.")
    crop: int = Field(64, ge=32, description="Height and width of what is seen of it at a step.")
    least_sigma: float = Field(0.01, gt=0, le=1, description="Least noise level of images in [0, 1].")
    most_sigma: float = Field(0.5, gt=0, le=1, description="Largest one; levels are drawn evenly in logarithm.")
    photons: float = Field(0.5, ge=0, le=1, description="Share of photon noise, stabilised.")
    steps: int = Field(2300, ge=1, description="Optimiser steps.")
    batch: int = Field(8, ge=1, description="Examples per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak rate of Adam; it falls as a cosine.")
    average: float = Field(0.998, ge=0, lt=1, description="Decay of the exponential average of the weights.")
    seed: int = Field(0, ge=0, description="Seed of clips, noise and weights.")

    def rate(self, step: int) -> float:
        """Learning rate at `step`."""
        return falling(self.learning_rate, step, self.steps, min(100, self.steps / 10))


class Batch(NamedTuple):
    """Examples: what `FusionNetwork.forward` takes, and what the results are off, in noise levels, shape (B, 1, Y, X)."""

    own: Tensor
    beside: Tensor
    facts: Tensor
    kinds: Tensor
    missing: Tensor


class Examples:
    """What denoisers and fusion make of frames and those beside them, in files.

    Planes are stored as what they differ from the result, in noise levels, float16.

    Parameters
    ----------
    settings : FusionTraining
        How many, of what.
    clips : Clips
        Where they come from.
    folder : Path
        Where the files are kept; those that an earlier run filled are not filled again.
    """

    def __init__(self, settings: FusionTraining, clips: Clips, folder: Path) -> None:
        self.settings, self.clips, self.folder = settings, clips, folder
        count, side = settings.examples, settings.patch
        self._result = kept(folder, "result", (count, side, side), np.float32)
        self._own = kept(folder, "own", (count, OWN, side, side), np.float16)
        self._beside = kept(folder, "beside", (count, 3, OTHERS, side, side), np.float16)
        self._facts = kept(folder, "facts", (count, 2 + 2 * OTHERS), np.float32)
        self._done = folder / "examples.json"

    def fill(self, device: torch.device, told: Callable[[int], None]) -> None:
        """Make the examples that are missing; tell how many there are."""
        first = json.loads(self._done.read_text())["examples"] if self._done.exists() else 0
        for start in range(first, self.settings.examples, ALIKE):
            with torch.no_grad():
                self._make(start, np.random.default_rng((self.settings.seed, 1, start)), device)
            self._done.write_text(json.dumps({"examples": start + ALIKE}))
            told(start + ALIKE)

    def _make(self, start: int, rng: np.random.Generator, device: torch.device) -> None:
        settings = self.settings
        clip = self.clips.draw(FRAMES, settings.patch, rng)
        counted = rng.random() < settings.photons
        level = math.exp(rng.uniform(math.log(settings.least_sigma), math.log(settings.most_sigma)))
        example = (photons if counted else white)(clip, level, rng)
        sigma, which = float(example.levels[0]), int(rng.integers(len(settings.denoisers)))
        function = denoisers.load(settings.denoisers[which])
        noisy, truth = (tensor(each[:, None], device) for each in (example.noisy, example.clean))
        clean = function(noisy, sigma)
        others = rng.permutation([n for n in range(FRAMES) if n != CONTEXT])[: ALIKE - 1]
        for number, place in enumerate((CONTEXT, *map(int, others)), start):
            fused = together(noisy, clean, [sigma] * FRAMES, place)
            result, beside = function(fused.plane, fused.level), fused.beside

            def scaled(planes: Tensor, result: Tensor = result) -> NDArray[Any]:
                return np.asarray(((planes - result) / sigma).clamp(-FURTHEST, FURTHEST)[:, 0].cpu().numpy())

            self._result[number] = result[0, 0].cpu().numpy()
            own = (fused.noisy, fused.clean, fused.plane, truth[place : place + 1])
            for row, each in zip((0, 1, 2, 4), own, strict=True):
                self._own[number, row] = scaled(each)[0]
            self._own[number, 3] = (fused.level[0, 0] / sigma).cpu().numpy()
            self._beside[number, 0], self._beside[number, 1] = scaled(beside.noisy), scaled(beside.clean)
            self._beside[number, 2] = beside.weight[:, 0].cpu().numpy()
            facts = [2 * which + counted, sigma, *beside.distance.tolist(), *(beside.sigma / sigma).tolist()]
            self._facts[number] = facts

    def batch(self, which: NDArray[np.int64], device: torch.device, rng: np.random.Generator | None = None) -> Batch:
        """Return some examples; with random numbers turned, mirrored, and with fewer neighbours now and then."""
        turns, mirrored, top, left, side = 0, False, 0, 0, self.settings.patch
        if rng is not None:
            turns, mirrored, side = int(rng.integers(4)), bool(rng.integers(2)), min(self.settings.crop, side)
            top, left = rng.integers(self.settings.patch - side + 1, size=2)

        def turned(array: NDArray[Any]) -> Tensor:
            array = array[which, ..., top : top + side, left : left + side].astype(np.float32)
            array = np.rot90(array, turns, (-2, -1))
            return tensor(array[..., ::-1] if mirrored else array, device)

        result, own, beside = (turned(each) for each in (self._result, self._own, self._beside))
        facts = tensor(self._facts[which], device)
        sigma = facts[:, 1].view(-1, 1, 1, 1)
        result, beside = result[:, None], beside.transpose(1, 2)
        if rng is not None and rng.random() < FEWER:
            gone = rng.permutation(OTHERS)[: rng.integers(1, OTHERS)]
            beside[:, torch.from_numpy(gone), 2] = -1
        noisy, clean, plane = (result + sigma * own[:, n : n + 1] for n in range(3))
        level = sigma * own[:, 3:4]
        seen = shown(noisy, clean, plane, level, result, sigma).contiguous(memory_format=torch.channels_last)
        each = facts[:, 2:].unflatten(1, (2, OTHERS)).transpose(1, 2)
        return Batch(seen, beside, each, facts[:, 0].long(), own[:, OWN - 1 :])


def relative_error(added: Tensor, missing: Tensor) -> Tensor:
    """Return the squared error of every example over that of the result as it was, shape (B,)."""
    inner = (..., slice(RIM, -RIM), slice(RIM, -RIM))
    before, after = (each[inner].square().mean((1, 2, 3)) for each in (missing, missing - added))
    return (after + LITTLE) / (before + LITTLE)


def train_fusion(
    settings: FusionTraining, clips: Clips, folder: Path, device: torch.device, told: Callable[[str, int, float], None]
) -> FusionNetwork:
    """Train a network that mends fused planes, or go on from the files in `folder`.

    Parameters
    ----------
    settings : FusionTraining
        Denoisers, noise, length.
    clips : Clips
        What is learnt from.
    folder : Path
        Where examples, ``checkpoint.pt`` and ``log.jsonl`` are kept.
    device : torch.device
        Where to train.
    told : callable
        Is told what is being done, how many examples or steps are done, and the loss.

    Returns
    -------
    FusionNetwork
        With averaged weights.

    Raises
    ------
    ValueError
        If the folder is of other settings, or there is nothing to train on.
    """
    begin(settings, folder)
    examples = Examples(settings, clips, folder)
    examples.fill(device, lambda done: told("denoise", done, 0.0))

    def error(network: FusionNetwork, batch: Batch) -> Tensor:
        with in_fastest_precision(device):
            added = network(batch.own, batch.beside, batch.facts, batch.kinds)
        return relative_error(added, batch.missing)

    def loss_at(network: FusionNetwork, step: int, rng: np.random.Generator) -> Tensor:
        return error(
            network, examples.batch(rng.integers(settings.held, settings.examples, size=settings.batch), device, rng)
        ).mean()

    def tested(network: FusionNetwork) -> dict[str, float]:
        with torch.no_grad():
            ratios = [float(error(network, examples.batch(np.array([n]), device))[0]) for n in range(settings.held)]
        return {"gain": float(np.mean(-10 * np.log10(ratios)))} if ratios else {}

    def make() -> FusionNetwork:
        return FusionNetwork(settings.denoisers, settings.width, settings.widths)

    return rehearse(make, loss_at, settings, folder, device, lambda step, loss: told("learn", step, loss), tested)
