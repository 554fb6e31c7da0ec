"""Picture: an image with the names, sizes and positions of its pixels, in units of the world."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_tweedie.images.axes import check_axes
from napari_tweedie.images.units import METRES, canonical

NAMESPACE = "napari-tweedie"
"""Marks our own metadata in a file: the axes and the recipe."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An array with the names and sizes of its axes.

    Attributes
    ----------
    data : array-like
        Values: a NumPy array; a read-only memory map, zarr or dask array where the file is large.
    axes : str
        One letter an axis: t, c, z, y, x, s (the samples of an RGB image), or q where the file does not say.
    spacing : tuple of float
        Size of a pixel along every axis: in `unit` for z, y, x, in seconds for t; 1.0 where unknown. 1.0 everywhere if left out.
    unit : str
        Unit of z, y and x: ``"pixel"`` or a length, by name or symbol (``"micrometer"``, ``"µm"``).
    name : str
        Name of the file without its suffix.
    metadata : dict
        What was written with the image, usually a recipe; empty for files from elsewhere.
    channels : tuple of str
        Names of the channels; empty where the file does not say.
    origin : tuple of float
        Position of the first pixel's centre along every axis, in units of `spacing`; 0.0 everywhere if left out.
    unknown : str
        Axes of t, z, y, x along which the size of a pixel is unknown.
    notes : tuple of str
        What is odd about the file, a sentence each.
    display : tuple of mapping
        How every channel is shown, in words of napari's layers, ready for JSON: "colormap", "contrast_limits" and such; and under
        "metadata" what is known of this channel alone. Empty where the file does not say.
    placement : tuple of float
        Where a medical image lies in the patient, as its file says it: the 3 × 4 numbers, row by row, that take voxels
        (x, y, z) of the file's grid to right, front and up; empty where it does not say.
    """

    data: Any
    axes: str
    spacing: tuple[float, ...] = ()
    unit: str = "pixel"
    name: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    origin: tuple[float, ...] = ()
    unknown: str = ""
    notes: tuple[str, ...] = ()
    display: tuple[Mapping[str, Any], ...] = ()
    placement: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        ndim = len(self.axes)
        object.__setattr__(self, "spacing", tuple(float(size) for size in self.spacing) or (1.0,) * ndim)
        object.__setattr__(self, "origin", tuple(float(place) for place in self.origin) or (0.0,) * ndim)
        unit, factor = canonical(self.unit)
        if factor != 1:
            for name in ("spacing", "origin"):
                sizes = zip(self.axes, getattr(self, name), strict=True)
                object.__setattr__(self, name, tuple(size * float(factor) if axis in "zyx" else size for axis, size in sizes))
        object.__setattr__(self, "unit", unit)

    def nanometres(self) -> tuple[float, ...]:
        """Return the size of a pixel along the z, y, x that there are, in nanometres; empty where it is unknown."""
        if self.unit not in METRES or set(self.unknown) & set("zyx"):
            return ()
        return tuple(size * METRES[self.unit] * 1e9 for axis, size in zip(self.axes, self.spacing, strict=True) if axis in "zyx")

    def sizes(self) -> dict[str, Any]:
        """Return the size of a pixel as fields of a recipe: its "spacing" along the z, y, x where it is known, and the "unit".

        Empty where nothing is known: an unknown size along y or x, or a unit of pixels and the same size along every axis.
        """
        known = {axis: size for axis, size in zip(self.axes, self.spacing, strict=True) if axis not in self.unknown}
        sizes = tuple(known[axis] for axis in "zyx" if axis in known)
        if not {"y", "x"} <= known.keys() or (self.unit == "pixel" and len(set(sizes)) == 1):
            return {}
        return {"spacing": sizes, "unit": self.unit}

    def renamed(self, axes: str) -> Picture:
        """Return the picture with other letters for its axes; of an axis that changes its kind the size is not known."""
        if axes == self.axes or len(axes) != len(self.axes):
            return self
        known = [axis == was and axis not in self.unknown for axis, was in zip(axes, self.axes, strict=True)]
        spacing = tuple(size if same else 1.0 for size, same in zip(self.spacing, known, strict=True))
        unknown = "".join(axis for axis, same in zip(axes, known, strict=True) if axis in "tzyx" and not same)
        return replace(self, axes=axes, spacing=spacing, unknown=unknown)

    def check(self) -> None:
        """Raise a ValueError that names the fault if axes, sizes or unit do not fit the array."""
        shape = tuple(self.data.shape)
        check_axes(self.axes, shape)
        if len(self.spacing) != len(shape) or not all(0 < size < np.inf for size in self.spacing):
            raise ValueError(
                f"spacing needs {len(shape)} finite numbers above 0, one for each axis of {self.axes!r} (got {self.spacing})"
            )
        if len(self.origin) != len(shape) or not np.isfinite(self.origin).all():
            raise ValueError(f"origin needs {len(shape)} finite numbers, one for each axis of {self.axes!r} (got {self.origin})")
        if self.unit not in METRES and self.unit != "pixel":
            raise ValueError(f"unit must be pixel or one of {', '.join(METRES)} (got {self.unit!r})")
        count = shape[self.axes.index("c")] if "c" in self.axes else 1
        if self.channels and len(self.channels) != count:
            raise ValueError(f"{len(self.channels)} channels are named, but there are {count}")
        if self.display and len(self.display) != count:
            raise ValueError(f"display tells of {len(self.display)} channels, but there are {count}")


_LONGER = (".ome.tiff", ".ome.tif", ".ome.zarr", ".nii.gz")
"""Suffixes that have a point within."""


def suffix(path: Path) -> str:
    """Return the suffix that says the format, in lower case; all of ``.nii.gz``, the last of ``.ome.tif``."""
    return ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix.lower()


def stem(path: Path) -> str:
    """Return the name of a file without its suffix, and without what belongs to it, as in ``.ome.tif`` and ``.nii.gz``."""
    name = path.name
    longer = next((end for end in _LONGER if name.lower().endswith(end)), None)
    return name[: -len(longer)] if longer and len(name) > len(longer) else path.stem


def beside(path: Path, what: str) -> Path:
    """Return where a further image of a result is written: the same name with ``_what`` before the suffix."""
    name = stem(path)
    return path.with_name(f"{name}_{what}{path.name[len(name) :]}")


def hex_colour(shown: Mapping[str, Any]) -> str | None:
    """Return the brightest colour of how a channel is shown, as six hexadecimal digits; None where none is told."""
    colormap = shown.get("colormap")
    if isinstance(colormap, str) and re.fullmatch("#[0-9a-fA-F]{6}", colormap):
        return colormap[1:].upper()
    colours = colormap.get("colors") if isinstance(colormap, Mapping) else None
    if not colours:
        return None
    return "".join(f"{round(255 * min(max(float(part), 0.0), 1.0)):02X}" for part in list(colours[-1])[:3])
