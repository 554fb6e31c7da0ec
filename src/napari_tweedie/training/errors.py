"""Training of the network of errors: from what bundled denoisers make of clean images to which noise was added.

The denoisers stay as they are. What they make of some thousand patches is computed once and kept on the disk, and the small
network goes over it many times, every patch turned and mirrored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from napari_tweedie import denoisers
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.error_network import KINDS, ErrorNetwork, seen
from napari_tweedie.denoisers.levels import SCALES
from napari_tweedie.images.stabilisation import keep_light
from napari_tweedie.training.data import Source, draw_batch
from napari_tweedie.training.noises import Example, Noise, correlated, photons, uneven, white
from napari_tweedie.training.rates import falling
from napari_tweedie.training.rehearsal import begin, in_fastest_precision, kept, rehearse, tensor

TURNED = [SCALES.index((width, height)) for height, width in SCALES]
"""Where the levels of noise are that is turned by a right angle."""
TOGETHER = 16
"""Patches that are denoised at a time."""
HELD, WIDTH = 0.9, 1.645
"""Share of the errors that an interval of so many standard deviations to both sides is to hold; that of Gaussian errors."""
LITTLE = 1e-12
"""Squared error, in units of the variance of the noise, below which all count alike."""
FURTHEST = 1e3
"""Noise levels beyond which no error is stored."""
LARGEST = 100.0
"""Squared error over variance beyond which a pixel pulls no harder: a few missed features are no reason to doubt all."""


LEARNT = ("unet", "unet-small", "csc", "deep-ksvd", "lidia")
"""Denoisers whose errors the bundled network knows."""


class ErrorTraining(BaseModel):
    """Everything that determines the training of a network of errors, besides the images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    denoisers: tuple[str, ...] = Field(LEARNT, min_length=1, description="Whose errors are learnt.")
    widths: tuple[int, ...] = Field((24, 36, 48), min_length=1, description="Features at each scale, fine to coarse.")
    patches: int = Field(4096, ge=TOGETHER, multiple_of=TOGETHER, description="Patches that are drawn and denoised.")
    patch: int = Field(128, ge=16, description="Height and width of a patch.")
    least_sigma: float = Field(0.003, gt=0, le=1, description="Least noise level of images in [0, 1].")
    most_sigma: float = Field(0.5, gt=0, le=1, description="Largest one; levels are drawn evenly in logarithm.")
    correlated: float = Field(0.25, ge=0, le=1, description="Share of noise that correlates.")
    photons: float = Field(0.35, ge=0, le=1, description="Share of photon noise, stabilised.")
    uneven: float = Field(0.1, ge=0, le=1, description="Share of noise whose level differs from pixel to pixel.")
    steps: int = Field(6000, ge=1, description="Optimiser steps.")
    squares: float = Field(0.7, ge=0, le=1, description="Share of the steps, the first ones, that learn the mean of squares.")
    batch: int = Field(8, ge=1, description="Patches per step.")
    learning_rate: float = Field(2e-3, gt=0, description="Peak rate of Adam; it falls as a cosine.")
    average: float = Field(0.998, ge=0, lt=1, description="Decay of the exponential average of the weights.")
    workers: int = Field(0, ge=0, description="Processes that draw patches ahead; 0: none, where one core does all.")
    seed: int = Field(0, ge=0, description="Seed of patches, noise and weights.")

    def rate(self, step: int) -> float:
        """Learning rate at `step`."""
        return falling(self.learning_rate, step, self.steps, min(100, self.steps / 10))

    def noise(self, rng: np.random.Generator) -> Noise:
        """Draw the kind of noise of a patch."""
        kinds: tuple[Noise, ...] = (correlated, photons, uneven, white)
        shares = np.cumsum((self.correlated, self.photons, self.uneven))
        return kinds[int(np.searchsorted(shares, rng.random(), side="right"))]


Patches: TypeAlias = tuple[list[Example], NDArray[np.float32], NDArray[np.float32]]
"""Examples, their noisy patches and noise levels, shape (N, 1, Y, X)."""


