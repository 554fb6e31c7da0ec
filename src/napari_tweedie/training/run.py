"""Run of learning, step by step: the network as it is, the best one so far, and all that is needed to go on later."""

from __future__ import annotations

import copy
import hashlib
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.device import fastest_precision
from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.stepwise import in_steps
from napari_tweedie.training.held_out import DOUBT, errors, gain
from napari_tweedie.training.tiles import CHECKED, Tile, draw, fingerprint, told

if TYPE_CHECKING:
    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.denoisers.network import Network
    from napari_tweedie.training.learning import Learning

CHECKS = 10
"""How often, over all steps, the network is compared with the best one before."""
AVERAGE = 0.99
"""Decay of the exponential average of the weights: what is compared, shown and kept."""
ENOUGH = 0.999
"""Ratio that the error on held-out pixels must fall by to count as lower."""
SAVED = ("step", "gain", "held_out", "lowest", "idle", "before")
"""What a checkpoint holds besides weights and momenta."""


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
        The network as it is now, its weights averaged over the last steps.
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


class Run:
    """The state of learning between two steps."""

    def __init__(self, first: Network, tiles: list[Tile], settings: Learning, before: Callable[[Tile], Denoise]) -> None:
        from napari_tweedie.training.optimiser import Optimiser

        self.settings, self.tiles, self.checked = settings, tiles, tiles[:CHECKED]
        self.moving = copy.deepcopy(first).train().requires_grad_(True)
        self.current = copy.deepcopy(first).eval().requires_grad_(False)
        self.optimiser: Any = Optimiser(self.moving, orthogonal=settings.is_fresh)
        needs_digits = settings.objective.name == "sure"
        self.precision = torch.float32 if needs_digits else fastest_precision(tiles[0].noisy.device)
        self.step, self.total = 0, settings.steps
        self.before = errors(before, self.checked, settings.seed, first.jumps)
        self.doubt = 0.0 if all(tile.partner is not None for tile in self.checked) else DOUBT
        self.held_out, self.lowest = float(self.before.mean()), math.inf
        self.gain, self.idle = 0.0, 0
        self.best: Network | None = None

    def advance(self) -> Learnt:
        """Do one step, and compare where it is time."""
        settings = self.settings
        rng = np.random.default_rng((settings.seed, self.step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        patches = draw(self.tiles, settings.patches, settings.patch, rng)
        loss = settings.objective.loss(told(self.moving, patches.correlation, self.precision), patches, generator)
        self.moving.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.moving.parameters(), 1.0)
        self.optimiser.step(settings.rate(self.step))
        self.step += 1
        self._average(self.step)
        if self.step % max(1, settings.steps // CHECKS) == 0 or self.step == self.total:
            self._compare()
        return Learnt(self.step, self.total, self.gain, self.best, self.current, float(loss.detach()), self.held_out)

    def _average(self, done: int) -> None:
        """Move the averaged weights towards those that learn, of which there were `done` steps."""
        decay = min(AVERAGE, (1 + done) / (10 + done))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.current.parameters()), list(self.moving.parameters()), 1 - decay)

    def _compare(self) -> None:
        after = errors(self._learnt, self.checked, self.settings.seed, self.current.jumps)
        self.held_out, found = float(after.mean()), gain(self.before, after, self.doubt)
        self.idle = 0 if self.held_out < ENOUGH * self.lowest else self.idle + 1
        self.lowest = min(self.lowest, self.held_out)
        if found > self.gain:
            self.best, self.gain = copy.deepcopy(self.current), found
        if self.settings.patience and self.idle >= self.settings.patience:
            self.total = self.step

    def _learnt(self, tile: Tile) -> Denoise:
        """Return what has been learnt, as it would be called on a tile."""
        network = told(self.current, tile.example.correlation, torch.float32)
        return (lambda x, sigma: in_steps(network, x, sigma, 1)) if self.settings.objective.restores else network

    def state(self) -> dict[str, Any]:
        """Return all that is needed to go on."""
        state: dict[str, Any] = {name: getattr(self, name) for name in SAVED}
        parts = {"network": self.current, "moving": self.moving, "optimiser": self.optimiser}
        state |= {"of": self._key(), **{name: part.state_dict() for name, part in parts.items()}}
        return state | {"best": None if self.best is None else self.best.state_dict()}

    def take(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in SAVED:
            setattr(self, name, state[name])
        self.current.load_state_dict(state["network"])
        self.moving.load_state_dict(state["moving"])
        self.optimiser.load_state_dict(state["optimiser"])
        if state["best"] is not None:
            self.best = copy.deepcopy(self.current)
            self.best.load_state_dict(state["best"])

    def save(self, path: Path) -> None:
        """Write all that is needed to go on."""
        from napari_tweedie.training.export import write_checkpoint

        path.parent.mkdir(parents=True, exist_ok=True)
        write_checkpoint(self.state(), path)

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
        if isinstance(state, dict) and state.get("of") == self._key():
            self.take(state)

    def _key(self) -> str:
        """Return a fingerprint of what determines the run."""
        described = f"{self.settings.model_dump_json()}{fingerprint(self.tiles)}"
        return hashlib.sha256(described.encode()).hexdigest()
