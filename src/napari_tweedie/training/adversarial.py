"""Learning to sample: a network whose results differ by its own noise, are taken for targets, and have the regression as mean."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.network import denoise
from napari_tweedie.denoisers.sampling_network import drawn, sampling
from napari_tweedie.denoisers.stepwise import told_level
from napari_tweedie.training import critic as critics
from napari_tweedie.training.held_out import cells, gain
from napari_tweedie.training.run import CHECKS, Learnt, Run
from napari_tweedie.training.tiles import CHECKED, draw

if TYPE_CHECKING:
    from torch import Tensor
    from torch import dtype as DType

    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.denoisers.network import Network
    from napari_tweedie.denoisers.unet import UNet
    from napari_tweedie.training.learning import Learning
    from napari_tweedie.training.objectives.adversarial import PSCGAN
    from napari_tweedie.training.tiles import Tile

RATE, WARM, CRITIC = 3e-4, 50, 2.0
"""Peak learning rate of the samples, steps until it is reached, and how many times as fast the critic learns."""
COMPARED = 4
"""Samples of every tile on which networks are compared."""
LEAST = 1e-6
"""Least squared error, in noise variances, that is divided by."""
APART = 4
"""Every so many images one is held out as a whole."""
MOST_LOST = 0.3
"""Most, in dB, that the mean of many samples may lose against the regression."""


class AdversarialRun(Run):
    """First the regression is learnt, as by any objective; then its network gets noise, and a critic.

    What is kept is the latest network, if the score of its samples on pixels held out (the continuous ranked probability score:
    the mean error of samples, less half their mean distance) is lower than the mean error of the regression beyond doubt, and if
    the mean of its samples loses no more than `MOST_LOST`.
    """

    settings: Any

    def __init__(self, first: Network, tiles: list[Tile], settings: Learning, before: Callable[[Tile], Denoise]) -> None:
        learnt, held_out = parted(tiles)
        super().__init__(first, [*held_out, *learnt], settings, before)
        if held_out:
            self.tiles, self.checked = learnt, held_out[:CHECKED]

    @property
    def _objective(self) -> PSCGAN:
        objective: PSCGAN = self.settings.objective
        return objective

    @property
    def _first(self) -> int:
        """How many steps the regression is learnt."""
        return max(1, round(self._objective.regression * self.settings.steps))

    def advance(self) -> Learnt:
        if self.step < self._first:
            state = super().advance()
            if self.step == self._first:
                self._begin()
            return state
        return self._adversarial_step()

    def _begin(self) -> None:
        """Give the network noise, and a critic."""
        self.total, self.best, self.gain = self.settings.steps, None, 0.0
        self.mean: UNet = copy.deepcopy(self.current)  # type: ignore[assignment]
        self.moving = sampling(self.mean, torch.Generator().manual_seed(self.settings.seed)).train().requires_grad_(True)
        self.current = copy.deepcopy(self.moving).eval().requires_grad_(False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            self.critic = critics.Critic().to(self.before.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.Adam(self.moving.parameters(), betas=(0.0, 0.99))
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), betas=(0.0, 0.99))
        absolute, squared, in_bands = [], [], []
        for tile in self.checked:
            assert tile.partner is not None
            error = (self._regression(tile.noisy, _level(tile)) - tile.partner) / tile.example.sigma
            absolute.append(cells(error.abs(), tile))
            squared.append(cells(error.square(), tile))
            in_bands.append(critics.bands(error).square().mean((0, 2, 3)))
        self.errors = torch.stack(in_bands).mean(0).sqrt().clamp_min(LEAST)
        self.before = torch.cat(absolute)
        self.held_out = self.squared = max(float(torch.cat(squared).mean()), LEAST)

    def _regression(self, noisy: Tensor, level: Tensor, precision: DType | None = None) -> Tensor:
        with torch.no_grad():
            return denoise(self.mean, noisy, level, precision or torch.float32)

    def _adversarial_step(self) -> Learnt:
        settings = self.settings
        rng = np.random.default_rng((settings.seed, self.step))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        patches = draw(self.tiles, settings.patches, settings.patch, rng)
        assert patches.partner is not None
        sampler: Any = self.moving
        level, count = told_level(patches.sigma), len(patches.noisy)
        mean = self._regression(patches.noisy, level, self.precision)
        noise = torch.randn((2 * count, len(self.mean.widths), *mean.shape[2:]), generator=generator).to(mean)
        pairs = drawn(sampler, patches.noisy.repeat(2, 1, 1, 1), level.repeat(2), noise, self.precision).split(count)
        real, *fakes = (
            critics.seen(x, patches.noisy, mean, patches.level, self.errors, patches.counts) for x in (patches.partner, *pairs)
        )
        rate = self._rate()
        penalised = self.step % critics.EVERY == 0
        _move(
            self.critic_optimiser, CRITIC * rate,
            critics.critic_loss(self.critic, real, fakes[0].detach(), penalised, self.precision),
        )  # fmt: skip
        self.critic.requires_grad_(False)
        # of two samples the product of the errors has the square of their mean's as its own mean: no spread is penalised
        moment = patches.mean((pairs[0] - patches.partner) * (pairs[1] - patches.partner))
        loss = critics.adversarial_loss(self.critic, real, fakes, self.precision)
        _move(self.optimiser, rate, loss + self._objective.penalty * moment / self.squared)
        self.critic.requires_grad_(True)
        self.step += 1
        self._average(self.step - self._first)
        if self.step % max(1, settings.steps // CHECKS) == 0 or self.step == self.total:
            self._compare()
        return Learnt(self.step, self.total, self.gain, self.best, self.current, float(moment.detach()), self.held_out)

    def _rate(self) -> float:
        """Learning rate of this step: constant for half of them, then falling evenly."""
        done = (self.step - self._first) / max(1, self.settings.steps - self._first)
        warm = min(1.0, (self.step - self._first + 1) / WARM)
        return (self.settings.learning_rate or RATE) * warm * min(1.0, 2.04 - 2 * done)

    def _compare(self) -> None:
        if self.step <= self._first:
            super()._compare()
            self.best = None  # it does not sample yet
            return
        scores, squares = [], []
        generator = torch.Generator().manual_seed(self.settings.seed + 1)
        for tile in self.checked:
            assert tile.partner is not None
            samples = samples_of(self.current, tile.noisy, _level(tile), COMPARED, generator)
            score, square = scored(samples, tile.partner, tile.example.sigma)
            scores.append(cells(score, tile))
            squares.append(cells(square, tile))
        self.held_out = float(torch.cat(squares).mean())
        found, lost = gain(self.before, torch.cat(scores)), 10 * math.log10(max(self.held_out, LEAST) / self.squared)
        if found > 0 and lost <= MOST_LOST:
            self.best, self.gain = copy.deepcopy(self.current), found

    def state(self) -> dict[str, Any]:
        state = super().state()
        if self.step >= self._first:
            parts = ("mean", "critic", "critic_optimiser")
            state |= {name: getattr(self, name).state_dict() for name in parts} | {"squared": self.squared}
        return state

    def take(self, state: dict[str, Any]) -> None:
        if state["step"] >= self._first:
            self.current.load_state_dict(state["mean"])
            self._begin()
            for name in ("critic", "critic_optimiser"):
                getattr(self, name).load_state_dict(state[name])
        super().take(state)


def parted(tiles: list[Tile]) -> tuple[list[Tile], list[Tile]]:
    """Return tiles to learn from, and others that are held out: all of every fourth image where there are so many.

    How far samples must spread is to hold for other images. Of fewer, a part of every tile is held out: no tile is returned.
    """
    images = {id(tile.example): None for tile in tiles}
    apart = set(list(images)[::APART]) if len(images) >= APART else set()
    learnt, held_out = [], []
    for tile in tiles:
        if id(tile.example) in apart:
            held_out.append(replace(tile, held_out=torch.ones_like(tile.held_out)))
        else:
            learnt.append(replace(tile, held_out=torch.zeros_like(tile.held_out)) if apart else tile)
    return learnt, held_out


def samples_of(network: Network, noisy: Tensor, level: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return samples (count, 1, Y, X) of an image (1, 1, Y, X)."""
    made: Any = network
    with torch.no_grad():
        noise = (torch.randn((1, len(network.widths), *noisy.shape[2:]), generator=generator).to(noisy) for _ in range(count))
        return torch.cat([drawn(made, noisy, level, one, torch.float32) for one in noise])


def scored(samples: Tensor, truth: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return of every pixel the continuous ranked probability score, in noise levels, and the squared error of the mean.

    The latter in noise variances, of the mean of infinitely many samples: the mean of the products of the errors of two.
    """
    errors, count = (samples - truth) / sigma, len(samples)
    apart = (samples[:, None] - samples[None]).abs().sum((0, 1)) / (count * (count - 1)) / sigma
    products = (errors.sum(0).square() - errors.square().sum(0)) / (count * (count - 1))
    return (errors.abs().mean(0) - apart / 2)[None], products[None]


def _level(tile: Tile) -> Tensor:
    return told_level(tile.noisy.new_tensor([tile.example.sigma]))


def _move(optimiser: torch.optim.Optimizer, rate: float, loss: Tensor) -> None:
    optimiser.param_groups[0]["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], 1.0)
    optimiser.step()
