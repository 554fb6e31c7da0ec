"""Training of unrolled solvers: from clean images, on measurements that are simulated by the degradation itself."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from napari_tweedie import degradations
from napari_tweedie.core.device import fastest_precision
from napari_tweedie.core.registry import chosen_from
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.file import of_safetensors
from napari_tweedie.denoisers.network import Network, denoise, weights_file
from napari_tweedie.denoisers.schedule import NOISE, Schedule, Turn, places, schedule_of, unrolled
from napari_tweedie.training.data import Source, draw_batch
from napari_tweedie.training.export import write_checkpoint
from napari_tweedie.training.rates import falling

log = logging.getLogger(__name__)

EARLIER = 0.03
"""Weight of the error after every turn but the last, next to that after the last."""
NO_ERROR = 1e-6
"""Mean squared error below which no more is to be gained: 60 dB."""
SAVE_SECONDS = 30.0
"""Seconds between two checkpoints."""
FASTER = 20.0
"""How many times the learning rate of the network the few numbers of the schedule learn at."""


class Unrolling(BaseModel):
    """Everything that determines the training of an unrolled solver, besides the images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    degradation: Annotated[Degradation, *chosen_from(degradations.registry.build)] = Field(
        description="What happens to the images."
    )
    ranges: dict[str, tuple[float, float]] = Field(
        {},
        description="Least and largest value of parameters of the degradation that differ from image to image, such as "
        '{"std": [0.8, 3]}, drawn evenly in logarithm, whole numbers evenly.',
    )
    choices: tuple[str, ...] = Field(
        (), description='Choices of the degradation that it is to be refused without, such as ["pattern"]; numbers: see ranges.'
    )
    mixed: dict[str, tuple[str, ...]] = Field(
        {}, description='Choices that differ from image to image, such as {"pattern": ["random", "radial"]}.'
    )
    turns: int = Field(4, ge=1, le=50, description="Turns of data step and network.")
    least_sigma: float = Field(1 / 255, gt=0, le=1, description="Least noise level of a measurement of images in [0, 1].")
    most_sigma: float = Field(10 / 255, gt=0, le=1, description="Largest one; levels are drawn evenly in logarithm.")
    start: str = Field(
        "unet-small",
        description="Bundled weights to start from: unet, unet-small, lidia, or those of an unrolled solver, with its schedule.",
    )
    steps: int = Field(400, ge=1, description="Optimiser steps.")
    batch: int = Field(2, ge=1, description="Images per step.")
    patch: int = Field(96, ge=32, multiple_of=8, description="Height and width of an image.")
    learning_rate: float = Field(2e-4, gt=0, description="Peak rate of Adam for the network; it falls as a cosine.")
    seed: int = Field(0, ge=0, description="Seed of images and noise.")

    @model_validator(mode="after")
    def _fits(self) -> Unrolling:
        if self.least_sigma > self.most_sigma:
            raise ValueError(f"least_sigma is at most most_sigma (got {self.least_sigma} and {self.most_sigma})")
        if not self.degradation.is_linear:
            raise ValueError(f"{self.degradation.name!r} is not linear in the image: unrolled solvers are for those that are")
        for name, (low, high) in self.ranges.items():
            if type(dict(self.degradation).get(name)) not in (int, float):
                raise ValueError(f"ranges are of numbers of {self.degradation.name!r}, such as its seed (got {name!r})")
            if low > high:
                raise ValueError(f"the range of {name} begins at or below its end (got {low:g} and {high:g})")
            for end in (low, high):
                self._with({name: end})
        for name in (*self.choices, *self.mixed):
            if not isinstance(dict(self.degradation).get(name), str):
                raise ValueError(f"choices are of {self.degradation.name!r}, such as its pattern (got {name!r})")
        for name, kinds in self.mixed.items():
            if not kinds:
                raise ValueError(f"mixed names at least one value of {name}")
            if len({self._with({name: kind}).actual(name) for kind in kinds}) > 1 and name in self.choices:
                raise ValueError(f"what differs from image to image is refused nowhere: take {name} out of choices, or of mixed")
        return self

    def drawn(self, rng: np.random.Generator) -> Degradation:
        """Return the degradation of a step."""
        chosen: dict[str, Any] = {name: self._value(name, rng) for name in self.ranges}
        return self._with(chosen | {name: kinds[int(rng.integers(len(kinds)))] for name, kinds in self.mixed.items()})

    def _value(self, name: str, rng: np.random.Generator) -> float:
        low, high = self.ranges[name]
        if isinstance(getattr(self.degradation, name), int):
            return int(rng.integers(int(low), int(high) + 1))
        return math.exp(rng.uniform(math.log(low), math.log(high))) if low > 0 else float(rng.uniform(low, high))

    def _with(self, values: Mapping[str, Any]) -> Degradation:
        """Return the degradation with other values; whole numbers stay whole."""
        whole = {
            name: int(value) if isinstance(getattr(self.degradation, name), int) else value for name, value in values.items()
        }
        return type(self.degradation)(**{**dict(self.degradation), **whole}) if whole else self.degradation

    def continuous(self) -> dict[str, tuple[float, float]]:
        """Return the ranges of numbers that are not whole."""
        return {name: ends for name, ends in self.ranges.items() if isinstance(getattr(self.degradation, name), float)}

    def rate(self, step: int) -> float:
        """Learning rate at `step`."""
        return falling(self.learning_rate, step, self.steps, 10)


