"""How does a recipe run on an array? Axes, intensities, tiles, device, seed, cancelling, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie import device as devices
from napari_tweedie.blocks import Blocks
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.denoisers.pieces import Tiled, Volume
from napari_tweedie.images.axes import Index
from napari_tweedie.images.intensity import Intensity
from napari_tweedie.lazy import torch
from napari_tweedie.problem import Problem
from napari_tweedie.results import Cancelled, Preview, Progress, Result

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.recipe import Recipe

__all__ = ["Cancelled", "Preview", "Progress", "Result", "last", "noise_levels", "run"]

PREVIEW_SECONDS = 0.5
SMALLEST_TILE = 128
BYTES_PER_PIXEL = 1500
"""Memory of the largest bundled network per pixel of a tile, in float32, measured."""


def run(
    recipe: Recipe, image: Any, *, cancelled: Callable[[], bool] = lambda: False, **inputs: Any
) -> Generator[Progress | Preview, None, Result]:
    """Run a recipe on an image.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    image : array-like
        A NumPy, dask or zarr array, of at least two axes; it is read block by block and never changed.
    cancelled : callable
        Asked before every tile and iteration; the run raises `Cancelled` once it returns True.
    **inputs
        Arrays that the recipe's methods name, such as ``psf`` or ``mask``.

    Yields
    ------
    Progress or Preview
        After every tile or iteration; previews at most twice a second.

    Returns
    -------
    Result
        Images, zoom, provenance, notes.

    Raises
    ------
    ValueError
        If the image, the axes or an input cannot be used; the message says what to change.
    Cancelled
        If the caller asked to stop.
    MemoryError
        If even small tiles on the CPU do not fit.
    """
    return (yield from _Run(recipe.with_inputs(**inputs), image, cancelled).steps())


def noise_levels(recipe: Recipe, image: Any, **inputs: Any) -> list[float]:
    """Return the noise level of every channel that `run` would work with, in grey levels.

    Parameters and errors are those of `run`; an image without missing pixels is measured without torch.
    """
    blocks = Blocks(image, recipe.with_inputs(**inputs))
    for index in blocks.layout:
        blocks.channel(index)
    return blocks.noise_levels


def last(steps: Generator[Any, None, Result]) -> Result:
    """Run to the end and return the result, ignoring progress and previews."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


