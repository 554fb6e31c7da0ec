"""Marked pixels: which pixels of an image a Labels or Shapes layer marks, wherever the two layers lie."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_tweedie.widgets.layers.input import image_array


def marked_pixels(layer: Labels | Shapes, image: Image, axes: str, volume: bool) -> NDArray[np.bool_]:
    """Return which pixels of an image a Labels or Shapes layer marks, as the engine takes masks: for one block, or for all.

    A layer that lies elsewhere, or has pixels of another size, marks what it covers in the world. Labels of fewer axes mark
    the same pixels in every slice, and so do shapes; shapes of as many axes mark their slice.

    Raises
    ------
    ValueError
        If a Labels layer lies where the image does and has another shape, or has more axes, or lies beside it.
    """
    shape = image_array(image).shape
    plain = shape[:-1] if axes.endswith("s") else shape
    marked = _drawn(layer, image, axes, plain) if isinstance(layer, Shapes) else _painted(layer, image, plain)
    if axes.removesuffix("s")[-marked.ndim :] == ("zyx" if volume else "yx"):
        return marked
    whole = np.broadcast_to(marked, plain)
    return np.broadcast_to(whole[..., None], shape) if axes.endswith("s") else whole


def _painted(layer: Labels, image: Image, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the labelled pixels among the image's own, over the last axes, as many as the labels have."""
    from scipy.ndimage import affine_transform

    labelled = np.asarray(image_array(layer)) != 0
    ndim = labelled.ndim
    if ndim > len(shape):
        raise ValueError(f"the layer {layer.name!r} has shape {labelled.shape}, the image {shape}: it needs at most as many axes")
    matrix, offset = pixel_map(image, layer)
    if np.allclose(matrix, np.eye(ndim), atol=1e-4) and np.allclose(offset, 0, atol=0.01):
        if labelled.shape != shape[len(shape) - ndim :]:
            raise ValueError(f"the layer {layer.name!r} has shape {labelled.shape}, the image {shape}: they must be equal")
        return labelled
    moved = affine_transform(labelled.astype(np.uint8), matrix, offset, shape[len(shape) - ndim :], order=0, mode="constant")
    if labelled.any() and not moved.any():
        raise ValueError(f"the layer {layer.name!r} marks no pixel of the image: it lies beside it")
    return moved != 0


def pixel_map(image: Image, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return matrix and offset that take a pixel of an image to that of a layer, along the last axes, as many as it has."""
    ndim, more = layer.ndim, image.ndim - layer.ndim
    steps = np.eye(image.ndim)[more:]
    origin = _pixel(image, layer, np.zeros(image.ndim))
    columns = [_pixel(image, layer, step) - origin for step in steps]
    return np.array(columns).T.reshape(ndim, ndim), origin


def _pixel(image: Image, layer: Layer, pixel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(layer.world_to_data(np.asarray(image.data_to_world(pixel))[-layer.ndim :]), dtype=float)


def _drawn(layer: Shapes, image: Image, axes: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Rasterise shapes on the image's own pixels: a plane, or all slices of the image."""
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