class UnrolledNetwork(nn.Module):
    """The network and the schedule of an unrolled solver, while they learn; at first they are half-quadratic splitting."""

    def __init__(self, network: Network, settings: Unrolling) -> None:
        super().__init__()
        self.network, self.settings = network, settings
        turns = settings.turns
        self.names = [NOISE] if settings.least_sigma < settings.most_sigma else []
        self.names += [name for name, (low, high) in settings.continuous().items() if 0 < low < high]
        self.shares = nn.Parameter(torch.linspace(0, 1, turns) if turns > 1 else torch.ones(1))
        self.weights = nn.Parameter(torch.full((turns,), math.log(0.23)))
        self.momenta = nn.Parameter(torch.zeros(turns))
        self.slopes = nn.Parameter(torch.zeros(len(self.names), 2, turns))

    def numbers(self) -> list[nn.Parameter]:
        """Return what is learnt besides the network."""
        return [self.shares, self.weights, self.momenta, self.slopes]

    def take(self, schedule: Schedule) -> None:
        """Begin with a schedule that was learnt before.

        Raises
        ------
        ValueError
            If it has other turns.
        """
        if len(schedule.shares) != len(self.shares):
            raise ValueError(f"there are {len(self.shares)} turns, and the start has {len(schedule.shares)}: give as many")
        with torch.no_grad():
            self.shares.copy_(torch.tensor(schedule.shares))
            self.weights.copy_(torch.tensor(schedule.weights).log())
            if schedule.momenta:
                self.momenta.copy_(torch.tensor(schedule.momenta))
            for slopes, name in zip(self.slopes, self.names, strict=True):
                if name in schedule.slopes:
                    slopes.copy_(torch.tensor(schedule.slopes[name]))

    def forward(self, problem: Problem, precision: torch.dtype) -> list[Tensor]:
        """Return the estimates after all turns."""

        def network(x: Tensor, sigma: float | Tensor) -> Tensor:
            level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))
            return denoise(self.network, x, level, precision)

        def prox(z: Tensor, rho: Tensor) -> Tensor:
            made: Tensor = DataStep.apply(z, rho, problem)
            return made

        shares, logarithms = self.shares, self.weights
        ends = (self.settings.least_sigma, self.settings.most_sigma)
        found = places(problem, self.names, self.settings.ranges, ends)
        for name, slopes in zip(self.names, self.slopes, strict=True):
            shares, logarithms = shares + found[name] * slopes[0], logarithms + found[name] * slopes[1]
        turns = [Turn(*numbers) for numbers in zip(shares, logarithms.exp(), self.momenta, strict=True)]
        return list(unrolled(problem, prox, network, turns))

    def schedule(self) -> Schedule:
        """Return what was learnt besides the network, and what it was learnt for."""
        settings = self.settings
        return Schedule(
            settings.degradation.name,
            tuple(self.shares.tolist()),
            tuple(self.weights.exp().tolist()),
            settings.continuous(),
            settings.most_sigma,
            settings.least_sigma,
            tuple(self.momenta.tolist()),
            {name: (tuple(one), tuple(other)) for name, (one, other) in zip(self.names, self.slopes.tolist(), strict=True)},
            {name: str(settings.drawn(np.random.default_rng(0)).actual(name)) for name in settings.choices},
        )


