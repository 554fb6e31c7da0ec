"""Metadata of TIFF files, as OME-XML, ImageJ and Zeiss LSM write them: pixel sizes, channels, what we wrote ourselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_tweedie.images.calibration import Stated
from napari_tweedie.images.ome_xml import parsed
from napari_tweedie.images.picture import NAMESPACE

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import tifffile


@dataclass(frozen=True)
class Metadata:
    """What a TIFF says of one of its images.

    Parameters
    ----------
    stated : mapping of str to Stated
        Pixel sizes by axis.
    channels : tuple of str
        Names of the channels; empty where one has none.
    ours : dict
        What we wrote ourselves: axes, shape, metadata.
    notes : tuple of str
        What could not be read, a sentence each.
    colours : tuple of str
        Of the channels, such as ``"#00FF00"``; empty texts where the file gives none.
    """

    stated: Mapping[str, Stated] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    ours: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()


def metadata(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Metadata:
    """Return what a file says of one of its series."""
    if file.is_ome:
        return _ome(file, series)
    if file.is_imagej:
        return Metadata(_imagej(file))
    if file.is_lsm:
        return Metadata(_lsm(file.lsm_metadata or {}))
    return Metadata(notes=parsed(file)[1])


def _images(root: Element) -> list[Element]:
    return [image for image in root.iterfind("{*}Image") if image.find("{*}Pixels") is not None]


def _ome(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Metadata:
    root, notes = parsed(file)
    if root is None:
        return Metadata(notes=notes)
    image = _image_of(root, file, series)
    text = root.findtext(f".//{{*}}CommentAnnotation[@Namespace='{NAMESPACE}']/{{*}}Value") or "{}"
    try:
        ours = json.loads(text)
    except json.JSONDecodeError:
        ours = {}
    if image is None:
        return Metadata(ours=ours, notes=notes)
    channels = list(image.iterfind(".//{*}Channel"))
    names = [channel.get("Name", "") for channel in channels]
    colours = tuple(_colour(channel.get("Color", "")) for channel in channels)
    return Metadata(_ome_sizes(image), tuple(names) if all(names) else (), ours, notes, colours)


def _colour(number: str) -> str:
    """Return a colour that OME gives as a signed number of red, green, blue and opacity; nothing for white, its default."""
    try:
        value = int(number) % 2**32 >> 8
    except ValueError:
        return ""
    return "" if value == 0xFFFFFF else f"#{value:06X}"


def _image_of(root: Element, file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Element | None:
    """Return the description of a series; images without a plane in these files have no series."""
    images = iter(_images(root))
    for each in file.series:
        found = next((image for image in images if series.kind != "ome" or _is_of(image, each)), None)
        if each is series:
            return found
    return None


def _is_of(image: Element, series: tifffile.TiffPageSeries) -> bool:
    pixels = image.find("{*}Pixels")
    given = {} if pixels is None else pixels.attrib
    sizes = given.get("SizeY"), given.get("SizeX")
    named = image.get("Name") in (None, "", series.name)
    return named and sizes == (str(series.keyframe.imagelength), str(series.keyframe.imagewidth))


def _ome_sizes(image: Element) -> dict[str, Stated]:
    pixels = image.find("{*}Pixels")
    given = {} if pixels is None else pixels.attrib
    names = {axis: f"PhysicalSize{axis.upper()}" for axis in "zyx"} | {"t": "TimeIncrement"}
    return {
        axis: Stated(given[name], given.get(f"{name}Unit", "").strip() or ("s" if axis == "t" else "µm"), name)
        for axis, name in names.items()
        if name in given
    }


def _imagej(file: tifffile.TiffFile) -> dict[str, Stated]:
    given, tags = file.imagej_metadata or {}, file.pages.first.tags
    unit = str(given.get("unit", "pixel"))
    stated = {}
    for axis, tag in (("x", "XResolution"), ("y", "YResolution")):
        if tag in tags:
            pixels, length = tags[tag].value
            value = length / pixels if pixels and length else f"{pixels}/{length}"
            stated[axis] = Stated(value, str(given.get(f"{axis}unit", unit)), tag)
    if "spacing" in given:
        stated["z"] = Stated(given["spacing"], str(given.get("zunit", unit)), "spacing")
    if "finterval" in given:
        stated["t"] = Stated(given["finterval"], str(given.get("tunit", "s")), "finterval")
    return stated


def _lsm(given: Mapping[str, Any]) -> dict[str, Stated]:
    fields = {axis: f"VoxelSize{axis.upper()}" for axis in "zyx"}
    stated = {axis: Stated(given[name], "m", name) for axis, name in fields.items() if name in given}
    if given.get("TimeIntervall"):
        stated["t"] = Stated(given["TimeIntervall"], "s", "TimeIntervall")
    return stated
