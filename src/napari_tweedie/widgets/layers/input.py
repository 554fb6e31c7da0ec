"""What does a napari layer give the engine, and what does a result look like as a layer?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_tweedie.images.axes import guess_axes

LARGEST_FIELD, LARGEST_VOLUME_FIELD = 512, 64
"""Most pixels along Y and X of a preview: of a plane, and of a stack."""
METADATA = "napari_tweedie"
"""Key of a result's provenance in its layer's metadata."""


def is_result(layer: Layer) -> bool:
    """Tell whether a layer is a result of this plugin that nobody is likely to go on with; simulated measurements are not."""
    made = layer.metadata.get(METADATA)
    return made is not None and made.get("recipe", {}).get("job") != "degrade"


def image_array(layer: Layer) -> Any:
    """Return the pixels of a layer as they are (NumPy, dask, zarr); of a multiscale layer the finest level."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def image_axes(layer: Image) -> str:
    """Return the axes string of a layer, one letter an axis of its array, guessed where its axes have no names."""
    return guess_axes(image_array(layer).shape, layer.axis_labels, layer.rgb)


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

    def of_mask(self, mask: NDArray[np.bool_], axes: str) -> NDArray[np.bool_]:
        """Return the part of what `marked_pixels` returned for an image with these axes."""
        if mask.ndim == len(self.start):
            return self.of(mask)
        last = len(self.start) - axes.endswith("s")
        kept = slice(last - mask.ndim, last)
        return Crop(self.start[kept], self.stop[kept]).of(mask)


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


def result_layer(source: Image, image: Any, what: str, start: Sequence[int], zoom: Sequence[float], kind: str = "image") -> Image:
    """Return a new layer that lies where its pixels come from in the input.

    Parameters
    ----------
    source : Image
        The input layer; it is not changed.
    image : array or list of array
        The result, with as many axes as the input, and perhaps one more in front, of images that lie behind each other; or its
        levels, the finest first.
    what : str
        What the result is, for its name.
    start : sequence of int
        The input's pixel at which the result begins, an axis each.
    zoom : sequence of float
        Pixels of the result per pixel of the input, an axis each.
    kind : str
        An "image" looks like the input; a "difference" and a "spread" have colours of their own.
    """
    ndim = source.ndim
    zoomed = np.asarray(zoom[:ndim], dtype=float)
    first = np.asarray(start[:ndim]) + 0.5 / zoomed - 0.5
    finest = image[0] if isinstance(image, list) else image
    more = finest.ndim - len(zoom)
    rgb = source.rgb and finest.shape[-1] == 3
    limits = {"image": list(source.contrast_limits), "difference": [-1.0, 1.0], "spread": [0.0, 1.0]}[kind]
    return Image(
        image,
        name=f"{source.name} · {what}",
        rgb=rgb,
        multiscale=isinstance(image, list),
        cache=False,  # what is computed on demand has a cache of its own
        scale=np.append(np.ones(more), source.scale / zoomed),
        translate=np.append(np.zeros(more), source.affine.inverse(source.data_to_world(first))),
        rotate=_with_more_axes(source.rotate, more),
        shear=_with_more_axes(_shear_matrix(source), more),
        affine=_with_more_axes(source.affine.affine_matrix, more),
        units=("pixel",) * more + tuple(source.units),
        axis_labels=("sample",) * more + tuple(source.axis_labels),
        colormap={"difference": "PiYG", "spread": "magma"}.get(kind, source.colormap),
        blending=source.blending,
        gamma=source.gamma if kind == "image" else 1.0,
        interpolation2d=source.interpolation2d,
        contrast_limits=None if rgb else limits,
        metadata={METADATA: {"input": source.name}},
    )


def _with_more_axes(matrix: NDArray[np.float64], more: int) -> NDArray[np.float64]:
    """Return a matrix that leaves `more` further axes in front as they are."""
    larger = np.eye(len(matrix) + more)
    larger[more:, more:] = matrix
    return larger