class Errors:
    """Denoised patches, what is left of the noise and of the truth in units of its level, and this level, in files.

    Parameters
    ----------
    settings : ErrorTraining
        How many, of what.
    sources : sequence of Source
        Where clean patches come from.
    folder : Path
        Where the files are kept; those that an earlier run filled are not filled again.
    """

    def __init__(self, settings: ErrorTraining, sources: Sequence[Source], folder: Path) -> None:
        self.settings, self.sources, self.folder = settings, sources, folder
        side, several = settings.patch, len(settings.denoisers)
        count = settings.patches
        self._clean = kept(folder, "denoised", (several, count, side, side), np.float32)
        self._residual, self._error = (
            kept(folder, name, (several, count, side, side), np.float16) for name in ("residual", "error")
        )
        self._level = kept(folder, "level", (count, side, side), np.float16)
        self._shape = kept(folder, "shape", (count, len(SCALES)), np.float32)
        self._kind = kept(folder, "kind", (count,), np.uint8)
        self._done = folder / "patches.json"

    def fill(self, device: torch.device, told: Callable[[int], None]) -> None:
        """Draw and denoise the patches that are missing; tell how many there are."""
        functions = [denoisers.load(name) for name in self.settings.denoisers]
        first = json.loads(self._done.read_text())["patches"] if self._done.exists() else 0
        starts = range(first, self.settings.patches, TOGETHER)
        patches = Drawn(self.settings, self.sources)
        drawn = DataLoader(patches, None, sampler=starts, num_workers=self.settings.workers, collate_fn=lambda each: each)
        for start, some in zip(starts, drawn, strict=True):
            self.store(start, some, functions, device)
            self._done.write_text(json.dumps({"patches": start + TOGETHER}))
            told(start + TOGETHER)

    def store(self, start: int, drawn: Patches, functions: Sequence[Denoiser], device: torch.device) -> None:
        """Denoise patches by all denoisers and keep what became of them, from a number on."""
        examples, noisy, sigma = drawn
        place = slice(start, start + TOGETHER)
        self._level[place], self._kind[place] = sigma[:, 0], [KINDS.index(kind_of(each)) for each in examples]
        self._shape[place] = [each.levels / each.levels[0] for each in examples]
        for number, function in enumerate(functions):
            made = _denoised(function, drawn, device)
            self._clean[number, place] = made[:, 0]
            self._residual[number, place] = np.clip((noisy - made) / sigma, -FURTHEST, FURTHEST)[:, 0]
            for n, example in enumerate(examples):
                error = error_of(example, made[n, 0], sigma[n, 0])
                self._error[number, start + n] = np.clip(error, -FURTHEST, FURTHEST)

    def batch(self, rng: np.random.Generator, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what the network is given of a batch, in three parts, and the squared errors in units of the noise's variance.

        Turned by a right angle, noise has the levels of rows where it had those of columns.
        """
        settings = self.settings
        which = rng.integers(len(settings.denoisers), size=settings.batch)
        patch = rng.integers(settings.patches, size=settings.batch)
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))

        def turned(array: NDArray[Any]) -> Tensor:
            array = np.rot90(array.astype(np.float32), turns, (1, 2))
            return tensor(array[:, None, :, ::-1] if mirrored else array[:, None], device)

        clean, residual, error = (turned(each[which, patch]) for each in (self._clean, self._residual, self._error))
        level = turned(self._level[patch])
        kinds = torch.from_numpy(len(KINDS) * which + self._kind[patch]).to(device)
        shape = tensor(self._shape[patch][:, TURNED if turns % 2 else slice(None)], device)
        return seen(clean + level * residual, clean, level, shape), kinds, shape, error.square()


class Drawn(Dataset[Patches]):
    """The examples from a number on, their noisy patches and levels, shape (N, 1, Y, X)."""

    def __init__(self, settings: ErrorTraining, sources: Sequence[Source]) -> None:
        self.settings, self.sources = settings, sources

    def __getitem__(self, start: int) -> Patches:
        settings, rng = self.settings, np.random.default_rng((self.settings.seed, 1, start))
        patches = draw_batch(self.sources, TOGETHER, settings.patch, rng)
        low, high = math.log(settings.least_sigma), math.log(settings.most_sigma)
        examples = [settings.noise(rng)(patch[0], math.exp(rng.uniform(low, high)), rng) for patch in patches]
        fields = [np.broadcast_to(each.field * each.levels[0], each.clean.shape) for each in examples]
        noisy, sigma = (np.stack(each)[:, None].astype(np.float32) for each in ([one.noisy for one in examples], fields))
        return examples, noisy, sigma.astype(np.float16).astype(np.float32)


def kind_of(example: Example) -> str:
    """Return what noise an example has, one of `KINDS`."""
    if example.correlation is not None:
        return "correlated"
    return "white" if example.counted is None else "counted"


def _denoised(function: Denoiser, drawn: Patches, device: torch.device) -> NDArray[np.float32]:
    """Return denoised patches (N, 1, Y, X).

    Those of one noise level are denoised together, and those of a map of it, for which other weights may be there; where noise
    correlates, each as its noise asks for.
    """
    examples, noisy, sigma = drawn
    made, even = np.empty_like(noisy), np.ptp(sigma, axis=(1, 2, 3)) == 0
    white = np.array([each.correlation is None for each in examples])
    with torch.no_grad():
        for alike in (even & white, ~even):
            if alike.any():
                made[alike] = function(tensor(noisy[alike], device), tensor(sigma[alike], device)).cpu().numpy()
        for n in np.flatnonzero(~white):
            suited = matched(function, examples[n].correlation)
            made[n] = suited(tensor(noisy[n : n + 1], device), float(sigma[n].mean())).cpu().numpy()[0]
    return made


def error_of(example: Example, made: NDArray[Any], sigma: NDArray[Any]) -> NDArray[np.float64]:
    """Return the error of what was made of a noisy patch, in noise levels.

    Of counted light it is that of the result in grey levels, after the way back and with the light that is kept, over the
    grey levels that a noise level is there.
    """
    counted = example.counted
    if counted is None:
        return np.asarray((made - example.clean) / sigma)
    result = keep_light(counted.map.back(made).astype(np.float64), counted.measured)
    return np.asarray((result - counted.light) / counted.map.width(made, float(sigma.mean())))


def negative_log_likelihood(log_variance: Tensor, squared: Tensor) -> Tensor:
    """Return the mean of ``e² / v + log v``, least where v is the mean of e²; beyond all bounds e² counts as its logarithm."""
    ratio = squared * (-log_variance).exp()
    tail = LARGEST * (1 + (ratio / LARGEST).clamp_min(1).log())
    return (torch.where(ratio > LARGEST, tail, ratio) + log_variance).mean()


def quantile_loss(log_variance: Tensor, squared: Tensor) -> Tensor:
    """Return the pinball loss of log |e|, least where a share `HELD` of the errors lies within `WIDTH` standard deviations.

    Rare errors that no one can foresee, such as of a bead that was taken for ground, add to the mean of squares on all of the
    ground; an interval need not be as wide to hold nearly all.
    """
    beyond = 0.5 * (squared.clamp_min(LITTLE).log() - log_variance) - math.log(WIDTH)
    return torch.maximum(HELD * beyond, (HELD - 1) * beyond).mean()


def train_errors(
    settings: ErrorTraining,
    sources: Sequence[Source],
    folder: Path,
    device: torch.device,
    told: Callable[[str, int, float], None],
) -> ErrorNetwork:
    """Train a network of errors, or go on from the files in `folder`.

    Every step seeds its own random numbers: a run that was cut off goes on as if it had not been.

    Parameters
    ----------
    settings : ErrorTraining
        Denoisers, noise, length.
    sources : sequence of Source
        Where clean patches come from.
    folder : Path
        Where denoised patches, ``checkpoint.pt`` and ``log.jsonl`` are kept.
    device : torch.device
        Where to train.
    told : callable
        Is told what is being done, how many patches or steps are done, and the loss.

    Returns
    -------
    ErrorNetwork
        With averaged weights.

    Raises
    ------
    ValueError
        If the folder is of other settings, or there is nothing to train on.
    """
    begin(settings, folder)
    errors = Errors(settings, sources, folder)
    errors.fill(device, lambda done: told("denoise", done, 0.0))

    def loss_at(network: ErrorNetwork, step: int, rng: np.random.Generator) -> Tensor:
        shown, which, shape, squared = errors.batch(rng, device)
        with in_fastest_precision(device):
            found = network(shown.contiguous(memory_format=torch.channels_last), which, shape)
        return (negative_log_likelihood if step < settings.squares * settings.steps else quantile_loss)(found, squared)

    def make() -> ErrorNetwork:
        return ErrorNetwork(settings.denoisers, settings.widths)

    return rehearse(make, loss_at, settings, folder, device, lambda step, loss: told("learn", step, loss))
