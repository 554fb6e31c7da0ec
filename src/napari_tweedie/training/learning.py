"""Learning from the images at hand, with no clean one needed: a network that is kept only where it is better."""

from __future__ import annotations

import copy
import hashlib
import math
import pickle
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.device import fastest_precision
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Model, Parameter
from napari_tweedie.core.registry import chosen_from
from napari_tweedie.denoisers.stepwise import in_steps
from napari_tweedie.training import objectives
from napari_tweedie.training.held_out import errors, gain
from napari_tweedie.training.objectives import Auto, Objective
from napari_tweedie.training.tiles import CHECKED, Example, Tile, cut, draw, fingerprint, told

if TYPE_CHECKING:
    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.denoisers.network import Network

CHECKS = 10
"""How often, over all steps, the network is compared with the best one before."""
SAVE_SECONDS = 30.0
"""Seconds between two checkpoints."""
ENOUGH = 0.999
"""Ratio that the error on held-out pixels must fall by to count as lower."""
SAVED = ("step", "gain", "held_out", "lowest", "idle", "before")
"""What a checkpoint holds besides weights and momenta."""


class Learning(Model):
    """Everything that determines what is learnt, besides the images."""

    objective: Annotated[Objective, *chosen_from(objectives.registry.build)] = Parameter(
        Auto(), "What is minimised; auto: what suits the noise that is measured."
    )
    start: Literal["unet", "unet-small", "lidia", "csc", "fresh"] = Parameter(
        "unet", "Where to start: bundled weights, or fresh, a small network that knows nothing yet."
    )
    weights: Path = Parameter(Path(), "Weights to start from, .safetensors of this plugin; empty: those of start.", advanced=True)
    steps: int = Parameter(400, "Most optimiser steps.", ge=1, le=1_000_000)
    batch: int = Parameter(4, "Patches per step.", ge=1, le=256, advanced=True)
    patch: int = Parameter(64, "Patch size.", unit="px", ge=16, le=512, multiple_of=16, advanced=True)
    learning_rate: float | None = Parameter(
        None, "Peak learning rate of Adam, which falls as a cosine; auto: 1e-4, and 2e-3 for a fresh network.", gt=0, le=0.1,
        advanced=True,
    )  # fmt: skip
    patience: int = Parameter(
        4,
        "Stop early after so many comparisons, of ten, without a lower error on the pixels held out; 0: never.",
        ge=0,
        le=10,
        advanced=True,
    )
    seed: int = Parameter(0, "Seed of patches, probes and fresh weights.", ge=0, le=2**31, advanced=True)

    def rate(self, step: int) -> float:
        """Learning rate at `step`."""
        peak = self.learning_rate or (2e-3 if self.is_fresh else 1e-4)
        return peak * min(1.0, (step + 1) / 10) * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    @property
    def is_fresh(self) -> bool:
        """Whether it starts from nothing."""
        return self.start == "fresh" and self.weights == Path()


@dataclass(frozen=True)
class Learnt:
    """How far learning is, and the best network so far: usable whenever the caller stops.

    Attributes
    ----------
    step, total : int
        Steps done and planned; `total` becomes `step` when nothing more is to be gained.
    gain : float
        Gain of `network` over what there was before, in dB of mean squared error, as estimated on pixels held out; 0: none.
    network : Network, optional
        The best network that is better beyond doubt; None: there is none yet.
    current : Network
        The network as it is now.
    loss, held_out : float
        Of this step, and, as measured last, the estimated squared error on the pixels held out, in noise variances.
    """

    step: int
    total: int
    gain: float
    network: Network | None
    current: Network
    loss: float
    held_out: float


def learn(
    first: Network,
    examples: Iterable[Example],
    settings: Learning,
    before: Callable[[Tile], Denoise] | None = None,
    checkpoint: Path | None = None,
) -> Generator[Learnt, None, None]:
    """Train a network on images by the objective of the settings, and keep it where it is better than before.

    A quarter of the pixels, in blocks, is held out of the loss; a network is kept only if its error there, against a second image
    or by Stein's estimate, is lower by more than twice the standard error of that difference. So an image that is known well
    changes nothing. Every step seeds its own random numbers: a run that goes on from a checkpoint ends as one without a break.

    Parameters
    ----------
    first : Network
        Where to start; it is not changed.
    examples : iterable of Example
        The images. Large ones, and many, are represented by some of their tiles.
    settings : Learning
        Objective, length, patches, learning rate, seed.
    before : callable, optional
        Returns, for a tile, the denoiser that must be improved on; by default `first`.
    checkpoint : Path, optional
        A file to go on from, where it holds the same settings and images, and to write every half a minute and when the caller
        stops; at the end it is deleted.

    Yields
    ------
    Learnt
        After every step.

    Raises
    ------
    ValueError
        If a noise level is not above 0, an image is too small, or the objective needs a second image and there is none.
    """
    tiles = cut(examples, np.random.default_rng(settings.seed))
    if settings.objective.needs_partner and any(tile.partner is None for tile in tiles):
        raise ValueError(
            f"{settings.objective.name} needs a second image of the same scene: give targets, or an axis of repeats, frames or "
            "planes of at least two"
        )
    run = _Run(first, tiles, settings, before or (lambda tile: told(first, tile.example.correlation, torch.float32)))
    run.restore(checkpoint)
    saved = time.monotonic()
    try:
        while run.step < run.total:
            cancellation_point()
            yield run.advance()
            if checkpoint is not None and time.monotonic() - saved > SAVE_SECONDS:
                run.save(checkpoint)
                saved = time.monotonic()
    finally:
        if checkpoint is not None:
            if run.step < run.total:
                run.save(checkpoint)
            else:
                checkpoint.unlink(missing_ok=True)


