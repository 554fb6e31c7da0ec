"""Input layers: what a napari layer gives the engine."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from napari.layers import Image, Layer

from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.sources import layer_calibration
from napari_tweedie.images.units import METRES
from napari_tweedie.widgets.layers.proposed_axes import propose

METADATA = "napari_tweedie"
"""Key of a result's provenance in its layer's metadata."""
COUNTS = "counts"
SAMPLED = 2**15
"""Pixels of an array by which edits in place are noticed."""


def made_of(layer: Layer) -> dict[str, Any]:
    """Return the provenance in a layer's metadata; empty where it has none, or one of another form: anybody may write there."""
    made = layer.metadata.get(METADATA)
    return made if isinstance(made, dict) else {}


def recipe_of(layer: Layer) -> dict[str, Any]:
    """Return the recipe in a layer's provenance; empty where it has none."""
    recipe = made_of(layer).get("recipe")
    return recipe if isinstance(recipe, dict) else {}


def is_result(layer: Layer) -> bool:
    """Tell whether a layer is a result of this plugin that nobody is likely to go on with; simulated measurements are not."""
    return bool(made_of(layer)) and recipe_of(layer).get("job") != "degrade"


def image_array(layer: Layer) -> Any:
    """Return the pixels of a layer as they are (NumPy, dask, zarr); of a multiscale layer the finest level."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def grey_unit(layer: Layer | None) -> str:
    """Return the unit of a layer's grey levels: counts where they are whole numbers, or were before; else nothing is known."""
    if layer is None:
        return ""
    if "grey_unit" in (made := made_of(layer)):
        return str(made["grey_unit"])
    return COUNTS if np.dtype(image_array(layer).dtype).kind in "ui" and not getattr(layer, "rgb", False) else ""


def image_axes(layer: Image) -> str:
    """Return the axes string of a layer, one letter an axis of its array, proposed where its axes have no names."""
    return propose(layer, image_array(layer)).axes


def nanometres(layer: Layer) -> tuple[float, ...]:
    """Return the pixel size of a layer along the z, y, x that it has, as an input of a method has it: empty where unknown."""
    axes = guess_axes((1,) * layer.ndim, layer.axis_labels)
    sizes = layer_calibration(layer, axes)
    if sizes.unit == "pixel" or set(sizes.unknown) & set("zyx"):
        return ()
    factor = 1e9 * METRES[sizes.unit]
    return tuple(factor * size for axis, size in zip(axes, sizes.spacing, strict=True) if axis in "zyx")


def fingerprint(layer: Layer) -> int:
    """Return a number that changes when the pixels of an array in memory are edited in place, most likely; 0 for other layers."""
    array = image_array(layer)
    if type(array) is not np.ndarray:
        return 0
    step = max(1, int((array.size / SAMPLED) ** (1 / array.ndim)))
    return zlib.crc32(array[(slice(None, None, step),) * array.ndim].tobytes())
