"""Regions: what a Labels or Shapes layer outlines on the samples of an image, and numbers written back onto it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.layers.marks import pixel_map

if TYPE_CHECKING:
    from napari_tweedie.analysis.quantity import Quantity

LINES = ("line", "path")


@dataclass(frozen=True)
class Regions:
    """Regions and lines, by their numbers: that of a label, or the place of a shape among all of its layer, from 1.

    Parameters
    ----------
    labels : array of int
        The region of every pixel, 0 for none, over the last axes of the image.
    lines : dict of int to array
        Both ends of every line, in pixels (Y, X) of the image, shape (2, 2).
    overlapping : tuple of int
        Regions of which pixels were given to a later one.
    """

    labels: NDArray[np.integer[Any]]
    lines: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    overlapping: tuple[int, ...] = ()


def regions_on(layer: Labels | Shapes, image: Image, shape: tuple[int, ...], axes: int) -> Regions:
    """Return the regions that a layer outlines on an image.

    Shapes outline the same in all planes and frames, whichever they were drawn on. Labels of fewer axes do so, too; those with
    an axis more, as napari makes them beside samples, are taken from wherever they were painted along it.

    Parameters
    ----------
    layer : Labels or Shapes
        Regions, and of Shapes also lines.
    image : Image
        The layer with the samples, or the image; it may have more axes in front.
    shape : tuple of int
        Shape of the image without samples.
    axes : int
        How many of its last axes a region may have.

    Raises
    ------
    ValueError
        If the layer lies beside the image.
    """
    if isinstance(layer, Shapes):
        return _drawn(layer, image, shape[-2:])
    labels = np.asarray(image_array(layer))
    kept = min(labels.ndim, len(shape))
    labels = labels.max(axis=tuple(range(labels.ndim - kept)))
    return Regions(_placed(labels, layer, image, shape[len(shape) - kept :]))


def _placed(labels: NDArray[Any], layer: Labels, image: Image, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the label that lies at every pixel of an image of this shape, whose last axes those of the labels are."""
    from scipy.ndimage import affine_transform

    ndim = labels.ndim
    matrix, offset = pixel_map(image, layer)
    matrix, offset = matrix[-ndim:, -ndim:], offset[-ndim:]
    if labels.shape == shape and np.allclose(matrix, np.eye(ndim), atol=1e-4) and np.allclose(offset, 0, atol=0.01):
        return labels.astype(np.int64)
    moved: NDArray[np.int64] = affine_transform(labels.astype(np.int64), matrix, offset, shape, order=0, mode="constant")
    if labels.any() and not moved.any():
        raise ValueError(f"the layer {layer.name!r} marks no pixel of the image: it lies beside it")
    return moved


def _drawn(layer: Shapes, image: Image, shape: tuple[int, ...]) -> Regions:
    labels, lines, overlapping = np.zeros(shape, np.int64), {}, set()
    for number, (vertices, kind) in enumerate(zip(layer.data, layer.shape_type, strict=True), start=1):
        points = np.array([pixel_of(image, layer, vertex) for vertex in vertices])
        if kind in LINES:
            lines[number] = points[[0, -1]]
            continue
        inside = Shapes([points], shape_type=kind).to_masks(shape)[0]
        overlapping |= set(np.unique(labels[inside]).tolist())
        labels[inside] = number
    return Regions(labels, lines, tuple(sorted(overlapping - {0})))


def pixel_of(image: Image, layer: Layer, vertex: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the pixel (Y, X) of an image at which a vertex of a layer lies."""
    world = np.asarray(layer.data_to_world(vertex), dtype=float)
    padded = np.append(np.zeros(max(0, image.ndim - layer.ndim)), world)[-image.ndim :]
    return np.asarray(image.world_to_data(padded), dtype=float)[-2:]


def write_features(layer: Labels | Shapes, quantities: Sequence[Quantity], frame: tuple[int, ...]) -> None:
    """Put the quantities of a frame into the features of the layer whose regions they are of, beside those that are there."""
    import pandas as pd

    from napari_tweedie.analysis.measurements import as_features

    found = pd.DataFrame(as_features(quantities, frame)).set_index("index")
    there = layer.features.copy()
    if isinstance(layer, Shapes):
        found = found.reindex(range(1, len(layer.data) + 1)).reset_index(drop=True)
        layer.features = pd.concat([there.drop(columns=found.columns, errors="ignore"), found], axis=1)
        return
    if "index" not in there:
        there["index"] = np.arange(len(there))
    kept = there.set_index("index").drop(columns=found.columns, errors="ignore")
    layer.features = kept.join(found, how="outer").reset_index()
