"""Picture: an image with the names, sizes and positions of its pixels, in units of the world."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_tweedie.images.axes import check_axes

SYMBOLS = {"Å": "angstrom", "nm": "nanometer", "µm": "micrometer", "mm": "millimeter", "cm": "centimeter", "m": "meter"}
UNITS = SYMBOLS | {"um": "micrometer", "μm": "micrometer", "micron": "micrometer", "pixel": "pixel"}
METRES = {"angstrom": 1e-10, "nanometer": 1e-9, "micrometer": 1e-6, "millimeter": 1e-3, "centimeter": 1e-2, "meter": 1.0}

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
    """

    data: Any
    axes: str
    spacing: tuple[float, ...] = ()
    unit: str = "pixel"
    name: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    channels: tuple[str, ...] = ()
    origin: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        ndim = len(self.axes)
        object.__setattr__(self, "spacing", tuple(float(size) for size in self.spacing) or (1.0,) * ndim)
        object.__setattr__(self, "origin", tuple(float(place) for place in self.origin) or (0.0,) * ndim)
        object.__setattr__(self, "unit", UNITS.get(self.unit, self.unit))

    def nanometres(self) -> tuple[float, ...]:
        """Return the size of a pixel along the z, y, x that there are, in nanometres; empty where it is unknown."""
        if self.unit not in METRES:
            return ()
        return tuple(size * METRES[self.unit] * 1e9 for axis, size in zip(self.axes, self.spacing, strict=True) if axis in "zyx")

    def sizes(self) -> dict[str, Any]:
        """Return the size of a pixel as fields of a recipe: its "spacing" along the z, y, x that there are, and the "unit".

        Empty where nothing is known: a unit of pixels, and the same size along every axis.
        """
        sizes = {axis: size for axis, size in zip(self.axes, self.spacing, strict=True) if axis in "zyx"}
        known = self.unit != "pixel" or len(set(sizes.values())) > 1
        return {"spacing": tuple(sizes[axis] for axis in "zyx" if axis in sizes), "unit": self.unit} if known else {}

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


def stem(path: Path) -> str:
    """Return the name of a file without its suffix."""
    return path.stem.removesuffix(".ome")
