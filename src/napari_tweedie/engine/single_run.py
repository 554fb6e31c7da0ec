"""Single run: a recipe of one step on the blocks of an image, with what changes on the way when memory is short."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from importlib.metadata import version
from math import ceil, inf, prod
from typing import TYPE_CHECKING, Any

from napari_tweedie.core import device as devices
from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.results import Output, Preview, Progress, Result
from napari_tweedie.denoisers.tiling import Tiled, Volume
from napari_tweedie.engine.blocks import Blocks
from napari_tweedie.engine.gate import ROOM, check_finite, check_plausible, json_ready
from napari_tweedie.engine.jobs import JOBS, Step, Tools
from napari_tweedie.engine.relation import settled
from napari_tweedie.engine.results import Results
from napari_tweedie.images.axes import Index
from napari_tweedie.recipe.defaults import on, with_neighbours
from napari_tweedie.recipe.tile_size import SMALLEST_TILE, with_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.denoisers import Denoiser
    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.recipe.recipe import Recipe

log = logging.getLogger(__name__)

PREVIEW_SECONDS = 0.5
GREY_LEVELS = ("residual", "noise_level")
"""Facts of a step that are told in grey levels of the image."""


class SingleRun:
    """One run: a recipe, the blocks of an image, and what changes on the way (device and tiles when memory is short)."""

    def __init__(
        self,
        recipe: Recipe,
        image: Any,
        channels: Mapping[int, Channel] | None = None,
        inside: Sequence[slice] | None = None,
    ) -> None:
        if recipe.obstacle:
            raise ValueError(recipe.obstacle)
        self.device = devices.pick(recipe.device)
        devices.keep_freed_memory()
        self.blocks = Blocks(image, recipe, channels)
        self.results = Results(self.blocks)
        layout = self.blocks.layout
        self.asked, self.shortage = with_tile(recipe, self.device, _extent(recipe, layout.block_shape))
        self.recipe, self.helped = with_neighbours(self.asked, layout.axes, layout.shape)
        self.inside = inside
        self._set_up()
        self.tile = self.recipe.tile
        log.info("solver %s, sampler %s, noise %s", recipe.solver.describe(), recipe.sampler.describe(), recipe.noise.describe())
        log.info("device %s, tiles of %d pixels, denoiser %s", self.device, self.tile, recipe.denoiser.name)
        self.warnings: dict[str, None] = {}

    def _set_up(self) -> None:
        self.blocks.recipe = self.recipe
        self.job = JOBS[self.recipe.job](self.recipe, self.blocks)
        inside, layout = self.inside, self.blocks.layout
        self.order = [index for index in self.job.order() if inside is None or layout.holds(inside, index)]

    def steps(self) -> Generator[Progress | Preview, None, Result]:
        started = shown = time.monotonic()
        if self.shortage:
            yield Progress(0.0, self.shortage, 0.0)
        self.asked, self.recipe = on(self.device, self.asked), on(self.device, self.recipe)
        self._set_up()
        self._settle()
        layout = self.blocks.layout
        outputs = {output.name: output for output in self.job.outputs()}
        if self.blocks.is_wide and self.job.uses_noise_level:
            self._measure()
        images = {name: self.results.empty(output) for name, output in outputs.items()}
        for number, index in enumerate(self.order):
            if self.blocks.is_empty(index):
                for name, output in outputs.items():
                    self.results.leave_empty(images[name], output, index)
                yield Progress((number + 1) / len(self.order), self._stage(number, 1.0), 0.0)
                continue
            scale = self.job.intensity(index).scale
            for step in self._steps(index):
                cancellation_point()
                total = (number + step.share) / len(self.order)
                facts = {name: value * scale if name in GREY_LEVELS else value for name, value in step.facts.items()}
                now = time.monotonic()
                if step.share == 1 or step.complete or now - shown > PREVIEW_SECONDS:
                    for name, estimate in step.estimates.items():
                        self._write(images[name], outputs[name], index, estimate)
                    shown = now
                    yield Preview(self._inside(images), outputs, index, step.share)
                if step.share == 1:
                    self._look_at(images, outputs, index)
                if step.note:
                    self.warnings[step.note] = None
                yield Progress(total, self._stage(number, step.share), (now - started) * (1 / total - 1), facts)
        if self.blocks.are_all_empty():
            raise ValueError("the image holds no numbers: every pixel is NaN, infinite or masked")
        devices.release(self.device)
        shape = next((image.shape[-len(layout.shape) :] for image in images.values()), layout.shape)
        zoom = tuple(a / b for a, b in zip(shape, layout.shape, strict=True))
        zoom = tuple(1.0 if axis == "s" else factor for axis, factor in zip(layout.axes, zoom, strict=True))
        notes = [
            *self.recipe.notes,
            *self.job.notes(),
            *self.blocks.found(),
            *self.blocks.left_out.notes(),
            *self.warnings,
            *filter(None, [self.helped, self.shortage]),
        ]
        outliers = self.blocks.left_out.labels()
        if outliers is not None and self.inside is not None:
            outliers = outliers[tuple(self.inside)]
        provenance = self._provenance(time.monotonic() - started, notes)
        return Result(self._inside(images), outputs, zoom, provenance, notes, outliers)

    def _inside(self, images: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return what of the results is wanted, as views."""
        if self.inside is None:
            return images
        place: Any = (..., *self.inside)
        return {name: image[place] for name, image in images.items()}

    def _settle(self) -> None:
        """Find out whether planes beside one another tell of each other; where not, go on without."""
        recipe, note = settled(self.asked, self.recipe, self.blocks.image, self.blocks.layout, self.blocks.channel)
        if recipe is not self.recipe:
            self.recipe, self.helped = recipe, note
            self._set_up()

    def _measure(self) -> None:
        """Measure all channels, which tells whether the results need more digits than float32 has."""
        for index in self.blocks.layout.first_of_channels().values():
            self.blocks.channel(index)

    def _steps(self, index: Index) -> Iterator[Step]:
        """Work on a block; start it again with less memory where it ran out."""
        while True:
            try:
                yield from without_gradients(self.job.steps(index, Tools(self.device, self._tiled, self.tile)))
                return
            except (RuntimeError, MemoryError) as error:
                if not devices.is_out_of_memory(error):
                    raise
            self._use_less_memory()

    def _write(self, image: NDArray[Any], output: Output, index: Index, estimate: Tensor) -> None:
        intensity = self.job.intensity(index)
        pixels = estimate.cpu().numpy()
        grey = intensity.back(pixels) if output.kind == "image" else intensity.distance(pixels, output.power)
        if self.recipe.job != "blend":  # which leaves alone what is not in its region
            check_finite(self.recipe, output.name, grey)
        self.results.write(image, output, index, grey)

    def _look_at(self, images: Mapping[str, NDArray[Any]], outputs: Mapping[str, Output], index: Index) -> None:
        """Let a finished block through the gate."""
        if self.recipe.job not in ROOM:
            return
        channel, span = self.blocks.channel(index), self.blocks.span(index)
        for name, image in images.items():
            pixels = self.results.read(image, index)
            if note := check_plausible(self.recipe, outputs[name], pixels, span, channel):
                self.warnings[note] = None

    def _tiled(self, denoiser: Denoiser) -> Tiled | Volume:
        tiled = Tiled(denoiser, self.tile, denoiser.halo)
        if not self.recipe.volume or 3 in denoiser.ndim:
            return tiled
        return Volume(tiled, inf if self.recipe.hides_depth else self.recipe.aspect)

    def _stage(self, number: int, share: float) -> str:
        several = f"image {number + 1} of {len(self.order)}" if len(self.order) > 1 else ""
        return " · ".join(filter(None, [several, self.job.stage(share)])) or f"{round(100 * share)} % done"

    def _use_less_memory(self) -> None:
        """Halve the tiles, then leave the device for the CPU, and say so once; give up when neither is possible."""
        devices.release(self.device)
        log.info("out of memory on %s with tiles of %d pixels", self.device, self.tile)
        if self.tile > SMALLEST_TILE:
            self.tile = max(SMALLEST_TILE, self.tile // 2)
            self.shortage = f"The memory of {self.device} ran short; the work was done in tiles of {self.tile} pixels."
        elif self.device.type != "cpu":
            self.shortage = f"The memory of {self.device} was too small; the CPU finished the work."
            self.device = torch.device("cpu")
            self.tile = self.recipe.tile
        else:
            raise devices.OutOfMemory(
                f"the memory does not suffice even for tiles of {self.tile} pixels: close other programs, crop the image, "
                "or treat Z plane by plane"
            )

    def _provenance(self, seconds: float, notes: list[str]) -> dict[str, Any]:
        facts = {
            "version": version("napari-tweedie"),
            "recipe": self.recipe.model_copy(update={"tile": self.tile}).model_dump(mode="json"),
            "axes": self.blocks.layout.axes,
            "noise_levels": [channel.sigma for channel in self.blocks.channels],
            "noise": [channel.report() for channel in self.blocks.channels],
            **self.job.report(),
            "denoiser": self.recipe.denoiser.provenance(self.device) if self.recipe.uses_denoiser else {},
            "device": str(self.device),
            "tile": self.tile,
            "seconds": round(seconds, 2),
            "notes": notes,
        }
        ready: dict[str, Any] = json_ready(facts)
        return ready


def _extent(recipe: Recipe, block: Sequence[int]) -> int:
    """Return the side of the largest tile that blocks of this shape need; small planes of a volume share one."""
    return max(*block[-2:], ceil(prod(block) ** 0.5)) if recipe.uses_denoiser else 0


def without_gradients(steps: Iterator[Step]) -> Iterator[Step]:
    """Advance `steps` without recording gradients; the caller's own setting is untouched between the steps."""
    while True:
        with torch.no_grad():
            try:
                step = next(steps)
            except StopIteration:
                return
        yield step
