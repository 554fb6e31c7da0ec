"""Image files read and written without losing axes, pixel size and recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images import ome_zarr, tiff
from napari_tweedie.images.picture import Picture, stem

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Picture", "read", "write"]


def read(path: str | Path) -> Picture:
    """Read the first image of a TIFF (OME, ImageJ or plain), an OME-Zarr (0.4, 0.5), or a picture such as PNG or JPEG.

    An OME-Zarr and a large TIFF are opened only: chunks are read when the array is looked at.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not an image, is damaged, or needs a codec that is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        if path.suffix.lower() in tiff.SUFFIXES:
            return tiff.read(path)
        return ome_zarr.read(path) if path.is_dir() else _read_picture(path)
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
    *,
    channels: Sequence[str] = (),
    origin: Sequence[float] | None = None,
) -> None:
    """Write a file from which `read` returns the same values, axes, pixel size and metadata.

    The file appears under its name only when it is complete.

    Parameters
    ----------
    path : str or Path
        Ends in ``.tif`` or ``.tiff`` for a compressed OME-TIFF, which replaces an existing file, or in ``.zarr`` for an
        OME-Zarr 0.5, which replaces nothing.
    data : ndarray
        Of 8 to 32-bit integers, float32, float64 or complex numbers; bool is stored as uint8. OME-Zarr holds no complex numbers.
    axes : str
        One letter an axis, as in `Picture`. A TIFF ends in yx or yxs; an OME-Zarr has at most five axes, and comes back with
        t first and c, q or s after it.
    spacing : sequence of float, optional
        Size of a pixel along every axis, above 0; kept for t, z, y and x.
    unit : str
        Unit of z, y and x: ``"pixel"`` or a length, by name or symbol (``"micrometer"``, ``"µm"``).
    metadata : dict, optional
        Anything that JSON can hold.
    channels : sequence of str, optional
        Names of the channels.
    origin : sequence of float, optional
        Position of the first pixel along every axis; kept by OME-Zarr only.

    Raises
    ------
    ValueError
        If the suffix is another one, the axes or sizes do not fit the array, or the format cannot hold them.
    FileExistsError
        If there is an OME-Zarr of this name.
    """
    path, data = Path(path), np.asarray(data)
    require_suffix(path)
    picture = Picture(data, axes, tuple(spacing or ()), unit, stem(path), metadata or {}, tuple(channels), tuple(origin or ()))
    picture.check()
    if data.dtype == bool:
        picture = replace(picture, data=data.astype(np.uint8))
    (ome_zarr if path.suffix.lower() == ".zarr" else tiff).write(path, picture)


def require_suffix(path: Path) -> None:
    """Raise a ValueError if no format that can be written has the suffix of a path."""
    if path.suffix.lower() not in {".tif", ".tiff", ".zarr"}:
        raise ValueError(f"images are written as TIFF or OME-Zarr: {path} must end in .tif or .tiff, or in .zarr")


def _read_picture(path: Path) -> Picture:
    import imageio.v3 as imageio

    data = imageio.imread(path, plugin="pillow")
    data, axes = tiff.with_letters(data, {2: "yx", 3: "yxs"}.get(data.ndim, "t" * (data.ndim - 3) + "yxs"))
    return Picture(data, axes, name=stem(path))
