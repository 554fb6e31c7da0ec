"""Lazy layers: only that computed which somebody looks at."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_error

from napari_tweedie.large.lazy_array import lazy, lazy_levels
from napari_tweedie.widgets.layers.input import METADATA, image_array
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.layers.result import result_layer

if TYPE_CHECKING:
    from napari.components import Dims

    from napari_tweedie.recipe.recipe import Recipe


def lazy_layer(source: Image, recipe: Recipe) -> Image:
    """Return a layer of what a recipe makes of another, computed where it is looked at; its levels are those of the input.

    Errors that come up then are told once each, and leave the layer empty there.

    Raises
    ------
    ValueError
        If the recipe cannot be done region by region.
    """
    failed = _Once()
    data: Any = lazy_levels(recipe, list(source.data), failed=failed) if source.multiscale else None
    shape = image_array(source).shape
    image = data or lazy(recipe, source.data, failed=failed)
    layer = result_layer(source, image, "denoised on demand", (0,) * len(shape), (1.0,) * len(shape))
    crop = {"start": [0] * len(shape), "stop": list(shape)}
    made = {"version": version("napari-tweedie"), "recipe": recipe.model_dump(mode="json"), "axes": recipe.axes}
    layer.metadata[METADATA] = {"input": source.name, "crop": crop, **made, "result": "denoised", "lazy": True}
    return layer


def shown_crop(layer: Image, dims: Dims) -> Any:
    """Return the crop of a layer, as a dask array, that a viewer would show first: of several levels the coarsest."""
    levels = list(layer.data) if layer.multiscale else [layer.data]
    factors = layer.downsample_factors[-1][: layer.ndim] if layer.multiscale else np.ones(layer.ndim)
    point = np.rint(layer.world_to_data(dims.point) / factors).astype(int)
    last = np.array(levels[-1].shape[: layer.ndim]) - 1
    displayed = [axis - dims.ndim + layer.ndim for axis in dims.displayed]
    place = (slice(None) if axis in displayed else int(at) for axis, at in enumerate(np.clip(point, 0, last)))
    return levels[-1][tuple(place)]


class _Once:
    """Tells every error once, from whatever thread: each region of an image may fail in the same way."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, error: Exception) -> None:
        text = sentence(error)
        if text not in self._told:
            self._told.add(text)
            show_error(text)
