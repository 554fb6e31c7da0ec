"""Input layers: what a napari layer gives the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.sources import lengths

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


def nanometres(layer: Layer) -> tuple[float, ...]:
    """Return the pixel size of a layer along every axis as an input of a method has it: empty where it is unknown."""
    sizes = lengths(layer)
    return () if sizes is None else tuple(float(1000 * size) for size in sizes)
