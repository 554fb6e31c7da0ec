"""Unrolled half-quadratic splitting: a few turns whose steps, and whose network, were trained for a degradation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers.network import WEIGHTS, denoise, load_network, weights_hash
from napari_tweedie.denoisers.schedule import schedule_of, unrolled
from napari_tweedie.denoisers.tiling import Tiled
from napari_tweedie.solvers.solver import Solver, State

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

TILE, HALO = 512, 56
"""Pixels of a tile that the network gets at once, and around it."""
AND = "+"
"""What stands between the hashes of the files that are bundled for a kind of degradation: a measurement tells which it needs."""
WAY_OUT = "choose a file of `napari-tweedie unroll`, or hqs"


class Unrolled(Solver):
    """A few turns of half-quadratic splitting, trained end to end for one degradation: steps, strengths and a network of its own.

    It needs a fraction of the calls of `hqs`, and knows what its degradation does to images. For another degradation, or much
    other noise than it was trained with, choose `hqs`. Bundled are those for Gaussian blur, and for undersampled rows,
    columns and diameters of a Fourier transform; ``napari-tweedie unroll`` trains others.

    Notes
    -----
    After Aggarwal, Mani, Jacob, "MoDL", 2019, and Zhang, Van Gool, Timofte, "Deep unfolding network for image super-resolution"
    (USRNet), 2020: one network for all turns.
    """

    name: ClassVar[str] = "unrolled"
    title: ClassVar[str] = "Unrolled, trained"
    uses_denoiser: ClassVar[bool] = False

    path: Path = Parameter(
        Path(),
        "What was trained for this degradation, .safetensors of `napari-tweedie unroll`; empty: bundled, for Gaussian blur and "
        "undersampled rows, columns and diameters of a Fourier transform.",
    )
    sha256: str | None = Parameter(
        None, "Hash of its content, or hashes of several with + between them: others are refused.", advanced=True
    )

    def steps(self) -> int:
        known = [schedule_of(path) for path in self._candidates() if not self._wrong(path)]
        return max((len(schedule.shares) for schedule in known), default=1)

    def obstacle_in(self, degradation: Degradation) -> str:
        needed = self._needed(degradation)
        path = self._file(degradation)
        if path is None:
            changed = self.sha256 and not self._candidates()
            missing = "what is bundled has another content than the recipe says" if changed else "nothing is bundled for it"
            return f"{needed}, and {missing}: {WAY_OUT}"
        if wrong := self._wrong(path):
            return f"{needed}, and {wrong}: {WAY_OUT}"
        schedule = schedule_of(path)
        if schedule.degradation != degradation.name:
            return f"{needed}, and {path.name} is for {schedule.degradation!r}: {WAY_OUT}"
        return self._untrained(degradation, path)

    def _untrained(self, degradation: Degradation, path: Path) -> str:
        """Return what a file was not trained for, though for this kind of degradation; empty: it was."""
        needed, schedule = f"{self._needed(degradation)}, and {path.name} was trained for", schedule_of(path)
        for name, (low, high) in schedule.ranges.items():
            if not low <= (value := degradation.actual(name)) <= high:
                return f"{needed} {name} from {low:g} to {high:g} (got {value:.3g}): {WAY_OUT}"
        for name, kind in schedule.choices.items():
            if (value := degradation.actual(name)) != kind:
                return f"{needed} {name} {kind!r} (got {value!r}): {WAY_OUT}"
        return ""

    def _needed(self, degradation: Degradation) -> str:
        return f"{self.name} needs what was trained for {degradation.name!r}"

    def obstacle(self, problem: Problem) -> str:
        if problem.measurement.ndim != 4:
            return f"{self.name} needs planes, not a volume of {problem.degradation.name!r}: choose another solver, such as hqs"
        if found := super().obstacle(problem):
            return found
        path = self._file(problem.degradation)
        if path is None:
            return ""
        is_plain = problem.degradation.name == schedule_of(path).degradation
        if is_plain and (found := self._untrained(problem.degradation, path)):  # of what a measurement has told
            return found
        if problem.noise_level > (most := schedule_of(path).most_sigma):
            trained = f"{path.name} was trained for noise of up to {100 * most:.2g} % of the range"
            return f"{trained} (got {100 * problem.noise_level:.2g} %): choose hqs"
        return ""

    def pinned(self, degradation: Degradation) -> Self:
        files = self._files(degradation)
        if not files or any(self._wrong(path) for path in files):
            return self
        return self.model_copy(update={"sha256": AND.join(map(weights_hash, files))})

    def __call__(self, problem: Problem, denoiser: Denoise, generator: Generator | None = None) -> Iterator[State]:
        return super(Unrolled, self.pinned(problem.degradation)).__call__(problem, denoiser, generator)

    def estimates(self, problem: Problem, denoiser: Denoise, generator: Generator) -> Iterator[Tensor]:
        path = self._file(problem.degradation) or self._candidates()[0]  # of one that wraps what the recipe says
        schedule, network = schedule_of(path), load_network(path, problem.measurement.device)
        is_turned = problem.degradation.is_turned

        def tile(x: Tensor, sigma: float | Tensor) -> Tensor:
            clean = denoise(network, x.mT if is_turned else x, sigma, torch.float32)
            return clean.mT if is_turned else clean

        tiled = Tiled(tile, TILE, HALO)
        yield from unrolled(problem, problem.prox, tiled, schedule.turns(problem))

    def _file(self, degradation: Degradation) -> Path | None:
        """Return the file for a degradation: the user's, or of those bundled for its kind one that was trained for it."""
        found = self._files(degradation)
        if len(found) < 2:
            return found[0] if found else None
        return min(found, key=lambda path: bool(self._wrong(path) or self._untrained(degradation, path)), default=None)

    def _files(self, degradation: Degradation) -> list[Path]:
        """Return the files for the kind of a degradation: the user's, or those bundled."""
        if self.path != Path():
            return [self.path]
        first = f"{self.name}-{degradation.name}"
        return [path for path in self._candidates() if path.stem == first or path.stem.startswith(f"{first}-")]

    def _candidates(self) -> list[Path]:
        """Return the files that may be meant: the user's, or those bundled, of which hashes leave some."""
        if self.path != Path():
            return [self.path]
        bundled = sorted(WEIGHTS.glob(f"{self.name}-*.safetensors"))
        return [path for path in bundled if self._is_meant(path)]

    def _is_meant(self, path: Path) -> bool:
        return self.sha256 is None or weights_hash(path) in self.sha256.split(AND)

    def _wrong(self, path: Path) -> str:
        """Return what is wrong with a file, as the end of a sentence; empty: nothing."""
        if not path.is_file():
            return f"there is no file {path}"
        if not self._is_meant(path):
            return f"{path} has another content than the recipe says"
        try:
            schedule_of(path)
        except ValueError as error:
            return str(error)
        return ""
