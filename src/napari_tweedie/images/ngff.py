"""Metadata of an OME-Zarr (OME-NGFF 0.4, 0.5), and what it says of an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_tweedie.images.picture import METRES, UNITS, Picture

Version = Literal["0.4", "0.5"]
Limits = Sequence[tuple[float, float]]

_SECONDS = {"microsecond": 1e-6, "millisecond": 1e-3, "second": 1.0, "minute": 60.0, "hour": 3600.0}
_COLOURS = ("00FFFF", "FF00FF", "FFFF00", "FF0000", "00FF00", "0000FF")


def image(attributes: dict[str, Any], path: Path) -> Any:
    """Return the metadata of an image, a model of yaozarrs."""
    from yaozarrs import v04, v05

    ome = attributes.get("ome", attributes)
    if "multiscales" in ome:
        return (v05.Image if "ome" in attributes else v04.Image).model_validate(ome)
    if "plate" in ome:
        raise ValueError(f"it is a plate: name one of its fields, such as {path / ome['plate']['wells'][0]['path'] / '0'}")
    if "bioformats2raw.layout" in ome:
        raise ValueError(f"it is a collection of images: name one of them, such as {path / '0'}")
    raise ValueError("it is a zarr group without an OME image")


def letters(axes: Sequence[Any]) -> str:
    """Return the axes string for axes of yaozarrs."""
    known = {"time": "t", "channel": "c"}
    return "".join(axis.name if axis.type == "space" and axis.name in "zyx" else known.get(axis.type, "q") for axis in axes)


def units(axes: Sequence[Any]) -> tuple[list[float], str]:
    """Return the factor that makes every axis one of seconds, or of the unit of x, and that unit."""
    lengths = {axis.name: UNITS.get(axis.unit, axis.unit) for axis in axes if axis.type == "space"}
    unit = lengths["x"] if lengths.get("x") in METRES else "pixel"
    factors = [_SECONDS.get(axis.unit, 1.0) if axis.type == "time" else 1.0 for axis in axes]
    for n, axis in enumerate(axes):
        if unit in METRES and lengths.get(axis.name) in METRES:
            factors[n] = METRES[lengths[axis.name]] / METRES[unit]
    return factors, unit


def ordered(axes: str) -> str:
    """Return the axes in the order that OME-Zarr asks for: time, channels or others, space.

    Raises
    ------
    ValueError
        If OME-Zarr cannot hold these axes.
    """
    others = [axis for axis in axes if axis not in "tzyx"]
    if len(others) > 1:
        raise ValueError(f"an OME-Zarr has one axis besides t, z, y and x, and axes {axes!r} have {len(others)}: write a TIFF")
    return "".join(sorted(axes, key=lambda axis: 0 if axis == "t" else 2 if axis in "zyx" else 1))


def metadata(like: Picture, shapes: Sequence[tuple[int, ...]], limits: Limits, version: Version) -> dict[str, Any]:
    """Return the attributes of an OME-Zarr image, validated."""
    from yaozarrs import v04, v05

    kinds = {"t": "time", "c": "channel", "s": "channel", "q": "other", "z": "space", "y": "space", "x": "space"}
    axes: list[dict[str, Any]] = []
    for name, letter in zip(names(like.axes), like.axes, strict=True):
        axes.append({"name": name, "type": kinds[letter]})
        if letter == "t" or (letter in "zyx" and like.unit != "pixel"):
            axes[-1]["unit"] = "second" if letter == "t" else like.unit
    datasets: list[dict[str, Any]] = []
    factors = np.ones(len(axes))
    for level, shape in enumerate(shapes):
        factors *= np.where(np.less(shape, shapes[max(0, level - 1)]), 2, 1)
        steps: list[dict[str, Any]] = [{"type": "scale", "scale": [float(size) for size in factors * like.spacing]}]
        shift = like.origin + (factors - 1) / 2 * like.spacing
        if shift.any():
            steps.append({"type": "translation", "translation": [float(place) for place in shift]})
        datasets.append({"path": str(level), "coordinateTransformations": steps})
    multiscale = {"name": like.name, "axes": axes, "datasets": datasets, "type": "mean"}
    image: dict[str, Any] = {"multiscales": [multiscale]}
    if like.channels:
        image["omero"] = {"channels": _shown(like.channels, limits)}
    if version == "0.4":
        return v04.Image.model_validate(image).model_dump(mode="json", exclude_none=True)
    return {"ome": v05.Image.model_validate(image).model_dump(mode="json", exclude_none=True)}


def names(axes: str) -> list[str]:
    """Return the names of axes in an OME-Zarr, where colours are channels."""
    return ["c" if axis == "s" else axis for axis in axes]


def _shown(channels: Sequence[str], limits: Limits) -> list[dict[str, Any]]:
    """Return the names of channels with what viewers ask for beside them: a colour and a range of grey levels."""
    colours = _COLOURS if len(channels) > 1 else ("FFFFFF",)
    return [
        {"label": name, "color": colours[n % len(colours)], "window": {"start": low, "end": high, "min": low, "max": high}}
        for n, (name, (low, high)) in enumerate(zip(channels, limits, strict=True))
    ]
