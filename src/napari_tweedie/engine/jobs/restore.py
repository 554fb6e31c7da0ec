"""Restore job: a block restored from a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output
from napari_tweedie.degradations.noise import Gaussian, Poisson, Rician, Speckle
from napari_tweedie.degradations.problem import NOISE_FLOOR, Problem
from napari_tweedie.degradations.weighted import Weighted
from napari_tweedie.degradations.whitened import Whitened
from napari_tweedie.engine.jobs.doubted_blur import Doubt, doubt
from napari_tweedie.engine.jobs.job import Job, Step, Tools
from napari_tweedie.engine.jobs.misfit import Misfit, neighbour_correlation
from napari_tweedie.images.intensity import Intensity
from napari_tweedie.images.rician import Magnitude
from napari_tweedie.images.stabilisation import Stabilised

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations import Degradation
    from napari_tweedie.engine.blocks import Blocks
    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe.recipe import Recipe
    from napari_tweedie.samplers import Sampler
    from napari_tweedie.solvers import Solver

FAINT = 0.01
"""Noise level, in ranges of the image, up to which it is no matter that the noise is weaker."""
WHITENED = "Neighbouring pixels share noise: the data count by its power spectrum."
AROUND = 2.5
"""Standard deviation, in pixels, of the window whose mean tells how strong noise is that follows the signal."""
WEIGHTED = "The noise is not equally strong everywhere: every pixel counts by its own."
TAKEN_FOR_WHITE = (
    "Neighbouring pixels share noise, which was taken for white noise of the level that is left at twice the pixel size; hqs, "
    "where noise is Gaussian and no pixel missing, or denoising first, treats it by its power spectrum."
)


class Restore(Job):
    """Solve y = A x + noise for (x − offset) / scale, whose measurement is (y − offset A 1) / scale."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._residuals: dict[Index, float] = {}
        self._trace: dict[str, list[float]] = {}
        self._misfits: list[Misfit] = []
        self._doubt: Doubt | None = None
        self._told: dict[str, None] = {}

    def outputs(self) -> list[Output]:
        return [Output(self.recipe.degradation.undone), *self.phase()]

    def phase(self) -> list[Output]:
        """Return the phase, in radians, where the degradation says that it is wanted."""
        return [Output("phase", "spread", power=0)] if self.recipe.degradation.returns_phase else []

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
            if state.iteration == state.total:
                self._judge(problem, state.estimate, state.residual)
                self._doubt_blur(problem, state.estimate, index, tools)
            estimates = {self.recipe.degradation.undone: problem.degradation.shown(estimate)}
            estimates |= {output.name: problem.degradation.phase_of(estimate) for output in self.phase()}
            yield Step(state.iteration / state.total, estimates, facts, state.note)

    def _judge(self, problem: Problem, estimate: Tensor, residual: float, least: float = 0.0) -> None:
        """Keep how far the residual of an estimate is from the noise, if it is at least `least` times as large."""
        level = problem.noise_level
        ratio = residual / max(level, NOISE_FLOOR)
        # noise that is hardly seen does no harm where it is weaker still
        if problem.degradation.is_linear and ratio > least and (level >= FAINT or ratio > 1):
            self._misfits.append(Misfit(ratio, neighbour_correlation(problem.residual(estimate))))

    def _doubt_blur(self, problem: Problem, estimate: Tensor, index: Index, tools: Tools) -> None:
        """Look for signs that the blur is wrong, until there are some; noise that is not even would look like them."""
        channel = self.blocks.channel(index)
        if self._doubt is not None or self.blocks.colour or channel.correlation is not None or channel.places:
            return

        def solve(other: Problem) -> Tensor:
            generator = torch.Generator().manual_seed(self.recipe.seed)
            estimate = other.start()
            for state in self.recipe.solver(other, tools.tiled(self.denoiser(index)), generator):
                cancellation_point()
                estimate = state.estimate
            return estimate

        self._doubt = doubt(problem, estimate, self.recipe.solver.name, solve)

    def notes(self) -> list[str]:
        """Say what is likely wrong where the residual is far from what the noise leaves, or the blur from what was measured."""
        furthest = max(self._misfits, key=lambda misfit: abs(np.log(max(misfit.ratio, 1e-6))), default=None)
        note = "" if furthest is None else furthest.note(self.recipe.degradation)
        note = note if self._doubt is None else self._doubt.note()
        return [*self._told, *([note] if note else [])]

    def stage(self, share: float) -> str:
        steps = self.recipe.solver.steps()
        return f"iteration {round(share * steps)} of {steps}"

    def report(self) -> dict[str, Any]:
        """Return also the "convergence" on the last block, a value an iteration, and "fitting_width", if the blur has another.

        "residual" is in grey levels, "change" relative, and "objective", where the solver has one, that of the normalised image.
        """
        squares: dict[int, list[float]] = {}
        for index, residual in self._residuals.items():
            squares.setdefault(self.blocks.layout.channel(index), []).append(residual**2)
        residuals = [float(np.sqrt(np.mean(squares[number]))) for number in sorted(squares)]
        doubted = {} if self._doubt is None or self._doubt.width is None else {"fitting_width": round(self._doubt.width, 3)}
        return {"data_residuals": residuals, "convergence": self._trace, **doubted}

    def problem(self, index: Index, tools: Tools) -> Problem:
        """Return what is to be solved on a block, in normalised units."""
        channel, intensity = self.blocks.channel(index), self.intensity(index)
        y, degradation, noise = tools.tensor(self.blocks.samples(index)), self.blocks.degradation(index), channel.noise
        if self._counts_photons(index):
            assert isinstance(noise, Poisson)
            assert noise.gain is not None
            assert noise.read_noise is not None
            background = noise.offset or 0.0
            degradation, y = degradation.in_units(y - background, 0.0, intensity.scale)
            if channel.correlation is not None:  # as much as averages are left with
                self._told[TAKEN_FOR_WHITE] = None
            as_white = channel.strength * (channel.level / channel.pixel_level if channel.pixel_level else 1.0)
            noise = noise.model_copy(update={"gain": noise.gain * as_white**2, "read_noise": noise.read_noise * as_white})
            y = _evened(degradation, y)
            return Problem(y, degradation, noise.in_units(background, intensity.scale))
        if isinstance(noise, Rician) and not channel.is_stabilised and degradation.is_image:
            y = self._without_bias(index, y, tools)
        degradation, y = degradation.in_units(y, intensity.offset, intensity.scale)
        sigma, dark = channel.level, -intensity.offset / intensity.scale
        if channel.correlation is not None and self._method.whitens and Whitened.suits(degradation, y):
            whitened = Whitened.of(degradation, channel.correlation, y)
            degradation, y, sigma = whitened, whitened.of_measured(y), channel.pixel_level
            self._told[WHITENED] = None
        elif channel.correlation is not None:
            self._told[TAKEN_FOR_WHITE] = None
        weighs = self._method.whitens and degradation.is_image and degradation.is_linear
        if weighs and (relative := self._relative(channel, index, y, tools)) is not None:
            degradation, y = Weighted.of(degradation, 1 / relative), y / relative
            self._told[WEIGHTED] = None
        elif self._method.whitens:
            degradation, y = degradation.with_noise(y, sigma)
        else:
            y = _evened(degradation, y)
        return Problem(y, degradation, Gaussian(sigma=sigma), dark=dark)

    def _relative(self, channel: Channel, index: Index, y: Tensor, tools: Tools) -> Tensor | None:
        """Return how strong the noise of every pixel is next to its level, which the data are weighed by; None: as strong."""
        if channel.places:
            return tools.tensor(channel.places.over(y.shape[-2:])).expand(1, 1, *y.shape[2:])
        if not isinstance(channel.noise, Speckle):
            return None
        around = gaussian_filter(self.blocks.samples(index).astype(np.float64), (0,) * (y.ndim - 2) + (AROUND, AROUND))
        levels = channel.noise_at(around)
        return tools.tensor(np.maximum(levels, 1e-3 * levels.max())) / channel.sigma

    def _without_bias(self, index: Index, y: Tensor, tools: Tools) -> Tensor:
        """Return magnitudes less what their noise adds to the mean of those that are left when it is removed."""
        level = self.blocks.channel(index).sigma
        if not level:
            return y
        planes = y.cpu().numpy()
        magnitude = Magnitude(level)
        map_ = Stabilised.by(magnitude, planes.reshape(-1, *planes.shape[-2:]))
        denoiser = tools.tiled(self.recipe.denoiser.normalised(map_.offset, map_.scale))
        clean = map_.back(denoiser(tools.tensor(map_.forward(planes)), 1 / map_.scale).cpu().numpy()).astype(np.float64)
        return y - torch.from_numpy(magnitude.mean(clean) - clean).to(y)

    @property
    def _method(self) -> Solver | Sampler:
        return self.recipe.solver

    def intensity(self, index: Index) -> Intensity:
        """Return the map between grey levels and the units of the estimates; of counted light, zero is no light."""
        intensity = super().intensity(index)
        if self.blocks.degradation(index).has_phase:
            return Intensity(0.0, intensity.offset + intensity.scale)
        if not self._counts_photons(index):
            return intensity
        noise, degradation = self.blocks.channel(index).noise, self.blocks.degradation(index)
        assert isinstance(noise, Poisson)
        top, background = intensity.offset + intensity.scale, noise.offset or 0.0
        if not degradation.is_image:
            return Intensity(0.0, intensity.scale)
        return Intensity(background, max(top - background, 1e-3 * intensity.scale))

    def _counts_photons(self, index: Index) -> bool:
        """Tell whether the likelihood is that of photons with read noise."""
        channel, recipe = self.blocks.channel(index), self.recipe
        counts = isinstance(channel.noise, Poisson) and self.blocks.degradation(index).is_non_negative
        return counts and recipe.inverts and not channel.is_stabilised and not self.blocks.colour


def _evened(degradation: Degradation, y: Tensor) -> Tensor:
    """Return a measurement without the errors of the detector that it was found to have."""
    numbers = y.cpu().numpy()
    evened = degradation.evened(numbers)
    return y if evened is numbers else torch.from_numpy(evened).to(y)
