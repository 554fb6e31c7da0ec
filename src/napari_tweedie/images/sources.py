"""Sources of an image: a file, a napari layer, an array of any library; each as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.files import read
from napari_tweedie.images.picture import Picture

UNNAMED = ("dim_",)
"""How names of axes begin that xarray gives to those without one."""


def as_picture(source: Any) -> Picture:
    """Return what is known of an image: its array, axes, and the size of its pixels.

    Parameters
    ----------
    source : Picture, path, layer or array-like
        A picture; a file to read; a napari image layer (of a multiscale one, the finest level); or an array of NumPy, dask,
        zarr, xarray (whose dimension names are read) or torch.

    Raises
    ------
    ValueError
        If it has fewer than two axes, or the file is no image.
    FileNotFoundError
        If there is no such file.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | Path):
        return read(source)
    if hasattr(source, "axis_labels") and hasattr(source, "scale"):
        return _of_layer(source)
    if hasattr(source, "detach"):
        source = source.detach().cpu().numpy()
    if hasattr(source, "dims") and hasattr(source, "data"):
        names = ["" if str(name).startswith(UNNAMED) else str(name) for name in source.dims]
        return Picture(source.data, guess_axes(source.shape, names), name=str(getattr(source, "name", None) or ""))
    array = source if hasattr(source, "shape") else np.asarray(source)
    return Picture(array, guess_axes(array.shape))


def _of_layer(layer: Any) -> Picture:
    array = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    axes = guess_axes(array.shape, layer.axis_labels, layer.rgb)
    colour = (1.0,) * layer.rgb
    sizes = lengths(layer)
    spacing = tuple(float(size) for size in (layer.scale if sizes is None else sizes)) + colour
    return Picture(array, axes, spacing, "pixel" if sizes is None else "micrometer", layer.name)


def lengths(layer: Any) -> list[float] | None:
    """Return the pixel size along every axis of a napari layer in micrometres, or None where it does not know it."""
    try:
        return [float((size * unit).to("um").magnitude) for size, unit in zip(layer.scale, layer.units, strict=True)]
    except (TypeError, AttributeError):  # pint: pixels are no length; older napari: no units
        return None
