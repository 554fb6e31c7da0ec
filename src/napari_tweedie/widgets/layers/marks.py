"""Marked pixels: which pixels of an image a Labels or Shapes layer marks, wherever the two layers lie."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_tweedie.widgets.layers.input import image_array


def marked_pixels(layer: Labels | Shapes, image: Image, axes: str, volume: bool) -> NDArray[np.bool_]:
    """Return which pixels of an image a Labels or Shapes layer marks, as the engine takes masks: for one block, or for all.

    A layer that lies elsewhere, is turned, or has pixels of another size, marks what it covers in the world, and nothing beside
    it; a pixel is marked if any finer label lies in it. Labels of fewer axes mark the same pixels in every slice, and so do
    shapes; shapes of as many axes mark their slice; labels of more axes mark what any of their slices does.

    Raises
    ------
    ValueError
        If a Labels layer lies beside the image.
    """
    shape = image_array(image).shape
    plain = shape[:-1] if axes.endswith("s") else shape
    marked = _drawn(layer, image, axes, plain) if isinstance(layer, Shapes) else _painted(layer, image, plain)
    if axes.removesuffix("s")[-marked.ndim :] == ("zyx" if volume else "yx"):
        return marked
    whole = np.broadcast_to(marked, plain)
    return np.broadcast_to(whole[..., None], shape) if axes.endswith("s") else whole


def resampling(layer: Layer, image: Image) -> str:
    """Return what is to be told of a Labels layer whose pixels are not those of an image; nothing where they are."""
    if not isinstance(layer, Labels):
        return ""
    shape = image_array(image).shape[: image.ndim]
    found, several = tuple(image_array(layer).shape), layer.ndim - len(shape)
    told = []
    if several > 0 and np.prod(found[:several]) > 1:
        told.append("has slices that the image has not: what any of them marks counts")
    kept = found[max(0, several) :]
    if not _on_its_pixels(*pixel_map(image, layer)):
        told.append("lies on other pixels than the image: it was resampled by where both lie")
    elif kept != shape[len(shape) - len(kept) :]:
        told.append(f"has shape {found}, the image {shape}: both begin at the same pixel, and it marks nothing beside itself")
    return f"The layer {layer.name!r} {', and '.join(told)}." if told else ""


def _on_its_pixels(matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> bool:
    """Tell whether a map takes every pixel to the one of the same numbers."""
    return np.allclose(matrix, np.eye(len(matrix)), atol=1e-4) and np.allclose(offset, 0, atol=0.01)


def _painted(layer: Labels, image: Image, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the labelled pixels among the image's own, over the last axes, as many as the labels have."""
    from scipy.ndimage import affine_transform, maximum_filter

    labelled = np.asarray(image_array(layer)) != 0
    if labelled.ndim > len(shape):
        labelled = labelled.any(axis=tuple(range(labelled.ndim - len(shape))))
    target = shape[len(shape) - labelled.ndim :]
    matrix, offset = pixel_map(image, layer)
    if _on_its_pixels(matrix, offset) and labelled.shape == target:
        return labelled
    finer = [max(1, round(float(length))) for length in np.abs(matrix).sum(axis=1)]
    wide = maximum_filter(labelled.astype(np.uint8), finer, mode="constant") if max(finer) > 1 else labelled.astype(np.uint8)
    moved = affine_transform(wide, matrix, offset, target, order=0, mode="constant")
    if labelled.any() and not moved.any():
        raise ValueError(f"the layer {layer.name!r} marks no pixel of the image: it lies beside it")
    return moved != 0


def pixel_map(image: Image, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return matrix and offset that take a pixel of an image to that of a layer, along the last axes that both have."""
    ndim = min(layer.ndim, image.ndim)
    steps = np.eye(image.ndim)[image.ndim - ndim :]
    origin = _pixel(image, layer, np.zeros(image.ndim))
    columns = [_pixel(image, layer, step) - origin for step in steps]
    return np.array(columns).T.reshape(ndim, ndim), origin


def _pixel(image: Image, layer: Layer, pixel: NDArray[np.float64]) -> NDArray[np.float64]:
    world = np.append(np.zeros(layer.ndim), image.data_to_world(pixel))[-layer.ndim :]
    return np.asarray(layer.world_to_data(world), dtype=float)[-image.ndim :]


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
