"""Calibrate job: how often the intervals of a recipe hold the truth of a clean block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.calibration import LEVELS, calibration, cross_validated, standardised_errors
from napari_tweedie.analysis.noise_level import estimate_stack_noise_level
from napari_tweedie.analysis.risk_control import FACTORS, outside_of
from napari_tweedie.core.results import Output
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.engine.jobs.job import Step, Tools
from napari_tweedie.engine.jobs.sample import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe
    from napari_tweedie.samplers.summary import Running


class Calibrate(Sample):
    """Coverage of the recipe's intervals on a clean image.

    Measurements of it are simulated and sampled, and all pixels together give the factor. What it leads to is told by halves,
    each corrected by the factor of the other: they lie side by side along X, so that neighbours, which err together, are mostly
    in the same one.
    """

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._errors: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
        self._noise_of_truth = 0.0

    def outputs(self) -> list[Output]:
        return []

    def notes(self) -> list[str]:
        notes = []
        if self._noise_of_truth > NEARLY_CLEAN:
            notes.append(
                f"The clean image seems noisy itself, by {100 * self._noise_of_truth:.0f} % of the stated standard deviation: "
                "the factor is too large. Choose a cleaner one, an average of more frames for instance."
            )
        if isinstance(self.recipe.noise, Poisson):
            notes.append("Photon noise was simulated as Gaussian noise of its mean level: the coverage is that of such noise.")
        return notes

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        sampler = self.recipe.sampler
        if not sampler.draws_from_posterior or sampler.samples < 2:
            raise ValueError(f"{sampler.title} with {sampler.samples} samples states no interval that could be calibrated")
        truth = tools.tensor(self.intensity(index).forward(self.blocks.samples(index)))
        degradation = self.blocks.degradation(index)
        level = self.blocks.channel(index).level
        if level == 0:
            raise ValueError("without noise there is nothing that intervals could hold: give a noise level above 0")
        generator = self._generator(index)
        whole = degradation.extend(truth)
        noise = Gaussian(sigma=level)
        problem = Problem(noise.add(degradation(whole), generator), degradation, noise)
        yield from self.draw(index, problem, tools)
        self._compare(degradation.crop(whole))
        self._look_for_noise(truth)

    def report(self) -> dict[str, Any]:
        """Return also what was found: stated and measured coverage, factor, what it leads to, and the risk of every block."""
        return {**super().report(), "read": self._found()}

    def _estimates(self, index: Index, stack: Tensor, running: Running) -> dict[str, Tensor]:
        self._summary = running.summary()
        return {}

    def _compare(self, truth: Tensor) -> None:
        middle = truth.shape[-1] // 2
        for errors, half in zip(self._errors, (slice(None, middle), slice(middle, None)), strict=True):
            parts = (tensor[..., half] for tensor in (truth, self._summary.mean, self._summary.std))
            errors.append(standardised_errors(*parts))

    def _look_for_noise(self, truth: Tensor) -> None:
        planes, stated = truth.reshape(-1, *truth.shape[-2:]).cpu().numpy(), float(self._summary.std.median())
        if stated > 0:
            self._noise_of_truth = max(self._noise_of_truth, estimate_stack_noise_level(planes) / stated)

    def _found(self) -> dict[str, Any]:
        level = self.recipe.interval.level
        widths = {nominal: self._summary.width(nominal) for nominal in (*LEVELS, level)}
        images = [np.concatenate(halves) for halves in zip(*self._errors, strict=True)]
        found = calibration(images, widths, level)
        held = cross_validated([np.concatenate(errors) for errors in self._errors], level)
        outside = {"factors": list(FACTORS), "outside": [outside_of(scores, widths[level]).tolist() for scores in images]}
        return {
            **found.model_dump(mode="json"),
            **outside,
            "coverage_corrected": float(held.mean()),
            "coverage_of_halves": held.tolist(),
        }


NEARLY_CLEAN = 0.3
"""Noise of a clean image, as a share of the stated standard deviation, from which on it is told: a tenth of the variance."""
