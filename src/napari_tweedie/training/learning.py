"""Learning from the images at hand, with no clean one needed: a network that is kept only where it is better."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Model, Parameter
from napari_tweedie.core.registry import chosen_from
from napari_tweedie.training import objectives
from napari_tweedie.training.objectives import Auto, Objective
from napari_tweedie.training.rates import falling
from napari_tweedie.training.run import Learnt, Run
from napari_tweedie.training.tiles import Example, Tile, cut, told

if TYPE_CHECKING:
    from napari_tweedie.denoisers.denoiser import Denoise
    from napari_tweedie.denoisers.network import Network

SAVE_SECONDS = 30.0
"""Seconds between two checkpoints."""


class Learning(Model):
    """Everything that determines what is learnt, besides the images."""

    objective: Annotated[Objective, *chosen_from(objectives.registry.build)] = Parameter(
        Auto(), "What is minimised; auto: what suits the noise that is measured."
    )
    start: Literal["unet", "unet-small", "lidia", "csc", "deep-ksvd", "fresh"] = Parameter(
        "unet", "Where to start: bundled weights, or fresh, a small network that knows nothing yet."
    )
    weights: Path = Parameter(Path(), "Weights to start from, .safetensors of this plugin; empty: those of start.", advanced=True)
    steps: int = Parameter(400, "Most optimiser steps.", ge=1, le=1_000_000)
    batch: int = Parameter(4, "Patches per step; a fresh network learns from twice as many.", ge=1, le=256, advanced=True)
    patch: int = Parameter(64, "Patch size.", unit="px", ge=16, le=512, multiple_of=16, advanced=True)
    learning_rate: float | None = Parameter(
        None,
        "Peak learning rate, which falls as a cosine; auto: 3e-4 for unet, 1e-3 for smaller networks, 1e-4 with targets, "
        "3e-3 for a fresh network.",
        gt=0,
        le=0.1,
        advanced=True,
    )
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
        return falling(self.learning_rate or self._peak(), step, self.steps, 10)

    def _peak(self) -> float:
        if self.is_fresh:
            return 3e-3
        if self.objective.needs_partner:
            return 1e-4
        return 1e-3 if self.start != "unet" and self.weights == Path() else 3e-4

    @property
    def patches(self) -> int:
        """Patches per step."""
        return 2 * self.batch if self.is_fresh else self.batch

    @property
    def is_fresh(self) -> bool:
        """Whether it starts from nothing."""
        return self.start == "fresh" and self.weights == Path()


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
    kind: type[Run] = Run
    if settings.objective.samples:
        from napari_tweedie.training.adversarial import AdversarialRun

        kind = AdversarialRun
    run = kind(first, tiles, settings, before or (lambda tile: told(first, tile.example.correlation, torch.float32)))
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
