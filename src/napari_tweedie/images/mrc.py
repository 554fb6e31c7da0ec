"""MRC images of electron microscopy and tomography, with the size of their voxels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.calibration import Stated, calibrate
from napari_tweedie.images.picture import Picture, stem
from napari_tweedie.images.units import METRES
from napari_tweedie.images.whole import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = {".mrc", ".mrcs", ".map", ".ccp4", ".rec", ".st", ".ali"}
"""Suffixes of such files."""
WRITTEN = {".mrc"}
EXTRA = "MRC needs mrcfile: pip install 'napari-tweedie[formats]'"

_HELD = (np.int8, np.int16, np.uint16, np.float32, np.complex64)
"""Kinds of numbers that an MRC holds, besides half precision."""


def read(path: Path) -> Picture:
    """Read an MRC: a plane, a volume, or a stack of planes, whose first axis is then no depth but of another kind.

    Raises
    ------
    ValueError
        If mrcfile is not installed, or the file is damaged.
    """
    mrcfile = _mrcfile()
    with warnings.catch_warnings(), mrcfile.open(path, permissive=True) as file:
        warnings.simplefilter("ignore")  # of headers that are not quite as they should be
        if file.data is None:
            raise ValueError("it holds no image")
        data = np.array(file.data)
        is_stack = file.is_image_stack() or path.suffix.lower() in {".mrcs", ".st", ".ali"}
        voxel = {axis: float(file.voxel_size[axis]) for axis in "xyz"}
    data = data[0] if data.ndim == 3 and data.shape[0] == 1 else data
    axes = {2: "yx", 3: "qyx" if is_stack else "zyx", 4: "qzyx"}[data.ndim]
    stated = {axis: Stated(voxel[axis], "angstrom", "voxel_size") for axis in axes if axis in voxel and voxel[axis] != 0}
    sizes = calibrate(axes, stated)
    return Picture(data, axes, sizes.spacing, sizes.unit, stem(path), unknown=sizes.unknown, notes=sizes.notes)


def write(path: Path, picture: Picture) -> None:
    """Write an MRC with its voxel size; it appears under its name only when it is complete. It holds no recipe.

    Raises
    ------
    ValueError
        If mrcfile is not installed, or an MRC cannot hold the axes.
    """
    mrcfile = _mrcfile()
    check(picture.axes)
    data = _held(np.asarray(picture.data))
    sizes = dict(zip(picture.axes, picture.spacing, strict=True))
    factor = METRES[picture.unit] / METRES["angstrom"] if picture.unit in METRES else 0.0
    with whole(path) as part, mrcfile.new(part, data) as file:
        if len(picture.axes) == 3 and picture.axes[0] != "z":
            file.set_image_stack()
        known = {axis: factor * size for axis, size in sizes.items() if axis not in picture.unknown}
        file.voxel_size = tuple(known.get(axis, 0.0) for axis in "xyz")
        file.add_label("napari-tweedie")


def check(axes: str) -> None:
    """Raise a ValueError if an MRC cannot hold these axes."""
    if axes not in ("yx", "zyx", "qyx", "tyx", "cyx", "qzyx", "tzyx", "czyx"):
        raise ValueError(f"an MRC holds the axes y, x, or z, y, x, and one more in front, not {axes!r}: write a TIFF")


def _held(data: NDArray[Any]) -> NDArray[Any]:
    """Return values as a kind of number that an MRC holds, of at least their precision where there is one."""
    if data.dtype in _HELD:
        return data
    if data.dtype.kind == "c":
        return data.astype(np.complex64)
    return data.astype(np.uint16 if data.dtype in (np.uint8, np.bool_) else np.float32)


def _mrcfile() -> Any:
    try:
        import mrcfile
    except ImportError as error:
        raise ValueError(EXTRA) from error
    return mrcfile
