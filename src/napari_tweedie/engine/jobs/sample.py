"""Sample job: draws from the posterior of a block, and what they say together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.engine.jobs.job import Step, Tools
from napari_tweedie.engine.jobs.restore import TAKEN_FOR_WHITE, Restore
from napari_tweedie.samplers.summary import Running

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.images.axes import Index
    from napari_tweedie.samplers import Sampler

PIXELS_AT_ONCE = 2**19
"""Samples are drawn together up to so many pixels, so that the first ones are there soon and a stop keeps them."""

FAR = 4.0
"""Residual of samples over the noise level from which on something is wrong: right ones leave 1, those of dps up to about 3."""


class Sample(Restore):
    """Draws from p(x | y) and, where they spread as the posterior does, its mean, standard deviation and interval."""

    def outputs(self) -> list[Output]:
        sampler = self.recipe.sampler
        if not sampler.draws_from_posterior:
            return [Output("diverse samples", count=sampler.samples)]
        if sampler.samples < 2:
            return [Output("samples", count=sampler.samples)]
        level = f"{100 * self.recipe.interval.level:.3g} %"
        summary = [Output("mean"), Output("std", "spread"), Output(f"lower {level}"), Output(f"upper {level}")]
        return [*summary, Output("samples", count=sampler.samples)]

    def stage(self, share: float) -> str:
        samples = self.recipe.sampler.samples
        return f"sample {min(samples, int(share * samples) + 1)} of {samples}"

    def notes(self) -> list[str]:
        recipe, notes = self.recipe, [*super().notes(), *self.recipe.sampler.notes()]
        if len(self.outputs()) == 1:
            return notes
        if recipe.degradation.name != "identity" and recipe.interval.coverage is None:
            notes.append(
                "Undoing more than noise, the standard deviation is the model's word only until it is calibrated on a clean "
                "image."
            )
        return notes

    def report(self) -> dict[str, Any]:
        """Return also, where one is stated, what the "interval" is and how often it was measured to hold the truth."""
        stated = len(self.outputs()) > 1
        return {**super().report(), **({"interval": self.recipe.interval.sentence()} if stated else {})}

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        return self.draw(index, self.problem(index, tools), tools)

    def draw(self, index: Index, problem: Problem, tools: Tools) -> Iterator[Step]:
        """Draw the samples of a problem, a few at a time."""
        sampler, denoiser = self.recipe.sampler, tools.tiled(self.denoiser(index))
        stack, finished, running = torch.zeros(()), 0, Running()
        summarised = len(self.outputs()) > 1
        while finished < sampler.samples:
            batch = range(finished, min(sampler.samples, finished + self._together(problem)))
            drawn = self._drawn(problem, index, batch.start)
            for state in sampler(drawn, denoiser, self._generator(index), numbers=batch):
                share = (finished + len(batch) * state.iteration / state.total) / sampler.samples
                self._residuals[index] = state.residual * self.intensity(index).scale
                draws = drawn.degradation.shown(drawn.degradation.crop(state.estimate))
                if state.iteration < state.total:
                    growing = {"mean": draws[:1]} if summarised and not finished else {}
                    yield Step(share, growing, {"finished": finished, "residual": state.residual})
            self._judge(drawn, state.estimate, state.residual, FAR)
            if finished == 0:
                stack = torch.zeros((sampler.samples, *draws.shape[1:]))
            stack[batch.start : batch.stop] = draws.cpu()
            running.add(draws)
            finished = batch.stop
            facts = {"finished": finished, "residual": state.residual}
            if summarised and finished < 2:  # of one sample there is no spread
                yield Step(finished / sampler.samples, {"mean": draws}, facts, state.note)
                continue
            yield Step(finished / sampler.samples, self._estimates(index, stack, running), facts, state.note, complete=True)

    def _estimates(self, index: Index, stack: Tensor, running: Running) -> dict[str, Tensor]:
        """Return the outputs; samples lie along the second axis, where the engine expects what is stacked."""
        *summary, samples = [output.name for output in self.outputs()]
        estimates = {samples: stack.transpose(0, 1)}
        if summary:
            found = running.summary()
            lower, upper = found.interval(self.recipe.interval.level, self.recipe.interval.factor)
            estimates |= dict(zip(summary, (found.mean, self.spread(index, found.mean, found.std), lower, upper), strict=True))
        return estimates

    def problem(self, index: Index, tools: Tools) -> Problem:
        channel, knows = self.blocks.channel(index), self.recipe.sampler.knows_noise
        if not channel.is_stabilised and not knows:
            return super().problem(index, tools)
        if channel.correlation is not None and not knows:
            self._told[TAKEN_FOR_WHITE] = None
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        return Problem(x, self.blocks.degradation(index), Gaussian(sigma=channel.pixel_level if knows else channel.level))

    @property
    def _method(self) -> Sampler:
        return self.recipe.sampler

    def _generator(self, index: Index) -> Generator:
        """Return the same generator for every batch of a block: a sample's own number tells it from the others."""
        seed = np.random.SeedSequence((self.recipe.seed, *index)).generate_state(1)
        return torch.Generator().manual_seed(int(seed[0]))

    def _drawn(self, problem: Problem, index: Index, number: int) -> Problem:
        """Return the problem as a sample has it: an uncertain degradation is drawn, pairs on both sides of what is stated."""
        if not problem.degradation.is_uncertain:
            return problem
        z = np.random.default_rng((self.recipe.seed, *index, number // 2)).standard_normal() * (1 - 2 * (number % 2))
        return replace(problem, degradation=problem.degradation.drawn(float(z)))

    def _together(self, problem: Problem) -> int:
        """Return how many samples are drawn together: pairs, whose noise is opposite; one, where each has its degradation."""
        if problem.degradation.is_uncertain:
            return 1
        return max(2, PIXELS_AT_ONCE // problem.measurement.numel() // 2 * 2)
