"""Regions in which an image larger than memory is worked on, and what each must see of its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.array_input import Input
from napari_tweedie.degradations import Degradation
from napari_tweedie.degradations.noise import Camera
from napari_tweedie.denoisers.fusion import HALO
from napari_tweedie.engine.channel import Channel
from napari_tweedie.engine.run import run_region
from napari_tweedie.images.axes import Layout, window
from napari_tweedie.images.chunks import Region, chunk_shape, regions
from napari_tweedie.large.patches import measure
from napari_tweedie.recipe.tile_size import LARGEST_TILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.recipe.recipe import Recipe

JOBS = ("denoise", "restore")
"""What can be done region by region."""
ALIGNED = 8
"""Regions and their margins are whole multiples of it: networks see every pixel at the same place of their grid."""
SMALLEST = 64
ITERATED = 16
"""Margin that a restoration with a denoiser gets besides: every iteration carries on what the one before made of the border."""
SMOOTHED = 32
"""Margin that a restoration without a denoiser gets besides that of the degradation: penalties reach beyond neighbours."""
DEPTH = 64
"""Most planes of a region of a volume."""
BYTES_PER_VOXEL = 100
"""Memory of a restoration per voxel of a volume, all arrays together: measured 84 for richardson-lucy, 65 for hqs."""
BYTES_PER_PIXEL = 450
"""Memory that a region of a volume may take per pixel of the plane that it stands for."""
LARGEST = 2048
"""Side of the largest region of planes that is chosen: margins of 56 pixels are then 11 % of the work, with 1024 pixels 23 %."""


@dataclass(frozen=True)
class Regions:
    """How a large image is cut into regions, each worked on alone with a margin of its neighbours around it.

    Parameters
    ----------
    layout : Layout
        Of the image.
    halo : tuple of int
        Margin in pixels of the image, along every axis.
    zoom : tuple of int
        Pixels of the result per pixel of the image, along every axis.
    chunks : tuple of int
        Size of a region in pixels of the result, along every axis.
    tile : int
        Tile size of the denoiser within a region, fixed so that a region has the same pixels whenever it is computed.
    """

    layout: Layout
    halo: tuple[int, ...]
    zoom: tuple[int, ...]
    chunks: tuple[int, ...]
    tile: int
    beside: int = -1
    """Axis along which planes help each other; -1: none."""
    context: int = 0
    """How many on each side."""

    @classmethod
    def of(cls, recipe: Recipe, layout: Layout, tile: int, together: int = 1) -> Regions:
        """Choose regions that need no more memory than a tile of `tile` pixels a side and its halo.

        Where planes along an axis help each other, a region holds `together` of them, and sees those beside it.

        Raises
        ------
        ValueError
            If the recipe cannot be done region by region.
        """
        if recipe.first:
            raise ValueError("a recipe of several steps is not done region by region: write its result as a TIFF")
        if recipe.job not in JOBS:
            raise ValueError(f"the job {recipe.job!r} is not done region by region: write its result as a TIFF")
        spatial, restores = layout.spatial, recipe.inverts
        if isinstance(recipe.noise, Camera):
            recipe.noise.check(layout.block_shape[-2:])
        if restores and not recipe.degradation.is_image:
            raise ValueError(f"a measurement by {recipe.degradation.name!r} is restored as a whole: write the result as a TIFF")
        reach = recipe.degradation.reach(len(spatial)) if restores else (0,) * len(spatial)
        denoiser = recipe.denoiser.halo + restores * ITERATED if recipe.uses_denoiser else SMOOTHED
        zoom = recipe.degradation.factors(len(spatial)) if restores else (1,) * len(spatial)
        sizes = dict(zip(spatial, layout.block_shape, strict=True))
        halo = dict.fromkeys(spatial, 0)
        if reach is not None:
            halo = {axis: _aligned(2 * support + denoiser) for axis, support in zip(spatial, reach, strict=True)}
            sizes = _sizes(layout, halo, (tile + 2 * _aligned(denoiser)) // max(zoom))
        beside, context = recipe.neighbours, recipe.context
        if context:
            halo |= {axis: _aligned(recipe.denoiser.halo + HALO) for axis in spatial}
            sizes |= {beside: together}
        zooms = dict(zip(spatial, zoom, strict=True))
        wanted = {axis: size * zooms.get(axis, 1) for axis, size in sizes.items()}
        shape = _result_shape(layout, [zooms.get(axis, 1) for axis in layout.axes])
        inner = max(wanted[axis] + 2 * zooms[axis] * (halo[axis] + SMALLEST) for axis in "yx")
        if reach is None or recipe.volume:
            inner = min(tile, LARGEST_TILE)
        return cls(
            layout,
            tuple(halo.get(axis, 0) for axis in layout.axes),
            tuple(zooms.get(axis, 1) for axis in layout.axes),
            chunk_shape(layout.axes, shape, wanted),
            min(inner, 2**14),
            layout.axes.index(beside) if context else -1,
            context,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result; transparency is dropped."""
        return _result_shape(self.layout, self.zoom)

    def __iter__(self) -> Iterator[Region]:
        """Iterate over the regions, as places in the result."""
        return regions(self.shape, self.chunks)

    def __len__(self) -> int:
        return prod(-(-length // chunk) for length, chunk in zip(self.shape, self.chunks, strict=True))

    def source(self, region: Region) -> Region:
        """Return what of the image a region of the result depends on."""
        places = zip(self.layout.axes, region, self.halo, self.zoom, self.layout.shape, strict=True)
        source = [
            slice(0, length) if axis == "s" else slice(max(0, at.start // zoom - halo), min(length, -(-at.stop // zoom) + halo))
            for axis, at, halo, zoom, length in places
        ]
        if self.context:
            at = region[self.beside]
            source[self.beside] = window(at.start, at.stop, self.layout.shape[self.beside], self.context)
        return tuple(source)

    def inside(self, region: Region) -> Region:
        """Return where a region lies in the result of its `source`."""
        places = zip(region, self.source(region), self.zoom, strict=True)
        return tuple(slice(at.start - whole.start * zoom, at.stop - whole.start * zoom) for at, whole, zoom in places)

    def recipe(self, recipe: Recipe, source: Region) -> Recipe:
        """Return the recipe for a region of the image: masks are cut as the image is."""
        degradation = self._cut(recipe.degradation, source)
        changed: dict[str, Any] = {"degradation": degradation, "axes": self.layout.axes, "tile": self.tile}
        if isinstance(recipe.noise, Camera):
            changed["noise"] = recipe.noise.beginning(*(source[self.layout.axes.index(axis)].start or 0 for axis in "yx"))
        return recipe.model_copy(update=changed)

    def computed(
        self, recipe: Recipe, region: Region, read: Callable[[Region], NDArray[Any]], channels: Mapping[int, Channel]
    ) -> tuple[NDArray[Any], int]:
        """Return a region of the result, and the tile size that it was done in: less than `tile` where memory ran short.

        Parameters
        ----------
        recipe : Recipe
            That of the whole image.
        region : tuple of slice
            Where it lies in the result.
        read : callable
            Returns a part of the image.
        channels : mapping of int to Channel
            What `measure` returned.
        """
        source = self.source(region)
        row, column = (source[self.layout.axes.index(axis)].start or 0 for axis in "yx")
        inside = self.inside(region)
        known = {0: channels[self.channel(region)].beginning(self._first_frame(source), row, column)}
        own = self.recipe(recipe, source)
        result = run_region(own, read(source), known, inside if self.context else None)
        return result.image if self.context else result.image[inside], result.provenance["tile"]

    def _cut(self, degradation: Degradation, source: Region) -> Degradation:
        """Return a copy that shares nothing that was computed for regions of another shape."""
        fields = dict(degradation)
        for name, value in fields.items():
            if isinstance(value, Degradation):
                fields[name] = self._cut(value, source)
            elif degradation.hint(name, "layer") == "labels":
                fields[name] = Input.of(value.array[self._of_mask(value.array.shape, source)], value.name)
        return type(degradation)(**fields)

    def _of_mask(self, shape: tuple[int, ...], source: Region) -> Region:
        if shape == self.layout.shape:
            return source
        block = tuple(source[self.layout.axes.index(axis)] for axis in self.layout.spatial)
        if shape != self.layout.block_shape:
            raise ValueError(f"the mask has shape {shape}, the image {self.layout.shape}: they must be equal")
        return block

    def channel(self, region: Region) -> int:
        """Return the channel that a region belongs to, 0 without a channel axis."""
        return region[self.layout.axes.index("c")].start if "c" in self.layout.axes else 0

    def measure(self, recipe: Recipe, image: Any) -> dict[int, Channel]:
        """Measure range and noise level of every channel once for all regions."""
        return measure(self.layout, recipe, image, self.recipe)

    def _first_frame(self, source: Region) -> int:
        """Return the first of the frames that a region is computed from."""
        return source[self.layout.axes.index(self.layout.frames)].start if self.layout.frames else 0


def _aligned(pixels: int) -> int:
    return pixels + -pixels % ALIGNED


def _result_shape(layout: Layout, zoom: tuple[int, ...] | list[int]) -> tuple[int, ...]:
    lengths = zip(layout.axes, layout.shape, zoom, strict=True)
    return tuple(3 if axis == "s" else length * factor for axis, length, factor in lengths)


def _sizes(layout: Layout, halo: dict[str, int], side: int) -> dict[str, int]:
    """Return the size of a region whose pixels, margins included, are as many as those of a square plane of `side` pixels."""
    lengths = dict(zip(layout.spatial, layout.block_shape, strict=True))
    if "z" in lengths:
        lengths["z"] = min(lengths["z"], DEPTH)
        planes = min(layout.shape[layout.axes.index("z")], lengths["z"] + 2 * halo["z"])
        side = int((side**2 * BYTES_PER_PIXEL / BYTES_PER_VOXEL / planes) ** 0.5)
    plane = {axis: max(SMALLEST, (side - 2 * halo[axis]) // SMALLEST * SMALLEST) for axis in "yx"}
    return lengths | {axis: min(lengths[axis], size) for axis, size in plane.items()}
