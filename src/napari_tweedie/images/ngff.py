"""Metadata of OME-Zarr images (OME-NGFF 0.4, 0.5) as they are written: validated against the specification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from napari_tweedie.images.picture import Picture, hex_colour

Version = Literal["0.4", "0.5"]
Limits = Sequence[tuple[float, float]]

_COLOURS = ("00FFFF", "FF00FF", "FFFF00", "FF0000", "00FF00", "0000FF")


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
        if letter not in like.unknown and (letter == "t" or (letter in "zyx" and like.unit != "pixel")):
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
        image["omero"] = {"channels": _shown(like.channels, limits, like.display)}
    if version == "0.4":
        return v04.Image.model_validate(image).model_dump(mode="json", exclude_none=True)
    return {"ome": v05.Image.model_validate(image).model_dump(mode="json", exclude_none=True)}


def names(axes: str) -> list[str]:
    """Return the names of axes in an OME-Zarr, where colours are channels."""
    return ["c" if axis == "s" else axis for axis in axes]


def _shown(channels: Sequence[str], limits: Limits, display: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the names of channels with what viewers ask for beside them: a colour and a range of grey levels."""
    usual = _COLOURS if len(channels) > 1 else ("FFFFFF",)
    found = []
    for n, (name, (low, high)) in enumerate(zip(channels, limits, strict=True)):
        shown = display[n] if display else {}
        start, end = shown.get("contrast_limits") or (low, high)
        window = {"start": start, "end": end, "min": min(low, start), "max": max(high, end)}
        found.append({"label": name, "color": hex_colour(shown) or usual[n % len(usual)], "window": window})
    return found
