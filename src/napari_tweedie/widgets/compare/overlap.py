"""Overlap of two layers: which of their pixels lie on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_tweedie.widgets.layers.crop import Crop, visible_pixels
from napari_tweedie.widgets.layers.input import image_array

if TYPE_CHECKING:
    from napari.viewer import Viewer

TOLERANCE = 0.05
"""Distance of two pixel centres, in pixels, up to which they count as one."""


def shared(first: Image, second: Image) -> tuple[Crop, Crop]:
    """Return the crops of two layers, without colour samples, that lie on each other, pixel on pixel.

    A layer of fewer axes lies on all slices of the other.

    Raises
    ------
    ValueError
        If their pixels do not lie on each other; the message says so.
    """
    n = min(first.ndim, second.ndim)
    lengths = [np.array(_shape(layer)[-n:]) for layer in (first, second)]
    (origin, steps), (other_origin, other_steps) = _grid(first, n), _grid(second, n)
    drift = np.abs(np.linalg.inv(steps) @ (other_steps - steps)) @ (lengths[1] - 1)
    offset = np.linalg.inv(steps) @ (other_origin - origin)
    shift = np.rint(offset).astype(int)
    if drift.max() > TOLERANCE or np.abs(offset - shift).max() > TOLERANCE:
        raise ValueError(
            f"the pixels of {second.name!r} do not lie on those of {first.name!r}: they differ in size or position; "
            "blinking and swiping need no common pixels"
        )
    start = np.maximum(shift, 0)
    stop = np.minimum(lengths[0], shift + lengths[1])
    if (stop <= start).any():
        raise ValueError(f"{second.name!r} lies beside {first.name!r}, they share no pixels")
    return _crop(first, start, stop), _crop(second, start - shift, stop - shift)


def lazily(layer: Image, crop: Crop) -> Any:
    """Return a crop of a layer as a dask array of float32, read where it is looked at; colour as its mean."""
    import dask.array as da

    array = image_array(layer)
    if not isinstance(array, da.Array):
        slices = (1,) * (array.ndim - 2 - layer.rgb) + array.shape[array.ndim - 2 - layer.rgb :]
        array = da.from_array(array, chunks=getattr(array, "chunks", None) or slices, name=False)
    grey = array[..., :3].mean(-1) if layer.rgb else array
    return crop.of(grey).astype(np.float32)


def plane_crops(viewer: Viewer, first: Image, second: Image, visible: bool = False) -> tuple[Crop, Crop]:
    """Return the plane that is looked at of both layers, on the pixels that they share.

    Parameters
    ----------
    viewer : Viewer
        It says which axes make the plane, where its sliders stand, and what is seen.
    first, second : Image
        The layers.
    visible : bool
        Whether to leave out what lies outside of the canvas; a 3-D view shows all.

    Raises
    ------
    ValueError
        If the layers share no pixels there.
    """
    crops = shared(first, second)
    n = min(first.ndim, second.ndim)
    shown = [axis - viewer.dims.ndim + n for axis in viewer.dims.order[-2:]]
    if min(shown) < 0:
        raise ValueError(f"{first.name!r} and {second.name!r} do not both have the axes that are shown")
    here = [
        np.rint(layer.world_to_data(viewer.dims.point)).astype(int) - crop.start
        for layer, crop in zip((first, second), crops, strict=True)
    ]
    size = np.subtract(crops[0].stop, crops[0].start)[-n:]
    low, high = here[0][-n:].copy(), here[0][-n:] + 1
    low[shown], high[shown] = 0, size[shown]
    if visible and viewer.dims.ndisplay == 2:
        begin, end = (edge[-n:] - np.array(crops[0].start[-n:]) for edge in visible_pixels(first))
        low[shown], high[shown] = np.maximum(begin, 0)[shown], np.minimum(end, size)[shown]
    if (low < 0).any() or (high > size).any() or (high <= low).any():
        raise ValueError(f"{first.name!r} and {second.name!r} share no pixels here")
    found = []
    for crop, point in zip(crops, here, strict=True):
        begin, end = point.copy(), point + 1
        begin[-n:], end[-n:] = low, high
        found.append(Crop(tuple(map(int, crop.start + begin)), tuple(map(int, crop.start + end))))
    return found[0], found[1]


def plane(layer: Image, crop: Crop) -> NDArray[np.float32]:
    """Read a crop of a layer that `plane_crops` returned, without the axes of one pixel; colour as its mean."""
    values: NDArray[np.float32] = np.squeeze(np.asarray(lazily(layer, crop)))
    return values


def _grid(layer: Image, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where the first pixel lies in the world, and the steps to the next ones as columns, of the last n axes."""
    pixels = np.zeros((n + 1, layer.ndim))
    pixels[1:, -n:] = np.eye(n)
    world = np.array([layer.data_to_world(pixel) for pixel in pixels])[:, -n:]
    return world[0], (world[1:] - world[0]).T


def _shape(layer: Image) -> tuple[int, ...]:
    return tuple(image_array(layer).shape[: layer.ndim])


def _crop(layer: Image, start: NDArray[np.int_], stop: NDArray[np.int_]) -> Crop:
    free = _shape(layer)[: layer.ndim - len(start)]
    return Crop((0,) * len(free) + tuple(map(int, start)), free + tuple(map(int, stop)))
