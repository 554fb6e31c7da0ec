"""How does an OME-Zarr hold an image? Versions 0.4 and 0.5, opened lazily, written chunk by chunk, with a pyramid."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.chunks import CHUNK, chunk_shape, coarsened, pyramid, regions
from napari_tweedie.images.picture import METRES, NAMESPACE, UNITS, Picture, stem

if TYPE_CHECKING:
    import zarr

Version = Literal["0.4", "0.5"]
Limits = Sequence[tuple[float, float]]

_SECONDS = {"microsecond": 1e-6, "millisecond": 1e-3, "second": 1.0, "minute": 60.0, "hour": 3600.0}
_COLOURS = ("00FFFF", "FF00FF", "FFFF00", "FF0000", "00FF00", "0000FF")


def read(path: Path) -> Picture:
    """Open an OME-Zarr image, or a zarr array without metadata; its finest level, whose chunks are read on demand.

    Raises
    ------
    ValueError
        If it holds no image itself.
    """
    import zarr

    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return Picture(node, guess_axes(node.shape), name=stem(path))
    attributes: dict[str, Any] = dict(node.attrs)
    image = _image(attributes, path)
    (multiscale, *_), dataset = image.multiscales, image.multiscales[0].datasets[0]
    data, ours = node[dataset.path], attributes.get(NAMESPACE, {})
    letters = ours.get("axes", "")
    axes = letters if len(letters) == data.ndim else _letters(multiscale.axes)
    scale, shift = np.ones(data.ndim), np.zeros(data.ndim)
    for step in [*dataset.coordinateTransformations, *(multiscale.coordinateTransformations or [])]:
        if step.type == "scale":
            scale, shift = scale * step.scale, shift * step.scale
        else:
            shift = shift + step.translation
    factors, unit = _units(multiscale.axes)
    labels = [channel.label or "" for channel in image.omero.channels] if image.omero else []
    named = all(labels) and "c" in axes and len(labels) == data.shape[axes.index("c")]
    return Picture(
        data, axes, tuple(scale * factors), unit, stem(path), ours.get("metadata", {}), tuple(labels) if named else (),
        tuple(shift * factors),
    )  # fmt: skip


def _image(attributes: dict[str, Any], path: Path) -> Any:
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


def _letters(axes: Sequence[Any]) -> str:
    """Return the axes string for axes of yaozarrs."""
    known = {"time": "t", "channel": "c"}
    return "".join(axis.name if axis.type == "space" and axis.name in "zyx" else known.get(axis.type, "q") for axis in axes)


def _units(axes: Sequence[Any]) -> tuple[list[float], str]:
    """Return the factor that makes every axis one of seconds, or of the unit of x, and that unit."""
    lengths = {axis.name: UNITS.get(axis.unit, axis.unit) for axis in axes if axis.type == "space"}
    unit = lengths.get("x") if lengths.get("x") in METRES else "pixel"
    factors = []
    for axis in axes:
        length = lengths.get(axis.name)
        if unit != "pixel" and length in METRES:
            factors.append(METRES[length] / METRES[unit] if length != unit else 1.0)
        else:
            factors.append(_SECONDS.get(axis.unit, 1.0) if axis.type == "time" else 1.0)
    return factors, unit or "pixel"


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


def create(path: Path, like: Picture, chunks: Sequence[int], limits: Limits, version: Version = "0.5") -> list[zarr.Array[Any]]:
    """Create an OME-Zarr without any chunk and return its levels, the finest first.

    Parameters
    ----------
    path : Path
        A folder that does not exist.
    like : Picture
        What it will hold; of the data only shape and dtype count. Its axes are `ordered`.
    chunks : sequence of int
        Shape of the chunks of every level.
    limits : sequence of (float, float)
        Lowest and highest grey level to be shown, of every channel.
    version : str
        Version of OME-Zarr: 0.4 on zarr 2, 0.5 on zarr 3.

    Raises
    ------
    FileExistsError
        If there is something of this name.
    """
    import zarr

    if path.exists():
        raise FileExistsError(f"{path} exists: choose another name, or remove it")
    if like.data.dtype.kind == "c":
        raise ValueError(f"{path}: OME-Zarr holds no complex numbers: write a TIFF")
    shapes = pyramid(like.axes, like.data.shape)
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    group.attrs.update(_metadata(like, shapes, limits, version) | {NAMESPACE: {"axes": like.axes, "metadata": like.metadata}})
    specific: dict[str, Any] = {"dimension_names": _names(like.axes)}
    if version == "0.4":
        specific = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    return [
        group.create_array(str(level), shape=shape, chunks=tuple(chunks), dtype=like.data.dtype, **specific)
        for level, shape in enumerate(shapes)
    ]


def levels(path: Path) -> list[zarr.Array[Any]]:
    """Open all levels of what `create` made for writing; every chunk that is written becomes a file, empty or not."""
    import zarr

    group = zarr.open_group(path, mode="r+")
    number = len(_image(dict(group.attrs), path).multiscales[0].datasets)
    options: Any = {"write_empty_chunks": True}
    return [zarr.open_array(path / str(level), mode="r+", config=options) for level in range(number)]


def _metadata(like: Picture, shapes: Sequence[tuple[int, ...]], limits: Limits, version: Version) -> dict[str, Any]:
    """Return the attributes of an OME-Zarr image, validated."""
    from yaozarrs import v04, v05

    kinds = {"t": "time", "c": "channel", "s": "channel", "q": "other", "z": "space", "y": "space", "x": "space"}
    axes: list[dict[str, Any]] = []
    for name, letter in zip(_names(like.axes), like.axes, strict=True):
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


def _names(axes: str) -> list[str]:
    """Return the names of axes in an OME-Zarr, where colours are channels."""
    return ["c" if axis == "s" else axis for axis in axes]


def _shown(channels: Sequence[str], limits: Limits) -> list[dict[str, Any]]:
    """Return the names of channels with what viewers ask for beside them: a colour and a range of grey levels."""
    colours = _COLOURS if len(channels) > 1 else ("FFFFFF",)
    return [
        {"label": name, "color": colours[n % len(colours)], "window": {"start": low, "end": high, "min": low, "max": high}}
        for n, (name, (low, high)) in enumerate(zip(channels, limits, strict=True))
    ]


def write(path: Path, picture: Picture) -> None:
    """Write an OME-Zarr 0.5; it appears under its name only when it is complete.

    Raises
    ------
    ValueError
        If an OME-Zarr cannot hold the picture.
    FileExistsError
        If there is something of this name.
    """
    axes = ordered(picture.axes)
    order = [picture.axes.index(axis) for axis in axes]
    data = picture.data.transpose(order)
    spacing, origin = (tuple(values[n] for n in order) for values in (picture.spacing, picture.origin))
    like = Picture(data, axes, spacing, picture.unit, picture.name, picture.metadata, picture.channels, origin)
    planes = np.moveaxis(data, axes.index("c"), 0) if "c" in axes else data[None]
    limits = [(float(plane.min()), float(plane.max())) for plane in planes] if picture.channels else []
    if path.exists():
        raise FileExistsError(f"{path} exists: choose another name, or remove it")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        chunks = chunk_shape(axes, data.shape, dict.fromkeys("yx", CHUNK))
        fine, *coarser = create(part, like, chunks, limits)
        fine[...] = data
        for level in coarser:
            for region in regions(level.shape, level.chunks):
                level[region] = coarsened(fine, region, axes)
            fine = level
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
