"""Restore job: a block restored from a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.engine.jobs.job import Job, Step, Tools

if TYPE_CHECKING:
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe


class Restore(Job):
    """Solve y = A x + noise for (x − offset) / scale, whose measurement is (y − offset A 1) / scale."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._residuals: dict[Index, float] = {}
        self._trace: dict[str, list[float]] = {}

    def outputs(self) -> list[Output]:
        return [Output(self.recipe.solver.name)]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        problem = self.problem(index, tools)
        scale, level = self.intensity(index).scale, problem.noise_level
        generator = torch.Generator().manual_seed(self.recipe.seed)
        for state in self.recipe.solver(problem, tools.tiled(self.denoiser(index)), generator):
            facts = {"iteration": state.iteration, "residual": state.residual, "noise_level": level, "change": state.change}
            if state.objective is not None:
                facts["objective"] = state.objective
            self._residuals[index] = state.residual * scale
            if state.iteration == 1:
                self._trace = {name: [] for name in ("residual", "change", "objective") if name in facts}
            for name, values in self._trace.items():
                values.append(float(f"{facts[name] * (scale if name == 'residual' else 1):.6g}"))
            estimate = problem.degradation.crop(state.estimate)
            yield Step(state.iteration / state.total, {self.recipe.solver.name: estimate}, facts, state.note)

    def stage(self, share: float) -> str:
        steps = self.recipe.solver.steps()
        return f"iteration {round(share * steps)} of {steps}"

    def report(self) -> dict[str, Any]:
        """Return also the "convergence" on the last block, a value an iteration.

        "residual" is in grey levels, "change" relative, and "objective", where the solver has one, that of the normalised image.
        """
        squares: dict[int, list[float]] = {}
        for index, residual in self._residuals.items():
            squares.setdefault(self.blocks.layout.channel(index), []).append(residual**2)
        residuals = [float(np.sqrt(np.mean(squares[number]))) for number in sorted(squares)]
        return {"data_residuals": residuals, "convergence": self._trace}

    def problem(self, index: Index, tools: Tools) -> Problem:
        """Return what is to be solved on a block, in normalised units."""
        channel = self.blocks.channel(index)
        intensity = channel.intensity
        y = tools.tensor(self.blocks.samples(index))
        degradation, y = self.blocks.degradation(index).in_units(y, intensity.offset, intensity.scale)
        return Problem(y, degradation, Gaussian(sigma=channel.level))
