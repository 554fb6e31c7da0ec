"""How is an image read from a file, and written to one, without losing its axes, pixel size and recipe?"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from xml.etree import ElementTree

import numpy as np

from napari_tweedie.images.axes import check_axes

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

SYMBOLS = {"Å": "angstrom", "nm": "nanometer", "µm": "micrometer", "mm": "millimeter", "cm": "centimeter", "m": "meter"}
UNITS = SYMBOLS | {"um": "micrometer", "μm": "micrometer", "micron": "micrometer", "pixel": "pixel"}
METRES = {"angstrom": 1e-10, "nanometer": 1e-9, "micrometer": 1e-6, "millimeter": 1e-3, "centimeter": 1e-2, "meter": 1.0}
SECONDS = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}

NAMESPACE = "napari-tweedie"
"""Marks our annotation in an OME-TIFF: JSON with the axes, the shape and the recipe."""

LAZY = 2**31
"""An uncompressed TIFF of more bytes is mapped into memory and read where it is looked at."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An array with the names and sizes of its axes.

    Attributes
    ----------
    data : ndarray
        Values; a read-only memory map where the file is large and not compressed.
    axes : str
        One letter an axis: t, c, z, y, x, s (the samples of an RGB image), or q where the file does not say.
    spacing : tuple of float
        Size of a pixel along every axis: in `unit` for z, y, x, in seconds for t; 1.0 where unknown.
    unit : str
        Unit of z, y and x: ``"pixel"``, ``"micrometer"``, …
    name : str
        Name of the file without its suffix.
    metadata : dict
        What `write` was given, usually a recipe; empty for files from elsewhere.
    """

    data: NDArray[Any]
    axes: str
    spacing: tuple[float, ...]
    unit: str = "pixel"
    name: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    def nanometres(self) -> tuple[float, ...]:
        """Return the size of a pixel along the z, y, x that there are, in nanometres; empty where it is unknown."""
        if self.unit not in METRES:
            return ()
        return tuple(size * METRES[self.unit] * 1e9 for axis, size in zip(self.axes, self.spacing, strict=True) if axis in "zyx")


def read(path: str | Path) -> Picture:
    """Read the first image of a TIFF (OME, ImageJ or plain) or a picture such as PNG or JPEG.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not an image, is damaged, or needs a codec that is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        return _read_tiff(path) if path.suffix.lower() in {".tif", ".tiff", ".btf", ".tf8"} else _read_picture(path)
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # decoders raise whatever they stumble over
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path} cannot be read as an image: {reason}") from error


