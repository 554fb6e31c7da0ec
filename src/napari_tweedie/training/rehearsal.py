"""Loop that trains a small network on examples which are made once and kept in files: it goes over them many times."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor, nn

from napari_tweedie.core.device import fastest_precision
from napari_tweedie.training.export import write_checkpoint
from napari_tweedie.training.loop import gone_on

SAVE_SECONDS = 30.0
"""Seconds between two checkpoints."""
EVERY = 50
"""Steps between two lines of the log."""

Small = TypeVar("Small", bound=nn.Module)


class Schedule(Protocol):
    """What the loop must know of the settings."""

    @property
    def steps(self) -> int:
        """Optimiser steps."""

    @property
    def average(self) -> float:
        """Decay of the exponential average of the weights."""

    @property
    def seed(self) -> int:
        """Seed of everything."""

    def rate(self, step: int) -> float:
        """Learning rate at a step."""


def begin(settings: BaseModel, folder: Path) -> None:
    """Make the folder of a training, or find that it is of these settings.

    Raises
    ------
    ValueError
        If the folder is of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described, stored = settings.model_dump_json(), folder / "begun.json"
    if stored.exists() and stored.read_text() != described:
        raise ValueError(f"{folder} holds a training with other settings: give another folder, or these settings")
    stored.write_text(described)


def kept(folder: Path, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray[Any, Any]:
    """Return an array in a file, as an earlier run left it, or empty."""
    path = folder / f"{name}.npy"
    if path.exists():
        return np.lib.format.open_memmap(path, "r+")
    return np.lib.format.open_memmap(path, "w+", dtype, shape)


def rehearse(
    make: Callable[[], Small],
    loss_at: Callable[[Small, int, np.random.Generator], Tensor],
    settings: Schedule,
    folder: Path,
    device: torch.device,
    told: Callable[[int, float], None],
    tested: Callable[[Small], dict[str, float]] = lambda network: {},
) -> Small:
    """Train a network, or go on from the checkpoint in `folder`.

    Every step seeds its own random numbers: a run that was cut off goes on as if it had not been.

    Parameters
    ----------
    make : callable
        Returns a network of random weights.
    loss_at : callable
        Returns the loss of a network at a step, of which it is given the random numbers.
    settings : Schedule
        Length, rate, seed.
    folder : Path
        Where ``checkpoint.pt`` and ``log.jsonl`` are kept.
    device : torch.device
        Where to train.
    told : callable
        Is told how many steps are done, and the loss.
    tested : callable
        Returns figures of the averaged network for the log.

    Returns
    -------
    Module
        With averaged weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network, averaged = (make() for _ in range(2))
    averaged.load_state_dict(network.state_dict())
    for each in (network, averaged):
        each.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(network.parameters(), betas=(0.9, 0.99))
    parts: dict[str, Any] = {"network": network, "averaged": averaged, "optimiser": optimiser}
    checkpoint = folder / "checkpoint.pt"
    first = gone_on(checkpoint, device, parts)
    saved, losses = time.monotonic(), []
    for step in range(first, settings.steps):
        loss = loss_at(network, step, np.random.default_rng((settings.seed, 2, step)))
        optimiser.param_groups[0]["lr"] = settings.rate(step)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            decay = min(settings.average, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - decay)
        losses.append(float(loss.detach()))
        last = step + 1 == settings.steps
        if (step + 1) % EVERY == 0 or last:
            told(step + 1, float(np.mean(losses)))
            figures = {"loss": float(np.mean(losses)), **tested(averaged)}
            with (folder / "log.jsonl").open("a") as lines:
                lines.write(json.dumps({"step": step + 1, **{name: round(each, 5) for name, each in figures.items()}}) + "\n")
            losses.clear()
        if time.monotonic() - saved > SAVE_SECONDS or last:
            write_checkpoint({"step": step + 1, **{name: part.state_dict() for name, part in parts.items()}}, checkpoint)
            saved = time.monotonic()
    return averaged.eval().requires_grad_(False)


def in_fastest_precision(device: torch.device) -> torch.autocast:
    """Return a context in which networks compute as fast as the device can."""
    precision = fastest_precision(device)
    return torch.autocast(device.type, dtype=precision, enabled=precision is not torch.float32)


def tensor(array: np.ndarray[Any, Any], device: torch.device) -> Tensor:
    """Return an array on a device, in single precision."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)
