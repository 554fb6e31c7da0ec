"""How often do the intervals of a recipe hold the truth of a clean block?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from napari_tweedie.analysis.calibration import LEVELS, calibration, standardised_errors
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.jobs.job import Step, Tools
from napari_tweedie.jobs.sample import Sample
from napari_tweedie.outputs import Output
from napari_tweedie.problem import Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe import Recipe
    from napari_tweedie.samplers.summary import Running


class Calibrate(Sample):
    """Coverage of the recipe's intervals on a clean image.

    Measurements of it are simulated and sampled; one half of the pixels gives a factor, the other checks it.

    The halves lie side by side along X, so that neighbours, which err together, are mostly in the same one.
    """

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._errors: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])

    def outputs(self) -> list[Output]:
        return []

    def notes(self) -> list[str]:
        if not isinstance(self.recipe.noise, Poisson):
            return []
        return ["Photon noise was simulated as Gaussian noise of its mean level: the coverage is that of such noise."]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        sampler = self.recipe.sampler
        if not sampler.is_honest or sampler.samples < 2:
            raise ValueError(f"{sampler.title} with {sampler.samples} samples states no interval that could be calibrated")
        truth = tools.tensor(self.intensity(index).forward(self.blocks.samples(index)))
        degradation = self.blocks.degradation(index)
        level = self.blocks.channel(index).level
        generator = self._generator(index)
        whole = degradation.extend(truth)
        noise = Gaussian(sigma=level)
        problem = Problem(noise.add(degradation(whole), generator), degradation, noise)
        yield from self.draw(index, problem, tools)
        self._compare(degradation.crop(whole))

    def report(self) -> dict[str, Any]:
        """Return also what was found: stated and measured coverage, the factor, and the coverage that it leads to."""
        return {**super().report(), "read": self._found()}

    def _estimates(self, index: Index, stack: Tensor, running: Running) -> dict[str, Tensor]:
        self._summary = running.summary()
        return {}

    def _compare(self, truth: Tensor) -> None:
        middle = truth.shape[-1] // 2
        for errors, half in zip(self._errors, (slice(None, middle), slice(middle, None)), strict=True):
            parts = (tensor[..., half] for tensor in (truth, self._summary.mean, self._summary.std))
            errors.append(standardised_errors(*parts))

    def _found(self) -> dict[str, Any]:
        level = self.recipe.interval.level
        widths = {nominal: self._summary.width(nominal) for nominal in (*LEVELS, level)}
        first, second = self._errors
        stated, fitted = calibration([*first, *second], widths, level), calibration(first, widths, level)
        wider = {nominal: fitted.factor * width for nominal, width in widths.items()}
        checked = calibration(second, wider, level, fitted.factor)
        return {**stated.model_dump(mode="json"), "factor": fitted.factor, "coverage_corrected": checked.coverage}
