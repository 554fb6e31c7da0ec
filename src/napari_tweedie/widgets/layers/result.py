"""Result layers: what a result looks like beside its input."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from napari_tweedie.engine.bad_pixels import KINDS
from napari_tweedie.images.titles import titled
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.recipe.words import in_words
from napari_tweedie.widgets.layers.colours import KIND_COLOURS, SIGNED, label_colours
from napari_tweedie.widgets.layers.input import METADATA, made_of, recipe_of


def result_layer(
    source: Image, image: Any, what: str, start: Sequence[int], zoom: Sequence[float], kind: str = "image", unit: str = ""
) -> Image:
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
    unit : str
        Unit of its values, which is seen beside a colour bar.
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
        name=titled(source.name, what, unit),
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
        colormap={"difference": SIGNED, "spread": "magma"}.get(kind, source.colormap),
        blending=source.blending,
        gamma=source.gamma if kind == "image" else 1.0,
        interpolation2d=source.interpolation2d,
        contrast_limits=None if rgb else limits,
        metadata={METADATA: {"input": source.name}},
    )


def show_scale(layer: Image) -> None:
    """Show a colour bar in the canvas, and the name of the layer beside it, which says the unit; once the layer is looked at."""
    if not hasattr(layer, "colorbar"):  # before napari 0.9
        return
    if not layer.visible:  # what is hidden need not be drawn, for which the window would wait

        def show(event: object) -> None:
            layer.events.visible.disconnect(show)
            show_scale(layer)

        layer.events.visible.connect(show)
        return
    layer.name_overlay.position = layer.colorbar.position
    layer.name_overlay.visible = layer.colorbar.visible = True


def tell(layer: Layer) -> None:
    """Have the layer list say, where the pointer rests on a result, what was done, as its metadata has it."""
    recipe = recipe_of(layer)
    if recipe:
        with suppress(ValueError):  # a recipe of methods that are not installed here
            told = "\n".join(filter(None, [layer.name, _source_in_words(layer), in_words(Recipe(**recipe))]))
            layer.__dict__["get_source_str"] = lambda: told


def _source_in_words(layer: Layer) -> str:
    """Say what a layer was made of, whose name its own may hold shortened."""
    source = made_of(layer).get("input", "")
    return f"Made of {source}" if source else ""


def outliers_layer(source: Image, labels: NDArray[np.uint8], start: Sequence[int]) -> Labels:
    """Return a hidden layer of the pixels that were left out, in the shape of a part of the input, by their kind."""
    first = np.asarray(start)
    return Labels(
        labels,
        name=titled(source.name, "outliers"),
        scale=source.scale,
        translate=source.affine.inverse(source.data_to_world(first)),
        rotate=source.rotate,
        shear=_shear_matrix(source),
        affine=source.affine.affine_matrix,
        units=tuple(source.units),
        axis_labels=tuple(source.axis_labels),
        colormap=label_colours(KIND_COLOURS),
        features={"index": [0, *KINDS], "kind": ["none", *KINDS.values()]},
        visible=False,
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