def write(
    path: str | Path,
    data: NDArray[Any],
    axes: str,
    spacing: Sequence[float] | None = None,
    unit: str = "pixel",
    metadata: dict[str, Any] | None = None,
) -> None:
    """Write a compressed OME-TIFF from which `read` returns the same values, axes, pixel size and metadata.

    The file appears under its name only when it is complete. An existing file is replaced.

    Parameters
    ----------
    path : str or Path
        Ends in ``.tif`` or ``.tiff``.
    data : ndarray
        Of 8 to 32-bit integers, float32, float64 or complex numbers; bool is stored as uint8.
    axes : str
        One letter an axis, as in `Picture`; the last ones are yx or yxs.
    spacing : sequence of float, optional
        Size of a pixel along every axis, above 0; kept for t, z, y and x.
    unit : str
        Unit of z, y and x: ``"pixel"`` or a length, by name or symbol (``"micrometer"``, ``"µm"``).
    metadata : dict, optional
        Anything that JSON can hold.

    Raises
    ------
    ValueError
        If the suffix is another one, the axes or sizes do not fit the array, or an OME-TIFF cannot hold them.
    """
    import tifffile

    path, data, unit = Path(path), np.asarray(data), UNITS.get(unit, unit)
    spacing = (1.0,) * data.ndim if spacing is None else tuple(float(size) for size in spacing)
    check_axes(axes, data.shape)
    if path.suffix.lower() not in {".tif", ".tiff"}:
        raise ValueError(f"images are written as TIFF: {path} must end in .tif or .tiff")
    if len(spacing) != data.ndim or not all(0 < size < np.inf for size in spacing):
        raise ValueError(f"spacing needs {data.ndim} finite numbers above 0, one for each axis of {axes!r} (got {spacing})")
    if unit not in METRES and unit != "pixel":
        raise ValueError(f"unit must be pixel or one of {', '.join(METRES)} (got {unit!r})")
    if data.dtype == bool:
        data = data.astype(np.uint8)

    ours = {"axes": axes, "shape": data.shape, "metadata": metadata or {}}
    ome: dict[str, Any] = {"UUID": str(uuid4()), "Creator": "napari-tweedie", "Name": _name(path)}
    ome["CommentAnnotation"] = {"Namespace": NAMESPACE, "Value": json.dumps(ours)}
    unnamed = iter("QREH")  # OME's other dimensions: other, tile, lambda, lifetime
    ome["axes"] = "".join(next(unnamed, "?") if axis == "q" else axis.upper() for axis in axes)
    symbol = next((symbol for symbol, name in SYMBOLS.items() if name == unit), unit)
    for axis, size in zip(axes, spacing, strict=True):
        if axis in "zyx":
            ome |= {f"PhysicalSize{axis.upper()}": size, f"PhysicalSize{axis.upper()}Unit": symbol}
        elif axis == "t":
            ome |= {"TimeIncrement": size, "TimeIncrementUnit": "s"}

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
            metadata=ome,
        )
        part.replace(path)
    except (tifffile.OmeXmlError, ValueError) as error:
        raise ValueError(f"{path} cannot be written as OME-TIFF: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _read_tiff(path: Path) -> Picture:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        lazy = series.nbytes > LAZY and series.dataoffset is not None
        data = tifffile.memmap(path, mode="r") if lazy else series.asarray()
        if not lazy:
            data = data.astype(data.dtype.newbyteorder("="), copy=False)
        data, axes = _with_letters(data, series.axes)
        ours: dict[str, Any] = {}
        sizes, unit = _imagej_sizes(file) if file.is_imagej else ({}, "pixel")
        if file.is_ome:
            root = ElementTree.fromstring(file.ome_metadata or "")
            sizes, unit = _ome_sizes(root)
            ours = json.loads(root.findtext(f".//{{*}}CommentAnnotation[@Namespace='{NAMESPACE}']/{{*}}Value") or "{}")
    if ours and [length for length in ours["shape"] if length > 1] == [length for length in data.shape if length > 1]:
        data, axes = data.reshape(ours["shape"]), ours["axes"]  # axes of length 1 are dropped elsewhere
    return Picture(data, axes, tuple(sizes.get(axis, 1.0) for axis in axes), unit, _name(path), ours.get("metadata", {}))


def _read_picture(path: Path) -> Picture:
    import imageio.v3 as imageio

    data = imageio.imread(path, plugin="pillow")
    data, axes = _with_letters(data, {2: "yx", 3: "yxs"}.get(data.ndim, "t" * (data.ndim - 3) + "yxs"))
    return Picture(data, axes, (1.0,) * data.ndim, name=_name(path))


def _with_letters(data: NDArray[Any], axes: str) -> tuple[NDArray[Any], str]:
    """Return the array with axes in our letters: samples last where they are RGB(A), channels first otherwise."""
    axes = "".join(axis if axis in "tczyxs" else "q" for axis in axes.lower())
    if "s" not in axes:
        return data, axes
    at, rest = axes.index("s"), axes.replace("s", "")
    if data.shape[at] in (3, 4):
        return np.moveaxis(data, at, -1), f"{rest}s"
    return np.moveaxis(data, at, 0), f"{'q' if 'c' in rest else 'c'}{rest}"


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


def _name(path: Path) -> str:
    return path.stem.removesuffix(".ome")
