"""Unrolled half-quadratic splitting: a few turns whose steps, and whose network, were trained for a degradation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers.network import denoise, load_network, weights_hash
from napari_tweedie.denoisers.schedule import Schedule, schedule_of, turns
from napari_tweedie.denoisers.tiling import Tiled
from napari_tweedie.solvers.solver import Solver

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

TILE, HALO = 512, 56
"""Pixels of a tile that the network gets at once, and around it."""


class Unrolled(Solver):
    """A few turns of half-quadratic splitting, trained end to end for one degradation: steps, strengths and a network of its own.

    It needs a fraction of the calls of `hqs`, and knows what its degradation does to images. For another degradation, or much
    other noise than it was trained with, choose `hqs`. ``napari-tweedie unroll`` trains one.

    Notes
    -----
    After Aggarwal, Mani, Jacob, "MoDL", 2019, and Zhang, Van Gool, Timofte, "Deep unfolding network for image super-resolution"
    (USRNet), 2020: one network for all turns.
    """

    name: ClassVar[str] = "unrolled"
    title: ClassVar[str] = "Unrolled, trained"
    uses_denoiser: ClassVar[bool] = False

    path: Path = Parameter(Path(), "What was trained for this degradation, .safetensors of `napari-tweedie unroll`.")
    sha256: str | None = Parameter(None, "Hash of its content: another one is refused.", advanced=True)

    def steps(self) -> int:
        return len(self._schedule().shares) if not self._missing() else 1

    def obstacle_in(self, degradation: Degradation) -> str:
        needed = f"{self.name} needs what was trained for {degradation.name!r}"
        way_out = "choose a file of `napari-tweedie unroll`, or hqs"
        if missing := self._missing():
            return f"{needed}, {missing}: {way_out}"
        trained = self._schedule().degradation
        if trained != degradation.name:
            return f"{needed}, and {self.path.name} is for {trained!r}: {way_out}"
        return ""

    def obstacle(self, problem: Problem) -> str:
        if problem.measurement.ndim != 4:
            return f"{self.name} needs planes, not a volume of {problem.degradation.name!r}: choose another solver, such as hqs"
        return super().obstacle(problem)

    def pinned(self) -> Self:
        return self if self._missing() else self.model_copy(update={"sha256": weights_hash(self.path)})

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        schedule, network = self._schedule(), load_network(self.path, problem.measurement.device)

        def tile(x: Tensor, sigma: float | Tensor) -> Tensor:
            return denoise(network, x, sigma, torch.float32)

        tiled = Tiled(tile, TILE, HALO)
        yield from turns(problem, problem.prox, tiled, schedule.shares, schedule.weights)

    def _missing(self) -> str:
        """Return why there is no schedule, as the end of a sentence; empty: there is one."""
        if self.path == Path():
            return "and no file is given"
        if not self.path.is_file():
            return f"and there is no file {self.path}"
        if self.sha256 and weights_hash(self.path) != self.sha256:
            return f"and {self.path} has another content than the recipe says"
        try:
            self._schedule()
        except ValueError as error:
            return f"and {error}"
        return ""

    def _schedule(self) -> Schedule:
        return schedule_of(self.path)
