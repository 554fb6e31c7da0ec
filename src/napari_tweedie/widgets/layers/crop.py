"""Crop of a layer: the visible part that a preview looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_tweedie.core.array_input import Input
from napari_tweedie.degradations.varying_blur import part_of_grid
from napari_tweedie.images.axes import window
from napari_tweedie.widgets.layers.input import image_array

if TYPE_CHECKING:
    from napari_tweedie.recipe.recipe import Recipe

LARGEST_FIELD, LARGEST_VOLUME_FIELD = 512, 64
"""Most pixels along Y and X of a preview: of a plane, and of a stack."""


@dataclass(frozen=True)
class Crop:
    """A rectangular part of an array.

    Parameters
    ----------
    start, stop : tuple of int
        First pixel, and the one after the last, along every axis of the array.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]

    @classmethod
    def whole(cls, shape: Sequence[int]) -> Crop:
        """Return the crop that leaves out nothing."""
        return cls((0,) * len(shape), tuple(shape))

    def of(self, array: Any) -> Any:
        """Return the part of an array, with as many axes."""
        return array[tuple(slice(first, last) for first, last in zip(self.start, self.stop, strict=True))]

    def with_all_frames(self, axes: str, shape: Sequence[int], volume: bool) -> Crop:
        """Return this crop with all that there is along the axes across which blocks follow one another."""
        within = "zyxs" if volume else "yxs"
        return self.with_all_along("".join(axis for axis in axes if axis not in within), axes, shape)

    def with_all_along(self, along: str, axes: str, shape: Sequence[int]) -> Crop:
        """Return this crop with all that there is along some axes of an array."""
        ends = zip(axes, self.start, self.stop, shape, strict=True)
        found = [(0, length) if axis in along else (first, last) for axis, first, last, length in ends]
        return Crop(tuple(first for first, _ in found), tuple(last for _, last in found))

    def with_neighbours(self, array: Any, recipe: Recipe) -> tuple[Any, tuple[slice, ...] | None]:
        """Return the part of an array with the planes that help a recipe, and where the crop lies in it; None: all of it."""
        context = recipe.context
        if not context:
            return self.of(array), None
        n = recipe.axes.index(recipe.neighbours)
        at = window(self.start[n], self.stop[n], array.shape[n], context)
        wide = Crop((*self.start[:n], at.start, *self.start[n + 1 :]), (*self.stop[:n], at.stop, *self.stop[n + 1 :]))
        inside = tuple(slice(a - b, c - b) for a, b, c in zip(self.start, wide.start, self.stop, strict=True))
        return wide.of(array), inside

    def of_mask(self, mask: NDArray[np.bool_], axes: str) -> NDArray[np.bool_]:
        """Return the part of what `marked_pixels` returned for an image with these axes."""
        if mask.ndim == len(self.start):
            return self.of(mask)
        last = len(self.start) - axes.endswith("s")
        kept = slice(last - mask.ndim, last)
        return Crop(self.start[kept], self.stop[kept]).of(mask)

    def of_inputs(self, inputs: Mapping[str, Input], recipe: Recipe, shape: Sequence[int]) -> dict[str, Any]:
        """Return the arrays of a recipe for this part of an image, whose shape, or that of its masks, is given.

        Masks are cut like the image; of point-spread functions that vary over the field those of the part are taken.
        """
        cut: dict[str, Any] = dict(inputs)
        if "mask" in cut:
            cut["mask"] = Input.of(self.of_mask(cut["mask"].values(), recipe.axes), cut["mask"].name)
        if "psf" in cut:
            cut["psf"] = self.of_functions(cut["psf"], recipe.axes, recipe.volume, shape)
        return cut

    def of_functions(self, given: Input, axes: str, volume: bool, shape: Sequence[int]) -> Input:
        """Return the point-spread functions for this part of an image of some shape, where they vary over its field."""
        functions = given.values()
        if functions.ndim != (5 if volume else 4):
            return given
        y, x = axes.index("y"), axes.index("x")
        first, last, field = ((ends[y], ends[x]) for ends in (self.start, self.stop, shape))
        return Input.of(part_of_grid(functions, first, last, field), given.name, given.spacing)


def visible_pixels(layer: Image) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return the first visible pixel, and the one after the last, along every axis; of a multiscale layer the finest ones."""
    factors = layer.downsample_factors[layer.data_level] if layer.multiscale else np.ones(layer.ndim)
    first, last = layer.corner_pixels[0] * factors[: layer.ndim], (layer.corner_pixels[1] + 1) * factors[: layer.ndim]
    return first.astype(int), last.astype(int)


def visible_crop(
    layer: Image, point: Sequence[float], axes: str, volume: bool, flat: bool = True, side: int | None = None
) -> Crop:
    """Return the middle of the visible field: the current slice, or all planes of a volume, and a limited number of pixels.

    Parameters
    ----------
    layer : Image
        The layer that is looked at.
    point : sequence of float
        Where the viewer's sliders stand, in world coordinates (``viewer.dims.point``).
    axes : str
        The axes of the layer's array.
    volume : bool
        Whether Z belongs to the field.
    flat : bool
        Whether the viewer shows planes; a 3-D view has no visible field, and the middle of the layer is taken.
    side : int, optional
        Most pixels along Y and X; by default what a preview shows.
    """
    shape = image_array(layer).shape
    current = np.rint(layer.world_to_data(point)).astype(int)
    first, last = visible_pixels(layer)
    side = side or (LARGEST_VOLUME_FIELD if volume else LARGEST_FIELD)
    start, stop = [], []
    for n, (axis, length) in enumerate(zip(axes, shape, strict=True)):
        begin, end = 0, length
        if axis in "yx":
            if flat and last[n] - first[n] > 1:
                begin, end = max(0, first[n]), min(length, last[n])
            begin = max(begin, (begin + end - side) // 2)
            end = min(end, begin + side)
        elif axis != "s" and not (volume and axis == "z"):
            begin = min(max(int(current[n]), 0), length - 1)
            end = begin + 1
        start.append(begin)
        stop.append(end)
    return Crop(tuple(start), tuple(stop))
