"""Writer offered to napari: image layers as OME-TIFF or OME-Zarr, with recipe, axes, sizes, units, places and colours."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from napari_tweedie.files.reader import PROVENANCE
from napari_tweedie.images.files import check_target, write
from napari_tweedie.images.missing import plain
from napari_tweedie.images.picture import Picture
from napari_tweedie.images.sources import of_layer

LayerData = tuple[Any, Mapping[str, Any], str]

TURNS = ("rotate", "shear", "affine")
SHOWN = ("contrast_limits", "gamma", "opacity", "blending", "visible", *TURNS)
"""What is kept of a layer as it is, besides its colormap."""


def write_layers(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Write image layers: one as it is, several of one shape and place as channels, others as a file each.

    Parameters
    ----------
    path : str
        Ends in ``.tif``, ``.tiff`` or ``.zarr``; without a suffix, an OME-TIFF is written.
    layers : sequence of tuple
        Data, attributes and kind of every layer, as napari gives them.

    Returns
    -------
    list of str
        The files that were written.

    Raises
    ------
    ValueError, OSError
        As `write` does, before the first file is written where that can be known.
    """
    target = Path(path) if Path(path).suffix.lower() in (".tif", ".tiff", ".zarr") else Path(f"{path}.ome.tif")
    pictures = [_picture(data, attributes) for data, attributes, _ in layers]
    if len(pictures) > 1 and len({_place(picture, layer[1]) for picture, layer in zip(pictures, layers, strict=True)}) == 1:
        pictures = [_as_channels(pictures)]
    elif len(pictures) > 1:
        names = ", ".join(picture.name for picture in pictures)
        warnings.warn(f"{names} differ in shape, axes or place: they are written as a file each.", stacklevel=2)
    start, end = target.name.removesuffix(target.suffix), target.suffix
    start, end = (start[:-4], f".ome{end}") if start.lower().endswith(".ome") else (start, end)
    targets = [target, *(target.with_name(f"{start}_{n}{end}") for n in range(2, len(pictures) + 1))]
    for place, picture in zip(targets, pictures, strict=True):
        check_target(place, picture.axes)
    for place, picture in zip(targets, pictures, strict=True):
        write(
            place, picture.data, picture.axes, picture.spacing, picture.unit, picture.metadata,
            channels=picture.channels, origin=picture.origin, unknown=picture.unknown, display=picture.display,
        )  # fmt: skip
    return [str(place) for place in targets]


def _picture(data: Any, attributes: Mapping[str, Any]) -> Picture:
    """Return a layer as a picture."""
    finest = data[0] if attributes.get("multiscale") else data
    ndim = finest.ndim - bool(attributes.get("rgb"))
    usual: dict[str, Any] = {
        "axis_labels": [""] * ndim,
        "scale": [1.0] * ndim,
        "translate": [0.0] * ndim,
        "rgb": False,
        "metadata": {},
        "name": "",
    }
    given = usual | {key: value for key, value in attributes.items() if value is not None}
    layer = SimpleNamespace(**given | {"data": finest, "multiscale": False, "ndim": ndim, "source": None})
    known = of_layer(layer)
    colour = [1.0] * (finest.ndim - ndim)
    scale, places = [*map(float, given["scale"]), *colour], [*map(float, given["translate"]), *(0 * one for one in colour)]
    named = [(axis not in known.unknown, size, own) for axis, size, own in zip(known.axes, known.spacing, scale, strict=True)]
    spacing = tuple(size if is_known else abs(own) for is_known, size, own in named)
    origin = tuple(place * size / abs(own) for place, size, own in zip(places, spacing, scale, strict=True))
    shown = {key: _json(given[key]) for key in SHOWN if key in given} | {"colormap": _colormap(given.get("colormap"))}
    if min(scale) < 0:
        shown["scale"] = [math.copysign(size, own) for size, own in zip(spacing, scale, strict=True)][:ndim]
    turns = () if "c" not in known.axes else TURNS  # those of all axes would not fit the layer of a channel
    shown = {key: value for key, value in shown.items() if value is not None and key not in turns}
    count = finest.shape[known.axes.index("c")] if "c" in known.axes else 1
    channels = () if {"c", "s"} & set(known.axes) else (str(given["name"]),)
    return Picture(
        plain(finest), known.axes, spacing, known.unit, str(given["name"]), given["metadata"].get(PROVENANCE, {}), channels,
        origin, known.unknown, display=(shown,) * count,
    )  # fmt: skip


def _place(picture: Picture, attributes: Mapping[str, Any]) -> Any:
    """Return what layers must share to be channels of one image; what is colour, or has channels, shares nothing."""
    if set("cs") & set(picture.axes):
        return object()
    turned = str([_json(attributes.get(key)) for key in TURNS])
    return picture.data.shape, picture.axes, picture.spacing, picture.origin, picture.unit, turned


def _as_channels(pictures: Sequence[Picture]) -> Picture:
    """Return pictures of one shape as the channels of one, each with its own recipe and colours."""
    first = pictures[0]
    at = 1 if first.axes.startswith("t") else 0
    axes = f"{first.axes[:at]}c{first.axes[at:]}"
    spacing, origin = ((*values[:at], one, *values[at:]) for values, one in ((first.spacing, 1.0), (first.origin, 0.0)))
    display = tuple({**each.display[0], "metadata": {PROVENANCE: each.metadata} if each.metadata else {}} for each in pictures)
    return Picture(
        np.stack([picture.data for picture in pictures], at), axes, spacing, first.unit, first.name, first.metadata,
        tuple(picture.name for picture in pictures), origin, first.unknown, display=display,
    )  # fmt: skip


def _colormap(colormap: Any) -> Any:
    """Return a colormap as JSON: its name and its colours."""
    if colormap is None or isinstance(colormap, str):
        return colormap
    fields = colormap if isinstance(colormap, Mapping) else colormap.dict()
    colours, controls = [_shortest(values) for values in fields["colors"]], _shortest(fields["controls"])
    uneven = {} if np.allclose(controls, np.linspace(0, 1, len(controls)), atol=1e-6) else {"controls": controls}
    return {"name": str(fields["name"]), "interpolation": str(fields["interpolation"]), "colors": colours, **uneven}


def _shortest(values: Any) -> list[float]:
    """Return numbers of single precision with the fewest digits that they come back from: napari knows its colormaps by them."""
    return [float(str(value)) for value in np.asarray(values, np.float32)]


def _json(value: Any) -> Any:
    """Return an attribute of a layer as JSON takes it."""
    if isinstance(value, np.ndarray | list | tuple):
        return np.asarray(value).tolist()
    plain_value = value.item() if isinstance(value, np.generic) else value
    return plain_value if isinstance(plain_value, bool | int | float | None) else str(plain_value)
