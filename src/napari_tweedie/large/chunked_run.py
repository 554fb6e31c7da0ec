"""Work on one region of a large file, wherever it is done, and the record of what is done already."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version as version_of
from math import ceil, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from uuid import uuid4

import numpy as np

from napari_tweedie.core import device as devices
from napari_tweedie.engine.channel import Channel
from napari_tweedie.engine.relation import settled
from napari_tweedie.images import ngff, ome_zarr_writing
from napari_tweedie.images.arrays import fetched
from napari_tweedie.images.axes import Layout
from napari_tweedie.images.chunks import Region, coarsened
from napari_tweedie.images.files import Picture, read
from napari_tweedie.images.missing import plain
from napari_tweedie.large.regions import LARGEST, Regions
from napari_tweedie.recipe.defaults import as_begun, on, with_neighbours
from napari_tweedie.recipe.tile_size import with_tile

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray

    from napari_tweedie.recipe.recipe import Recipe


class Done(NamedTuple):
    """What is told of a region: the device it was done on, how many of its pixels have no value, and whether memory ran short."""

    device: str
    missing: int
    shortage: str = ""


TOGETHER = 4
"""Planes of a region where planes help each other: each region denoises those beside it once more."""
RANGE = np.array([0.0, 1.0])
"""What an image spans once it is normalised."""


@dataclass(frozen=True)
class ChunkedRun:
    """A run on a file, as every process that takes part in it knows it; it can be sent to other machines.

    Parameters
    ----------
    recipe : Recipe
        What to do, with its arrays, and with the axes of the image.
    source, part : Path
        The image, and the unfinished OME-Zarr.
    regions : Regions
        How the image is cut.
    channels : dict of int to Channel
        Range and noise level of every channel of the image.
    facts : dict
        Provenance; it lies in the metadata of the unfinished OME-Zarr and tells its run from others.
    number : int
        Which of the images of the file.
    shortage : str
        What to tell before the work where memory made the regions smaller.
    """

    recipe: Recipe
    source: Path
    part: Path
    regions: Regions
    channels: dict[int, Channel]
    facts: dict[str, Any]
    number: int = 0
    shortage: str = ""

    @classmethod
    def start(
        cls, recipe: Recipe, source: Path, part: Path, version: ngff.Version, picture: Picture | None = None, number: int = 0
    ) -> Self:
        """Measure the image and create the OME-Zarr, which appears when it is ready to be filled."""
        picture = picture or read(source, number)
        device = devices.pick(recipe.device)
        fitted = recipe.fitted(picture)
        layout = Layout(fitted.axes, tuple(picture.data.shape), fitted.volume)
        asked, short = with_tile(on(device, fitted), device, ceil(prod(layout.block_shape) ** 0.5), LARGEST)
        recipe, note = with_neighbours(asked, asked.axes, layout.shape)
        cut = Regions.of(recipe, layout, recipe.tile, TOGETHER)
        stored = ngff.ordered(recipe.axes)
        channels = cut.measure(recipe, picture.data)
        found, told = settled(asked, recipe, picture.data, layout, lambda index: channels[layout.channel(index)])
        if found is not recipe:
            recipe, note, cut = found, told, Regions.of(found, layout, found.tile, TOGETHER)
        facts = _identity(recipe, source, picture, number) | {
            "run": str(uuid4()),
            "notes": [*picture.notes, *filter(None, [note, short])],
            "tile": recipe.tile,
            "noise_levels": [channel.sigma for channel in channels.values()],
            "noise": [channel.report() for channel in channels.values()],
            "intensities": [[channel.intensity.offset, channel.intensity.scale] for channel in channels.values()],
        }
        like = _result(picture, cut, stored, facts, channels)
        chunks = [cut.chunks[recipe.axes.index(axis)] for axis in stored]
        limits = [(float(low), float(high)) for low, high in (c.intensity.back(RANGE) for c in channels.values())]
        new = part.with_name(f".{part.name}.{os.getpid()}.new")
        try:
            ome_zarr_writing.create(new, like, chunks, limits, version)
            new.rename(part)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return cls(recipe, source, part, cut, channels, facts, number, short)

    @classmethod
    def resume(cls, recipe: Recipe, source: Path, part: Path, picture: Picture | None = None, number: int = 0) -> Self:
        """Go on with an unfinished run.

        Raises
        ------
        ValueError
            If it is another run than this one.
        """
        picture, facts = picture or read(source, number), read(part).metadata
        recipe = as_begun(recipe.fitted(picture), facts.get("recipe", {}))
        layout = Layout(recipe.axes, tuple(picture.data.shape), recipe.volume)
        for name, value in _identity(recipe, source, picture, number).items():
            if facts.get(name) != value:
                raise ValueError(f"{part} is an unfinished run with another {name}: remove it, or choose another name")
        for leftover in part.rglob("*.partial"):
            leftover.unlink()
        measured = zip(facts["intensities"], facts["noise_levels"], facts["noise"], strict=True)
        channels = {n: Channel.restored(*stored, recipe.stabilises) for n, stored in enumerate(measured)}
        return cls(recipe, source, part, Regions.of(recipe, layout, facts["tile"], TOGETHER), channels, facts, number)

    def finish(self, seconds: float, device: str, notes: Iterable[str] = ()) -> None:
        """Store how the run went."""
        told = dict.fromkeys(
            [
                *self.facts["notes"],
                *self.recipe.notes,
                *filter(None, (channel.told for channel in self.channels.values())),
                *notes,
            ]
        )
        self.facts.update(seconds=round(seconds, 2), device=device, notes=list(told))
        ome_zarr_writing.store(self.part, self.facts)

    def is_done(self, level: int, region: Region) -> bool:
        """Tell whether the chunk of a region is written; chunks appear when they are complete."""
        return ome_zarr_writing.chunk_file(self._opened(level), region).exists()

    def do(self, level: int, region: Region) -> Done:
        """Compute a region of a level of the result, a chunk, and write it.

        Raises
        ------
        OSError
            If the image cannot be read there, or the chunk cannot be written.
        """
        device, missing, shortage = devices.pick(self.recipe.device), 0, ""
        if self.is_done(level, region):  # by who died before telling of it
            return self.look_at(region) if level == 0 else Done(str(device), 0)
        target = self._opened(level)
        if level == 0:
            target[region], missing, shortage = self._computed(region)
        else:
            target[region] = coarsened(self._opened(level - 1), region, ngff.ordered(self.recipe.axes))
        return Done(str(device), missing, shortage)

    def look_at(self, region: Region) -> Done:
        """Return what `do` told of a region of the finest level that is done already."""
        return Done(str(devices.pick(self.recipe.device)), _missing(fetched(self._opened(0), region)))

    def _opened(self, level: int) -> zarr.Array[Any]:
        """Return a level for writing, opened once a process and run."""
        return _array(self.part, level, self.facts["run"])

    def _computed(self, region: Region) -> tuple[NDArray[Any], int, str]:
        """Return a region, axes as in the OME-Zarr, how many of its pixels have no value, and where memory ran short a note."""
        axes = self.recipe.axes
        stored = ngff.ordered(axes)
        place = tuple(region[stored.index(axis)] for axis in axes)
        computed, tile = self.regions.computed(self.recipe, place, self._read, self.channels)
        pixels = computed.transpose([axes.index(axis) for axis in stored])
        short = (
            f"Memory ran short: regions were done in tiles of down to {tile} pixels, near whose borders pixels differ a little."
        )
        return pixels, _missing(pixels), short if tile < self.regions.tile else ""

    def _read(self, source: Region) -> NDArray[Any]:
        try:
            return plain(_picture(self.source, self.number, self.facts["run"]).data[source])
        except Exception as error:  # codecs raise whatever they stumble over
            corner = ", ".join(f"{axis} {at.start} to {at.stop}" for axis, at in zip(self.recipe.axes, source, strict=True))
            raise OSError(f"{self.source} cannot be read at {corner}: {error}") from error


def _missing(pixels: Any) -> int:
    """Return how many pixels of a result have no value."""
    return int(np.isnan(pixels).sum()) if pixels.dtype.kind == "f" else 0


def _identity(recipe: Recipe, source: Path, picture: Picture, number: int) -> dict[str, Any]:
    """Return what must be equal for a run to go on where another one stopped."""
    image = {"name": source.name, "shape": list(picture.data.shape), "dtype": str(picture.data.dtype)}
    return {
        "version": version_of("napari-tweedie"),
        "recipe": recipe.model_dump(mode="json"),
        "axes": recipe.axes,
        "input": image | ({"number": number} if number else {}),
        "denoiser": recipe.denoiser.provenance(devices.pick(recipe.device)) if recipe.uses_denoiser else {},
    }


def _result(picture: Picture, cut: Regions, stored: str, facts: dict[str, Any], channels: Mapping[int, Channel]) -> Picture:
    """Return a picture as the result will be, without values: its pixels lie where they come from in the input."""
    axes = cut.layout.axes
    order = [axes.index(axis) for axis in stored]
    spacing = np.array(picture.spacing) / cut.zoom
    origin = np.array(picture.origin) + (spacing - picture.spacing) / 2
    dtype: Any = np.float64 if any(channel.intensity.dtype is np.float64 for channel in channels.values()) else np.float32
    if "s" in axes:
        dtype = np.uint8 if picture.data.dtype == np.uint8 else np.float32
    shape = [cut.shape[n] for n in order]
    empty = np.broadcast_to(np.zeros((), dtype), shape)
    where = [tuple(float(values[n]) for n in order) for values in (spacing, origin)]
    return Picture(
        empty, stored, where[0], picture.unit, picture.name, facts, picture.channels, where[1], picture.renamed(axes).unknown
    )


@functools.lru_cache(maxsize=8)
def _array(part: Path, level: int, run: str) -> zarr.Array[Any]:
    """Return a level for writing; a name or an inode may be used again, a run is not."""
    return ome_zarr_writing.level(part, level)


@functools.lru_cache(maxsize=2)
def _picture(source: Path, number: int, run: str) -> Picture:
    """Return the image, opened once a process and run."""
    return read(source, number)
