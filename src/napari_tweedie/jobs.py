"""What does each kind of job compute on one block of an image?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.images.intensity import Intensity
from napari_tweedie.lazy import torch
from napari_tweedie.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from torch import device as Device

    from napari_tweedie.blocks import Blocks
    from napari_tweedie.denoisers import Denoiser
    from napari_tweedie.denoisers.pieces import Tiled, Volume
    from napari_tweedie.images.axes import Index
    from napari_tweedie.recipe import Recipe


@dataclass(frozen=True)
class Output:
    """One image that a job returns.

    Parameters
    ----------
    name : str
        Its name among the results.
    kind : str
        An "image" in grey levels; a "difference" of images, around zero; or a "spread", a standard deviation.
    count : int
        How many images of that name lie along a new first axis; 0 for one image without such an axis.
    """

    name: str
    kind: Literal["image", "difference", "spread"] = "image"
    count: int = 0


@dataclass(frozen=True)
class Step:
    """Where a job stands on a block.

    Parameters
    ----------
    share : float
        Part of the work on the block that is done, from 0 to 1.
    estimates : dict of str to Tensor
        Every output so far, by name, shape (samples, components or count, [Z,] Y, X), in the block's normalised units.
    facts : dict of str to float
        What is known of the estimate, in the same units; as in `Progress`.
    note : str
        What the user should know, in one sentence; empty when all went well.
    """

    share: float
    estimates: Mapping[str, Tensor]
    facts: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Tools:
    """What the engine lends a job: the device, and denoisers that work in pieces that its memory holds."""

    device: Device
    pieces_of: Callable[[Denoiser], Tiled | Volume]

    def tensor(self, block: NDArray[Any]) -> Tensor:
        """Return a block as a float32 tensor on the device."""
        return torch.from_numpy(block.astype(np.float32)).to(self.device)


class Job:
    """One kind of job on the blocks of an image. Subclasses say what they return and compute it."""

    uses_noise_level: ClassVar[bool] = True
    """Whether the job needs the noise level and the range of the image."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        self.recipe = recipe
        self.blocks = blocks

    def outputs(self) -> list[Output]:
        """Return what the job returns, the most important first."""
        raise TypeError(f"{type(self).__name__} returns nothing")

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        """Work on one block."""
        raise TypeError(f"{type(self).__name__} does nothing")

    def uses_denoiser(self) -> bool:
        """Return whether the denoiser is called."""
        return True

    def stage(self, share: float) -> str:
        """Say what is being done on a block once `share` of it is."""
        return ""

    def report(self) -> dict[str, Any]:
        """Return what is known at the end, for the provenance: "data_residuals", in grey levels, a channel each."""
        return {"data_residuals": []}

    def intensity(self, index: Index) -> Intensity:
        """Return the map between grey levels and the units of the estimates."""
        return self.blocks.channel(index).intensity if self.uses_noise_level else Intensity()


class Denoise(Job):
    """f(y, σ)."""

    def outputs(self) -> list[Output]:
        return [Output("denoised")]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        channel = self.blocks.channel(index)
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        for share, estimate in tools.pieces_of(self.recipe.denoiser).pieces(x, channel.sigma / channel.intensity.scale):
            yield Step(share, {"denoised": estimate})