class _Run:
    """One run: a recipe, the blocks of an image, and what changes on the way (device and tiles when memory is short)."""

    def __init__(self, recipe: Recipe, image: Any, cancelled: Callable[[], bool]) -> None:
        self.recipe = recipe
        self.cancelled = cancelled
        self.device = devices.pick(recipe.device)
        devices.keep_freed_memory()
        self.blocks = Blocks(image, recipe)
        self.tile = recipe.tile or self._tile_that_fits()
        self.shortage = ""
        self.warnings: dict[str, None] = {}
        self.residuals: dict[Index, float] = {}

    def steps(self) -> Generator[Progress | Preview, None, Result]:
        started = shown = time.monotonic()
        layout = self.blocks.layout
        out = self.blocks.result()
        for number, index in enumerate(layout):
            for share, estimate in self._estimates(index):
                self.check()
                total = (number + share) / len(layout)
                now = time.monotonic()
                if share == 1 or now - shown > PREVIEW_SECONDS:
                    self.blocks.write(out, index, estimate)
                    shown = now
                    yield Preview(out, index, share)
                yield Progress(total, self._stage(number, share), (now - started) * (1 / total - 1))
        devices.release(self.device)
        name = {"denoise": "denoised", "restore": self.recipe.solver.name, "degrade": "degraded"}[self.recipe.job]
        zoom = tuple(a / b for a, b in zip(out.shape[-len(layout.shape) :], layout.shape, strict=True))
        zoom = tuple(1.0 if axis == "s" else factor for axis, factor in zip(layout.axes, zoom, strict=True))
        notes = [*self.recipe.degradation.notes(), *self.warnings, *filter(None, [self.shortage])]
        return Result({name: out}, zoom, self._provenance(time.monotonic() - started, notes), notes)

    def check(self) -> None:
        """Raise if the caller asked to stop."""
        if self.cancelled():
            raise Cancelled

    def _estimates(self, index: Index) -> Iterator[tuple[float, NDArray[np.float32]]]:
        """Yield the share that is done and the estimate in grey levels; start again with less memory where it ran out."""
        job = {"denoise": self._denoise, "restore": self._restore, "degrade": self._degrade}[self.recipe.job]
        intensity = Intensity() if self.recipe.job == "degrade" else self.blocks.channel(index).intensity
        while True:
            try:
                for share, estimate in without_gradients(job(index)):
                    yield share, intensity.back(estimate.cpu().numpy())
                return
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
            self._use_less_memory()

    def _denoise(self, index: Index) -> Iterator[tuple[float, Tensor]]:
        channel = self.blocks.channel(index)
        x = self._tensor(channel.intensity.forward(self.blocks.samples(index)))
        return self._denoiser(channel.intensity).pieces(x, channel.sigma / channel.intensity.scale)

    def _restore(self, index: Index) -> Iterator[tuple[float, Tensor]]:
        """Solve y = A x + noise for (x − offset) / scale, whose measurement is (y − offset A 1) / scale."""
        channel = self.blocks.channel(index)
        intensity = channel.intensity
        degradation = self.blocks.degradation(index)
        y = self._tensor(self.blocks.samples(index))
        flat = degradation(torch.ones((1, 1, *degradation.domain(tuple(y.shape[2:]))), device=self.device))
        y = torch.where(degradation.observed(y), (y - intensity.offset * flat) / intensity.scale, 0.0)
        problem = Problem(y, degradation, Gaussian(sigma=channel.sigma / intensity.scale))
        generator = torch.Generator().manual_seed(self.recipe.seed)
        for state in self.recipe.solver(problem, self._denoiser(intensity), generator):
            self.residuals[index] = state.residual * intensity.scale
            if state.note:
                self.warnings[state.note] = None
            yield state.iteration / state.total, degradation.crop(state.estimate)

    def _degrade(self, index: Index) -> Iterator[tuple[float, Tensor]]:
        degradation = self.blocks.degradation(index)
        seed = np.random.SeedSequence((self.recipe.seed, *index)).generate_state(1)
        x = degradation.extend(self._tensor(self.blocks.samples(index)))
        yield 1.0, self.recipe.noise.add(degradation(x), torch.Generator().manual_seed(int(seed[0])))

    def _denoiser(self, intensity: Intensity) -> Tiled | Volume:
        denoiser = self.recipe.denoiser.normalised(intensity.offset, intensity.scale)
        tiled = Tiled(denoiser, self.tile, denoiser.halo, self.check)
        return Volume(tiled) if self.recipe.volume and 3 not in denoiser.ndim else tiled

    def _tensor(self, block: NDArray[Any]) -> Tensor:
        return torch.from_numpy(block.astype(np.float32)).to(self.device)

    def _stage(self, number: int, share: float) -> str:
        stage = ""
        if len(self.blocks.layout) > 1:
            stage = f"image {number + 1} of {len(self.blocks.layout)}"
        if self.recipe.job == "restore":
            steps = self.recipe.solver.steps()
            stage += f"{' · ' if stage else ''}iteration {round(share * steps)} of {steps}"
        return stage or f"{round(100 * share)} % done"

    def _tile_that_fits(self) -> int:
        budget = devices.free_memory(self.device) // 4
        size = int((budget / BYTES_PER_PIXEL) ** 0.5)
        return int(np.clip(size // SMALLEST_TILE * SMALLEST_TILE, SMALLEST_TILE, 2048 if self.device.type == "cuda" else 1024))

    def _use_less_memory(self) -> None:
        """Halve the tiles, then leave the device for the CPU, and say so once; give up when neither is possible."""
        devices.release(self.device)
        if self.tile > SMALLEST_TILE:
            self.tile = max(SMALLEST_TILE, self.tile // 2)
            self.shortage = f"The memory of {self.device} ran short; the work was done in tiles of {self.tile} pixels."
        elif self.device.type != "cpu":
            self.shortage = f"The memory of {self.device} was too small; the CPU finished the work."
            self.device = torch.device("cpu")
            self.tile = self._tile_that_fits()
        else:
            raise MemoryError(
                f"the memory does not suffice even for tiles of {self.tile} pixels: close other programs, crop the image, "
                "or treat Z plane by plane"
            )

    def _provenance(self, seconds: float, notes: list[str]) -> dict[str, Any]:
        uses_denoiser = self.recipe.job == "denoise" or (self.recipe.job == "restore" and self.recipe.solver.uses_denoiser)
        return {
            "version": version("napari-tweedie"),
            "recipe": self.recipe.model_dump(mode="json"),
            "axes": self.blocks.layout.axes,
            "noise_levels": self.blocks.noise_levels,
            "data_residuals": self._data_residuals(),
            "denoiser": self.recipe.denoiser.provenance(self.device) if uses_denoiser else {},
            "device": str(self.device),
            "tile": self.tile,
            "seconds": round(seconds, 2),
            "notes": notes,
        }

    def _data_residuals(self) -> list[float]:
        """Return, a channel each, the root mean square of A x − y, to compare with the noise level."""
        squares: dict[int, list[float]] = {}
        for index, residual in self.residuals.items():
            squares.setdefault(self.blocks.layout.channel(index), []).append(residual**2)
        return [float(np.sqrt(np.mean(squares[number]))) for number in sorted(squares)]


def without_gradients(steps: Iterator[tuple[float, Tensor]]) -> Iterator[tuple[float, Tensor]]:
    """Advance `steps` without recording gradients; the caller's own setting is untouched between the steps."""
    while True:
        with torch.no_grad():
            try:
                step = next(steps)
            except StopIteration:
                return
        yield step