def _shear_matrix(layer: Image) -> NDArray[np.float64]:
    """Return the shear of a layer as a matrix, whether it says it as one or by its upper triangle."""
    shear = np.asarray(layer.shear)
    if shear.ndim == 2:
        return shear
    matrix = np.eye(layer.ndim)
    matrix[np.triu_indices(layer.ndim, 1)] = shear
    return matrix


def fit_contrast(layer: Image, kind: str = "image") -> None:
    """Fit the contrast limits of a result to its 99.9 percentile.

    Those of an image only ever rise, where sharper structures are brighter; those of a difference are symmetric.
    """
    if layer.rgb:
        return
    sample = layer.data[..., :: max(1, layer.data.shape[-1] // 512)]
    highest = float(np.percentile(sample if kind == "image" else np.abs(sample), 99.9)) or 1.0
    if kind != "image":
        layer.contrast_limits = (-highest if kind == "difference" else 0.0, highest)
    elif highest > layer.contrast_limits[1]:
        layer.contrast_limits = (layer.contrast_limits[0], highest)


def marked_pixels(layer: Labels | Shapes, image: Image, axes: str, volume: bool) -> NDArray[np.bool_]:
    """Return which pixels of an image a Labels or Shapes layer marks, as the engine takes masks: for one block, or for all.

    Labels of fewer axes mark the same pixels in every slice, and so do shapes; shapes of as many axes mark their slice.

    Raises
    ------
    ValueError
        If a Labels layer has another shape than the image.
    """
    shape = image_array(image).shape
    plain = shape[:-1] if axes.endswith("s") else shape
    marked = _drawn_pixels(layer, image, axes, plain) if isinstance(layer, Shapes) else np.asarray(image_array(layer)) != 0
    if marked.ndim > len(plain) or marked.shape != plain[len(plain) - marked.ndim :]:
        raise ValueError(f"the layer {layer.name!r} has shape {marked.shape}, the image {plain}: they must be equal")
    if axes.removesuffix("s")[-marked.ndim :] == ("zyx" if volume else "yx"):
        return marked
    whole = np.broadcast_to(marked, plain)
    return np.broadcast_to(whole[..., None], shape) if axes.endswith("s") else whole


def _drawn_pixels(layer: Shapes, image: Image, axes: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Rasterise shapes on the image's own pixels, wherever the two layers lie: a plane, or all slices of the image."""
    plane = [axes.index("y"), axes.index("x")]
    if plane != [len(shape) - 2, len(shape) - 1]:
        raise ValueError(f"shapes mark pixels of images whose last axes are y and x (got {axes!r}): use a Labels layer")
    flat = layer.ndim < image.ndim
    marked = np.zeros(shape[-2:] if flat else shape, bool)
    for vertices, kind in zip(layer.data, layer.shape_type, strict=True):
        world = [np.append(np.zeros(max(0, image.ndim - layer.ndim)), layer.data_to_world(vertex)) for vertex in vertices]
        points = np.array([image.world_to_data(point) for point in world])
        drawn = Shapes([points[:, -2:]], shape_type=kind).to_masks(shape[-2:])[0]
        slices = tuple(np.rint(points[0, :-2]).astype(int))
        if flat or not slices:
            marked |= drawn
        elif all(0 <= n < length for n, length in zip(slices, shape, strict=False)):
            marked[slices] |= drawn
    return marked


def pixel_sizes(layer: Layer) -> NDArray[np.float64] | None:
    """Return the pixel size along every axis in micrometres, or None where a layer does not know it."""
    try:
        return np.array([float((size * unit).to("um").magnitude) for size, unit in zip(layer.scale, layer.units, strict=True)])
    except (TypeError, AttributeError):  # pint: pixels are no length; older napari: no units
        return None


def nanometres(layer: Layer) -> tuple[float, ...]:
    """Return the pixel size of a layer along every axis as an input of a method has it: empty where it is unknown."""
    sizes = pixel_sizes(layer)
    return () if sizes is None else tuple(float(1000 * size) for size in sizes)