class Restore(Job):
    """Solve y = A x + noise for (x − offset) / scale, whose measurement is (y − offset A 1) / scale."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._residuals: dict[Index, float] = {}
        self._trace: dict[str, list[float]] = {}

    def outputs(self) -> list[Output]:
        return [Output(self.recipe.solver.name)]

    def uses_denoiser(self) -> bool:
        return self.recipe.solver.uses_denoiser

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        problem = self.problem(index, tools)
        scale, level = self.intensity(index).scale, problem.noise_level
        generator = torch.Generator().manual_seed(self.recipe.seed)
        for state in self.recipe.solver(problem, tools.pieces_of(self.recipe.denoiser), generator):
            facts = {"iteration": state.iteration, "residual": state.residual, "noise_level": level, "change": state.change}
            self._residuals[index] = state.residual * scale
            if state.iteration == 1:
                self._trace = {"residual": [], "change": []}
            self._trace["residual"].append(float(f"{state.residual * scale:.6g}"))
            self._trace["change"].append(float(f"{state.change:.6g}"))
            estimate = problem.degradation.crop(state.estimate)
            yield Step(state.iteration / state.total, {self.recipe.solver.name: estimate}, facts, state.note)

    def stage(self, share: float) -> str:
        steps = self.recipe.solver.steps()
        return f"iteration {round(share * steps)} of {steps}"

    def report(self) -> dict[str, Any]:
        """Return also the "convergence" on the last block: "residual", in grey levels, and "change" of every iteration."""
        squares: dict[int, list[float]] = {}
        for index, residual in self._residuals.items():
            squares.setdefault(self.blocks.layout.channel(index), []).append(residual**2)
        residuals = [float(np.sqrt(np.mean(squares[number]))) for number in sorted(squares)]
        return {"data_residuals": residuals, "convergence": self._trace}

    def problem(self, index: Index, tools: Tools) -> Problem:
        """Return what is to be solved on a block, in normalised units."""
        channel = self.blocks.channel(index)
        intensity = channel.intensity
        degradation = self.blocks.degradation(index)
        y = tools.tensor(self.blocks.samples(index))
        flat = degradation(torch.ones((1, 1, *degradation.domain(tuple(y.shape[2:]))), device=tools.device))
        y = torch.where(degradation.observed(y), (y - intensity.offset * flat) / intensity.scale, 0.0)
        return Problem(y, degradation, Gaussian(sigma=channel.sigma / intensity.scale))


class Degrade(Job):
    """A x + noise."""

    uses_noise_level: ClassVar[bool] = False

    def outputs(self) -> list[Output]:
        return [Output("degraded")]

    def uses_denoiser(self) -> bool:
        return False

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        degradation = self.blocks.degradation(index)
        seed = np.random.SeedSequence((self.recipe.seed, *index)).generate_state(1)
        x = degradation.extend(tools.tensor(self.blocks.samples(index)))
        generator = torch.Generator().manual_seed(int(seed[0]))
        yield Step(1.0, {"degraded": self.recipe.noise.add(degradation(x), generator)})


class Decompose(Job):
    """x = base + Σ bands."""

    def __init__(self, recipe: Recipe, blocks: Blocks) -> None:
        super().__init__(recipe, blocks)
        self._error = 0.0

    def outputs(self) -> list[Output]:
        levels = self.recipe.decomposition.levels
        return [Output("base"), *(Output(f"band {number}", "difference") for number in range(1, levels + 1))]

    def steps(self, index: Index, tools: Tools) -> Iterator[Step]:
        channel = self.blocks.channel(index)
        decomposition = self.recipe.decomposition
        x = tools.tensor(channel.intensity.forward(self.blocks.samples(index)))
        denoisers = [tools.pieces_of(denoiser) for denoiser in decomposition.denoisers_for(self.recipe.denoiser)]
        for state in decomposition(x, denoisers, channel.sigma / channel.intensity.scale):
            bands = {f"band {number}": band for number, band in enumerate(state.bands, start=1)}
            self._error = max(self._error, state.error)
            yield Step(state.level / state.total, {"base": state.base, **bands})

    def report(self) -> dict[str, Any]:
        """Return also the largest "reconstruction_error", as a share of the image's range."""
        return {**super().report(), "reconstruction_error": self._error}

    def stage(self, share: float) -> str:
        levels = self.recipe.decomposition.levels
        return f"band {round(share * levels)} of {levels}"


JOBS: dict[str, Callable[[Recipe, Blocks], Job]] = {
    "denoise": Denoise,
    "restore": Restore,
    "degrade": Degrade,
    "decompose": Decompose,
}
"""The jobs by their names in recipes."""