class DataStep(torch.autograd.Function):
    """``x = argmin ½‖A x − y‖² + ½ρ‖x − z‖²`` of a linear A, with derivatives by the same step, however it is computed.

    ``x = (AᵀA + ρ)⁻¹ (Aᵀy + ρ z)``, so that the derivative by z is h, the step of a gradient g without a measurement, and that
    by ρ is ``⟨h, z − x⟩ / ρ``.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, rho: Tensor, problem: Problem) -> Tensor:
        x = problem.prox(z.detach(), float(rho))
        ctx.save_for_backward(z, rho, x)
        ctx.problem = problem
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        z, rho, x = ctx.saved_tensors
        problem = ctx.problem
        h = problem.degradation.prox(gradient, torch.zeros_like(problem.measurement), float(rho))
        return h, ((h * (z - x)).sum() / rho).reshape(rho.shape), None


def train_unrolled(
    settings: Unrolling, sources: Sequence[Source], folder: Path, device: torch.device, told: Callable[[int, float], None] = print
) -> tuple[Network, Schedule]:
    """Train an unrolled solver on patches of `sources`, or go on from the checkpoint in `folder`.

    Every step seeds its own random numbers: a run that was cut off goes on as if it had not been.

    Parameters
    ----------
    settings : Unrolling
        Degradation, noise, turns, length.
    sources : sequence of Source
        Where clean patches come from.
    folder : Path
        Where ``checkpoint.pt`` and ``log.jsonl`` are kept.
    device : torch.device
        Where to train.
    told : callable
        Is told the step and the loss, every tenth step.

    Returns
    -------
    tuple
        The network and the schedule.

    Raises
    ------
    ValueError
        If the checkpoint is of other settings, or there is nothing to train on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = copy.deepcopy(of_safetensors(weights_file(settings.start), torch.device("cpu"))).requires_grad_(True).train()
    model = UnrolledNetwork(network, settings).to(device)
    if settings.start.startswith("unrolled-"):
        model.take(schedule_of(weights_file(settings.start)))
    parts = [{"params": list(network.parameters())}, {"params": model.numbers()}]
    optimiser = torch.optim.Adam(parts, betas=(0.9, 0.99))
    described, checkpoint, first = settings.model_dump_json(), folder / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        if state["settings"] != described:
            raise ValueError(f"{folder} holds a training with other settings: give another folder, or these settings")
        model.load_state_dict(state["unrolled"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["step"]
    losses: list[float] = []
    precision, saved = fastest_precision(device), time.monotonic()
    for step in range(first, settings.steps):
        clean, problem = example(settings, sources, step, device)
        *earlier, last = (problem.degradation.crop(estimate) for estimate in model(problem, precision))
        loss = logarithmic_error(last, clean) + EARLIER * sum(logarithmic_error(estimate, clean) for estimate in earlier)
        for group, factor in zip(optimiser.param_groups, (1.0, FASTER), strict=True):
            group["lr"] = factor * settings.rate(step)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(float(loss.detach()))
        if (step + 1) % 10 == 0 or step + 1 == settings.steps:
            told(step + 1, float(np.mean(losses)))
            with (folder / "log.jsonl").open("a") as lines:
                lines.write(json.dumps({"step": step + 1, "loss": round(float(np.mean(losses)), 6)}) + "\n")
            losses.clear()
        if time.monotonic() - saved > SAVE_SECONDS or step + 1 == settings.steps:
            weights = {"unrolled": model.state_dict(), "optimiser": optimiser.state_dict()}
            write_checkpoint({"settings": described, "step": step + 1, **weights}, checkpoint)
            saved = time.monotonic()
    return network.eval().requires_grad_(False), model.schedule()


def logarithmic_error(estimate: Tensor, clean: Tensor) -> Tensor:
    """Return the mean over images of the logarithm of their mean squared error: every image counts alike, however hard it is."""
    return ((estimate - clean).square().flatten(1).mean(1) + NO_ERROR).log().mean()


def example(settings: Unrolling, sources: Sequence[Source], step: int, device: torch.device) -> tuple[Tensor, Problem]:
    """Return the clean images of a step, as far as they are seen, and a measurement of them."""
    rng = np.random.default_rng((settings.seed, step))
    clean = torch.from_numpy(draw_batch(sources, settings.batch, settings.patch, rng)).to(device)
    low, high = math.log(settings.least_sigma), math.log(settings.most_sigma)
    sigma = math.exp(rng.uniform(low, high))
    degradation = settings.drawn(rng)
    with torch.no_grad():
        measured = degradation(clean)
        noise = torch.from_numpy(rng.standard_normal(tuple(measured.shape)).astype(np.float32)).to(device)
        seen = degradation.observed(measured)
        problem = Problem(measured + sigma * noise * seen, degradation, Gaussian(sigma=sigma))
    return degradation.crop(clean), problem
