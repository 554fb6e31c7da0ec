"""TIFF files: OME-TIFF in and out, ImageJ, Zeiss LSM and plain ones in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from napari_tweedie.images import units
from napari_tweedie.images.calibration import calibrate
from napari_tweedie.images.colour import Image, Samples, grey_or_colour
from napari_tweedie.images.ome_xml import opened
from napari_tweedie.images.picture import NAMESPACE, Picture, hex_colour, stem
from napari_tweedie.images.tiff_metadata import Metadata, metadata
from napari_tweedie.images.tiff_series import complaints, described, originals, planes
from napari_tweedie.images.whole import whole

if TYPE_CHECKING:
    import tifffile

SUFFIXES = {".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".stk", ".svs", ".scn", ".ndpi", ".qptiff", ".gel", ".pcoraw"}

_PALETTE = 3
"""What TIFF calls colours from a table."""
_AS_THEY_ARE = {1, 5, 8, 32773, 32946, 34925, 50000}
"""Compressions that return the samples as they are stored; others make red, green, blue of YCbCr."""


def names(path: Path) -> list[str]:
    """Return the names of the images of a TIFF; smaller copies of others do not count."""
    with complaints(), opened(path) as file:
        return [file.series[number].name for number in originals(file)[0]]


def read(path: Path, number: int = 0, pixels: bool = True) -> Picture:
    """Read an image of a TIFF, counted as `names` does; without its pixels, it has zeros that take no memory."""
    with complaints() as heard, opened(path) as file:
        kept, left_out = originals(file)
        series = file.series[kept[number]]
        said = metadata(file, series)
        stored = planes(path, file, kept[number], heard) if pixels or heard else described(series)
        image = grey_or_colour(stored.data, stored.axes, _samples(series.keyframe, file.is_imagej))
    image = image if pixels else _of_full_size(image, series)
    data, axes = image.data, image.axes
    notes = [*left_out, *said.notes, *stored.notes, *image.notes]
    if not (said.notes or stored.notes):
        notes += [f"The file is damaged: {_cleaned(message)}." for message in heard if "series" in message][:1]
    ours = said.ours
    if ours and [length for length in ours["shape"] if length > 1] == [length for length in data.shape if length > 1]:
        data, axes = data.reshape(ours["shape"]), ours["axes"]  # axes of length 1 are dropped elsewhere
    named = "c" in axes and data.shape[axes.index("c")] == len(said.channels)
    sizes = calibrate(axes, said.stated)
    return Picture(
        data, axes, sizes.spacing, sizes.unit, stem(path), ours.get("metadata", {}), said.channels if named else (),
        tuple(ours.get("origin", ())) if axes == ours.get("axes") else (),
        unknown=sizes.unknown, notes=(*notes, *sizes.notes), display=_display(axes, data.shape, said),
    )  # fmt: skip


def _display(axes: str, shape: tuple[int, ...], said: Metadata) -> tuple[Mapping[str, Any], ...]:
    """Return how the channels are shown: as we wrote it, else in the colours that the file gives them."""
    count = shape[axes.index("c")] if "c" in axes else 1
    colours = tuple({"colormap": colour} if colour else {} for colour in said.colours)
    return next((found for found in (tuple(said.ours.get("display", ())), colours) if any(found) and len(found) == count), ())


def _cleaned(message: str) -> str:
    """Return what tifffile logged without the name of the file in front."""
    return message.rpartition("> ")[2].rstrip(".")


def _samples(page: tifffile.TiffPage, is_imagej: bool) -> Samples:
    """Return what the samples of a pixel are; the table of colours of an ImageJ file only shows its grey levels."""
    kinds = {0: "white is zero", 1: "grey", 2: "rgb", 5: "cmyk", 6: "ycbcr", 8: "lab", 9: "icc lab", 32803: "cfa"}
    kind = kinds.get(int(page.photometric), "grey")
    if kind == "ycbcr" and int(page.compression) not in _AS_THEY_ARE:
        kind = "rgb"
    alpha = bool(set(map(int, page.extrasamples)) & {1, 2})
    table = page.colormap if int(page.photometric) == _PALETTE else None
    if table is not None and is_imagej:
        table = np.tile(np.arange(table.shape[-1], dtype=table.dtype), (3, 1))
    return Samples(kind, alpha, page.bitspersample, table)


def _of_full_size(image: Image, series: tifffile.TiffPageSeries) -> Image:
    """Return what was made of a series with one pixel, as large as the series is."""
    lengths = [length for length, axis in zip(series.shape, series.axes, strict=True) if axis != "S"]
    samples = len(image.axes) - len(lengths)
    shape = (*lengths, *image.data.shape[-samples:]) if image.axes.endswith("s") else (*image.data.shape[:samples], *lengths)
    return replace(image, data=np.broadcast_to(image.data, shape))


def write(path: Path, picture: Picture) -> None:
    """Write a compressed OME-TIFF; it appears under its name only when it is complete.

    Raises
    ------
    ValueError
        If an OME-TIFF cannot hold the picture.
    """
    import tifffile

    axes = "".join(sorted(picture.axes, key=lambda axis: "yxs".find(axis)))  # what is none of these comes first
    data = picture.data.transpose([picture.axes.index(axis) for axis in axes]) if axes != picture.axes else picture.data
    known = zip(picture.axes, picture.spacing, strict=True)
    spacing = {axis: size for axis, size in known if axis not in picture.unknown}
    try:
        with whole(path) as part:
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
    except (tifffile.OmeXmlError, ValueError) as error:
        raise ValueError(f"{path} cannot be written as OME-TIFF: {error}") from error


def _ome_metadata(picture: Picture, axes: str, shape: tuple[int, ...], spacing: dict[str, float]) -> dict[str, Any]:
    order = sorted(range(len(axes)), key=lambda n: "yxs".find(picture.axes[n]))
    places = [picture.origin[n] for n in order]
    ours = {"axes": axes, "shape": shape, "metadata": picture.metadata, "display": picture.display, "origin": places}
    ome: dict[str, Any] = {"UUID": str(uuid4()), "Creator": "napari-tweedie", "Name": picture.name}
    ome["CommentAnnotation"] = {"Namespace": NAMESPACE, "Value": json.dumps(ours)}
    unnamed = iter("QREH")  # OME's other dimensions: other, tile, lambda, lifetime
    ome["axes"] = "".join(next(unnamed, "?") if axis == "q" else axis.upper() for axis in axes)
    symbol = units.symbol(picture.unit)
    for axis, size in spacing.items():
        if axis in "zyx":
            ome |= {f"PhysicalSize{axis.upper()}": size, f"PhysicalSize{axis.upper()}Unit": symbol}
        elif axis == "t":
            ome |= {"TimeIncrement": size, "TimeIncrementUnit": "s"}
    if picture.channels and "c" in axes:
        ome["Channel"] = {"Name": list(picture.channels)}
        if colours := [hex_colour(shown) for shown in picture.display]:
            ome["Channel"]["Color"] = [_signed(colour or "FFFFFF") for colour in colours]
    return ome


def _signed(colour: str) -> int:
    """Return a colour as OME has it: red, green, blue and opacity in the bytes of a signed number."""
    return int.from_bytes(bytes.fromhex(f"{colour}FF"), signed=True)
