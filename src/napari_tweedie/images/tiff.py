"""TIFF files: OME-TIFF in and out, ImageJ and plain ones in."""

from __future__ import annotations

import json
import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from xml.etree import ElementTree

import numpy as np

from napari_tweedie.images.picture import METRES, NAMESPACE, SYMBOLS, UNITS, Picture, stem

if TYPE_CHECKING:
    import tifffile

SUFFIXES = {".tif", ".tiff", ".btf", ".tf8"}
SECONDS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}

LAZY = 2**31
"""A TIFF of more bytes is read where it is looked at: mapped into memory, or decompressed piece by piece."""


def read(path: Path) -> Picture:
    """Read the first image of a TIFF."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        data, axes = _values(path, series)
        ours: dict[str, Any] = {}
        channels: tuple[str, ...] = ()
        sizes, unit = _imagej_sizes(file) if file.is_imagej else ({}, "pixel")
        if file.is_ome:
            root = ElementTree.fromstring(file.ome_metadata or "")
            sizes, unit = _ome_sizes(root)
            channels = _channel_names(root)
            ours = json.loads(root.findtext(f".//{{*}}CommentAnnotation[@Namespace='{NAMESPACE}']/{{*}}Value") or "{}")
    if ours and [length for length in ours["shape"] if length > 1] == [length for length in data.shape if length > 1]:
        data, axes = data.reshape(ours["shape"]), ours["axes"]  # axes of length 1 are dropped elsewhere
    if "c" not in axes or data.shape[axes.index("c")] != len(channels):
        channels = ()
    spacing = tuple(sizes.get(axis, 1.0) for axis in axes)
    return Picture(data, axes, spacing, unit, stem(path), ours.get("metadata", {}), channels)


def write(path: Path, picture: Picture) -> None:
    """Write a compressed OME-TIFF; it appears under its name only when it is complete.

    Raises
    ------
    ValueError
        If an OME-TIFF cannot hold the picture.
    """
    import tifffile

    data, axes = picture.data, picture.axes
    spacing = dict(zip(axes, picture.spacing, strict=True))
    if "s" in axes:
        data, axes = np.moveaxis(data, axes.index("s"), -1), axes.replace("s", "") + "s"
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        tifffile.imwrite(
            part,
            data,
            ome=True,
            bigtiff=data.nbytes > 2**32 - 2**25,
            photometric="rgb" if axes.endswith("s") else "minisblack",
            compression="zlib",
            predictor=2 if data.dtype.kind in "ui" else None,  # differences of neighbours compress better
            software="napari-tweedie",
            metadata=_ome_metadata(picture, axes, data.shape, spacing),
        )
        part.replace(path)
    except (tifffile.OmeXmlError, ValueError) as error:
        raise ValueError(f"{path} cannot be written as OME-TIFF: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _ome_metadata(picture: Picture, axes: str, shape: tuple[int, ...], spacing: dict[str, float]) -> dict[str, Any]:
    ours = {"axes": axes, "shape": shape, "metadata": picture.metadata}
    ome: dict[str, Any] = {"UUID": str(uuid4()), "Creator": "napari-tweedie", "Name": picture.name}
    ome["CommentAnnotation"] = {"Namespace": NAMESPACE, "Value": json.dumps(ours)}
    unnamed = iter("QREH")  # OME's other dimensions: other, tile, lambda, lifetime
    ome["axes"] = "".join(next(unnamed, "?") if axis == "q" else axis.upper() for axis in axes)
    symbol = next((symbol for symbol, name in SYMBOLS.items() if name == picture.unit), picture.unit)
    for axis, size in spacing.items():
        if axis in "zyx":
            ome |= {f"PhysicalSize{axis.upper()}": size, f"PhysicalSize{axis.upper()}Unit": symbol}
        elif axis == "t":
            ome |= {"TimeIncrement": size, "TimeIncrementUnit": "s"}
    if picture.channels and "c" in axes:
        ome["Channel"] = {"Name": list(picture.channels)}
    return ome


def _values(path: Path, series: tifffile.TiffPageSeries) -> tuple[Any, str]:
    """Return the array of a series, lazily where it is large, and its axes in our letters."""
    import tifffile

    if series.nbytes <= LAZY:
        data = series.asarray()
        return with_letters(data.astype(data.dtype.newbyteorder("="), copy=False), series.axes)
    if series.dataoffset is not None:
        return with_letters(tifffile.memmap(path, mode="r"), series.axes)
    import dask.array as da
    import zarr

    store = tifffile.imread(path, aszarr=True, series=0, level=0)
    pieces = zarr.open_array(store, mode="r")
    weakref.finalize(pieces, store.close)
    return with_letters(da.from_array(pieces), series.axes)


def with_letters(data: Any, axes: str) -> tuple[Any, str]:
    """Return the array with axes in our letters: samples last where they are RGB(A), channels first otherwise."""
    axes = "".join(axis if axis in "tczyxs" else "q" for axis in axes.lower())
    if "s" not in axes:
        return data, axes
    at, rest = axes.index("s"), axes.replace("s", "")
    if data.shape[at] in (3, 4):
        return np.moveaxis(data, at, -1), f"{rest}s"
    return np.moveaxis(data, at, 0), f"{'q' if 'c' in rest else 'c'}{rest}"


def _channel_names(root: ElementTree.Element) -> tuple[str, ...]:
    """Return the names of the channels of the first image, none if one has no name."""
    image = root.find("{*}Image")
    names = [] if image is None else [channel.get("Name", "") for channel in image.findall(".//{*}Channel")]
    return tuple(names) if all(names) else ()


def _ome_sizes(root: ElementTree.Element) -> tuple[dict[str, float], str]:
    """Return the pixel size of every axis that OME-XML gives, and the unit of x, y and z."""
    pixels = root.find(".//{*}Pixels")
    given = {} if pixels is None else pixels.attrib
    unit = UNITS.get(given.get("PhysicalSizeXUnit", "µm"), "pixel") if "PhysicalSizeX" in given else "pixel"
    sizes = {}
    for axis in "xyz":
        if f"PhysicalSize{axis.upper()}" in given:
            own = UNITS.get(given.get(f"PhysicalSize{axis.upper()}Unit", "µm"), "pixel")
            factor = METRES[own] / METRES[unit] if own != unit and {own, unit} <= METRES.keys() else 1.0
            sizes[axis] = float(given[f"PhysicalSize{axis.upper()}"]) * factor
    if "TimeIncrement" in given:
        sizes["t"] = float(given["TimeIncrement"]) * SECONDS.get(given.get("TimeIncrementUnit", "s"), 1.0)
    return sizes, unit


def _imagej_sizes(file: tifffile.TiffFile) -> tuple[dict[str, float], str]:
    """Return the pixel size of every axis that ImageJ gives, and the unit of x, y and z."""
    given, tags = file.imagej_metadata or {}, file.pages.first.tags
    unit = str(given.get("unit", "pixel")).replace("\\u00B5", "µ")
    sizes = {"z": float(given.get("spacing", 1.0)), "t": float(given.get("finterval", 1.0))}
    for axis, tag in (("x", "XResolution"), ("y", "YResolution")):
        pixels, length = tags[tag].value if tag in tags else (1, 1)
        sizes[axis] = length / pixels if pixels else 1.0
    return sizes, UNITS.get(unit, unit if unit in METRES else "pixel")