class _Run:
    """The state of learning between two steps."""

    def __init__(self, first: Network, tiles: list[Tile], settings: Learning, before: Callable[[Tile], Denoise]) -> None:
        self.settings, self.tiles, self.checked = settings, tiles, tiles[:CHECKED]
        self.current = copy.deepcopy(first).train().requires_grad_(True)
        self.optimiser = torch.optim.Adam(self.current.parameters(), betas=(0.9, 0.99))
        needs_digits = settings.objective.name == "sure"
        self.precision = torch.float32 if needs_digits else fastest_precision(tiles[0].noisy.device)
        self.step, self.total = 0, settings.steps
        self.before = errors(before, self.checked, settings.seed)
        self.held_out, self.lowest = float(self.before.mean()), math.inf
        self.gain, self.idle = 0.0, 0
        self.best: Network | None = None

    def advance(self) -> Learnt:
        """Do one step, and compare where it is time."""
        settings = self.settings
        rng = np.random.default_rng((settings.seed, self.step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        patches = draw(self.tiles, settings.batch, settings.patch, rng)
        loss = settings.objective.loss(told(self.current, patches.correlation, self.precision), patches, generator)
        self.optimiser.param_groups[0]["lr"] = settings.rate(self.step)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.current.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        if self.step % max(1, settings.steps // CHECKS) == 0 or self.step == self.total:
            self._compare()
        return Learnt(self.step, self.total, self.gain, self.best, self.current, float(loss.detach()), self.held_out)

    def _compare(self) -> None:
        self.current.eval()
        after = errors(self._learnt, self.checked, self.settings.seed)
        self.current.train()
        self.held_out, found = float(after.mean()), gain(self.before, after)
        self.idle = 0 if self.held_out < ENOUGH * self.lowest else self.idle + 1
        self.lowest = min(self.lowest, self.held_out)
        if found > self.gain:
            self.best, self.gain = copy.deepcopy(self.current).eval().requires_grad_(False), found
        if self.settings.patience and self.idle >= self.settings.patience:
            self.total = self.step

    def _learnt(self, tile: Tile) -> Denoise:
        """Return what has been learnt, as it would be called on a tile."""
        network = told(self.current, tile.example.correlation, torch.float32)
        return (lambda x, sigma: in_steps(network, x, sigma, 1)) if self.settings.objective.restores else network

    def save(self, path: Path) -> None:
        """Write all that is needed to go on."""
        from napari_tweedie.training.export import write_checkpoint

        state: dict[str, Any] = {name: getattr(self, name) for name in SAVED}
        state |= {"of": self._key(), "network": self.current.state_dict(), "optimiser": self.optimiser.state_dict()}
        state["best"] = None if self.best is None else self.best.state_dict()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_checkpoint(state, path)

    def restore(self, path: Path | None) -> None:
        """Go on from a checkpoint, if there is one of the same settings and images."""
        if path is None or not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.before.device, weights_only=True)
        except (
            RuntimeError,
            EOFError,
            OSError,
            ValueError,
            KeyError,
            AttributeError,
            pickle.UnpicklingError,
        ):  # cut off, or no checkpoint at all
            return
        if not isinstance(state, dict) or state.get("of") != self._key():
            return
        for name in SAVED:
            setattr(self, name, state[name])
        self.current.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        if state["best"] is not None:
            self.best = copy.deepcopy(self.current).eval().requires_grad_(False)
            self.best.load_state_dict(state["best"])

    def _key(self) -> str:
        """Return a fingerprint of what determines the run."""
        described = f"{self.settings.model_dump_json()}{fingerprint(self.tiles)}"
        return hashlib.sha256(described.encode()).hexdigest()
