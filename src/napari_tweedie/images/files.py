"""Image files: read and written without losing axes, pixel size and recipe."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images import (
    arrays_of_files,
    dicom,
    ismrmrd,
    mrc,
    ngff,
    nifti,
    ome_zarr,
    ome_zarr_writing,
    other_readers,
    plain_pictures,
    plates,
    remote,
    tiff,
)
from napari_tweedie.images.arrays import as_array, reason_of
from napari_tweedie.images.missing import plain
from napari_tweedie.images.picture import Picture, stem, suffix
from napari_tweedie.images.whole import not_written

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Picture", "as_path", "check_place", "check_target", "made_folder", "names", "plate", "read", "write"]

WRITTEN = {".tif", ".tiff", ".zarr", *nifti.SUFFIXES, *mrc.WRITTEN}
"""Suffixes of files that are written."""
_FORMATS: tuple[tuple[set[str], Any], ...] = (
    (nifti.SUFFIXES, nifti), (mrc.SUFFIXES, mrc), (arrays_of_files.SUFFIXES, arrays_of_files),
)  # fmt: skip
"""Formats of one image a file, that a module reads and writes."""


def names(path: str | Path) -> list[str]:
    """Return the names of the images of a file, empty where they have none: positions, series, or fields of a plate.

    Smaller copies of an image, such as thumbnails and pyramids, do not count. Errors are those of `read`.
    """
    path = _existing(path)
    with _named_errors(path):
        if suffix(path) in tiff.SUFFIXES and not remote.address(path):
            return tiff.names(path)
        if _is_dicom(path):
            return dicom.names(path)
        if _is_zarr(path):
            return ome_zarr.names(path)
        raw = suffix(path) in ismrmrd.SUFFIXES and ismrmrd.is_one(path)
        return other_readers.names(path) if _is_foreign(path) and not raw else [""]


def plate(path: str | Path) -> plates.Plate | None:
    """Return the layout of an OME-Zarr plate, or of one of its wells; None if a file is something else.

    Errors are those of `read`.
    """
    path = _existing(path)
    with _named_errors(path):
        return plates.of(path) if _is_zarr(path) else None


def read(path: str | Path, number: int | None = None, pixels: bool = True) -> Picture:
    """Read an image: TIFF (OME, ImageJ or plain), OME-Zarr (0.1 to 0.5), NIfTI, MRC, DICOM, a picture such as PNG, or an array.

    A folder of DICOM files is read as its series. Arrays, which may be complex, are those of NumPy (.npy, .npz), BART (.cfl)
    and ISMRMRD (.h5, .mrd). Other formats are read by bioio or by plugins of napari, where those are installed.

    An OME-Zarr and a large TIFF are opened only: chunks are read when the array is looked at. Metadata that make no sense
    leave the pixel size unknown along their axis; the picture's notes say so.

    Parameters
    ----------
    path : str or Path
        The file; or the address of an OME-Zarr elsewhere, such as ``https://…`` or ``s3://bucket/image.zarr``.
    number : int, optional
        Which of the images that `names` lists, from 0; by default the first, and a note where there are more.
    pixels : bool
        Whether pixels of a TIFF are read; without them there are zeros in their place, which take no memory.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not an image, is damaged, or needs a codec that is not installed.
    """
    path = _existing(path)
    with _named_errors(path):
        if suffix(path) in tiff.SUFFIXES and not remote.address(path):
            picture = tiff.read(path, number or 0, pixels)
        elif module := next((module for suffixes, module in _FORMATS if suffix(path) in suffixes), None):
            picture = module.read(path)
        elif _is_dicom(path):
            picture = dicom.read(path, number or 0)
        elif suffix(path) in ismrmrd.SUFFIXES and ismrmrd.is_one(path):
            picture = ismrmrd.read(path)
        elif _is_foreign(path):
            picture = other_readers.read(path, number or 0)
        else:
            picture = ome_zarr.read(path, number or 0) if _is_zarr(path) else plain_pictures.read(path)
    if number is None and (count := len(names(path))) > 1:
        return replace(picture, notes=(*picture.notes, f"{path.name} holds {count} images: this is the first of them."))
    return picture


def check_target(path: Path, axes: str = "", keep: Collection[Path] = ()) -> None:
    """Raise, before there are any pixels, what `write` would raise of a file name and axes.

    Parameters
    ----------
    path : Path
        Where an image is to be written.
    axes : str
        Its axes, where they are known.
    keep : collection of Path
        Files that are read, which nothing may replace.

    Raises
    ------
    ValueError
        If the suffix is another one, the format cannot hold the axes, or it is a file that is to be kept.
    FileExistsError
        If there is an OME-Zarr of this name.
    FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError
        If its folder is none, or nothing may be written there.
    """
    kind = suffix(path)
    _check_suffix(path)
    if remote.address(path):
        raise ValueError(f"results are written to this computer, not to {remote.address(path)}: name a file, and copy it")
    _check_folder(path)
    if kind == ".zarr" and axes:
        ngff.ordered(axes)
    for suffixes, module in _FORMATS:
        if kind in suffixes and axes:
            module.check(axes)
    if kind == ".zarr" and path.exists():
        raise FileExistsError(f"{path} exists: choose another name, or remove it")
    _check_file(path, keep)


def check_place(path: Path, suffix: str, keep: Collection[Path] = ()) -> None:
    """Raise, before any work is done, what would keep a file that is no image from being written: as `check_target` does."""
    _check_folder(path)
    _check_file(path, keep)
    if path.suffix.lower() != suffix:
        raise ValueError(f"{path} must end in {suffix}")


def made_folder(path: Path) -> None:
    """Make a folder, and those that it lies in, if need be.

    Raises
    ------
    OSError
        If that cannot be done; one sentence.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error, ": choose another folder") from error


def _check_folder(path: Path) -> None:
    folder = path.resolve().parent
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder} to write {path.name} to: make it first")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder: choose another place for {path.name}")


def _check_file(path: Path, keep: Collection[Path]) -> None:
    if path.exists() and any(kept.exists() and path.samefile(kept) for kept in keep):
        raise ValueError(f"{path} is one of the files that are read: choose another name for the result")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: choose another name for the result")
    if not os.access(path.resolve().parent, os.W_OK) or (path.is_file() and not os.access(path, os.W_OK)):
        raise PermissionError(f"{path} may not be written: choose another folder")


def _is_zarr(path: Path) -> bool:
    """Tell whether a path is read as an OME-Zarr: a folder, or the address of one."""
    return bool(remote.address(path)) or (path.is_dir() and not _is_dicom(path))


def _is_dicom(path: Path) -> bool:
    """Tell whether a path is a DICOM file or a folder of them; a folder of a zarr is none."""
    return not remote.address(path) and not ome_zarr.is_folder(path) and dicom.is_dicom(path)


def _is_foreign(path: Path) -> bool:
    """Tell whether a file is none that is read here."""
    ours = {*tiff.SUFFIXES, *(name for suffixes, _ in _FORMATS for name in suffixes)}
    return not _is_zarr(path) and suffix(path) not in ours and not plain_pictures.is_known(path)


def as_path(path: Any) -> Path:
    """Return a path that was given as text or as a path, and refuse all else in a sentence."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"a file is named by text or a path (got {path!r:.60})")
    return Path(path)


def _existing(path: str | Path) -> Path:
    path = as_path(path)
    if not remote.address(path) and not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(f"{path} is neither a file nor a folder: devices and pipes need not end")
    return path


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Turn whatever a decoder stumbles over into one sentence that names the file."""
    try:
        yield
    except PermissionError:
        raise
    except MemoryError as error:
        why = f" ({error})" if "GB" in str(error) else ""
        way_out = "crop it, or store it as OME-Zarr, of which parts are read"
        raise MemoryError(f"{path} does not fit into the memory{why}: {way_out}") from error
    except Exception as error:  # decoders raise what they like
        reason = reason_of(error)
        if "imagecodecs" in reason:
            reason = f"its compression needs imagecodecs: pip install imagecodecs ({reason})"
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
    unknown: str = "",
    display: Sequence[Mapping[str, Any]] = (),
    placement: Sequence[float] = (),
) -> None:
    """Write a file from which `read` returns the same values, axes, pixel size and metadata.

    The file appears under its name only when it is complete.

    Parameters
    ----------
    path : str or Path
        Ends in ``.tif`` or ``.tiff`` for a compressed OME-TIFF, in ``.nii`` or ``.nii.gz`` for a NIfTI, in ``.mrc`` for an
        MRC, which holds no metadata; all replace an existing file. Or in ``.zarr`` for an OME-Zarr 0.5, which replaces nothing.
    data : ndarray
        Of 8 to 32-bit integers, float32, float64 or complex numbers; bool is stored as uint8. OME-Zarr holds no complex numbers.
    axes : str
        One letter an axis, as in `Picture`. A TIFF comes back with y, x and s last; an OME-Zarr has at most five axes, and
        comes back with t first and c, q or s after it.
    spacing : sequence of float, optional
        Size of a pixel along every axis, above 0; kept for t, z, y and x.
    unit : str
        Unit of z, y and x: ``"pixel"`` or a length, by name or symbol (``"micrometer"``, ``"µm"``).
    metadata : dict, optional
        Anything that JSON can hold.
    channels : sequence of str, optional
        Names of the channels.
    origin : sequence of float, optional
        Position of the first pixel along every axis; other programs read that of an OME-Zarr only.
    unknown : str
        Axes along which the size of a pixel is not known, and is not claimed in the file.
    display : sequence of mapping, optional
        How every channel is shown, as in `Picture`.
    placement : sequence of float, optional
        Where the image lies in the patient, as in `Picture`; kept by NIfTI only.

    Raises
    ------
    ValueError
        If the suffix is another one, the axes or sizes do not fit the array, or the format cannot hold them.
    FileExistsError
        If there is an OME-Zarr of this name.
    """
    path, data = as_path(path), plain(as_array(data, complex_numbers=True))
    _check_suffix(path)
    if not isinstance(axes, str):
        raise ValueError(f"axes are text, a letter for each (got {axes!r:.60})")
    picture = Picture(
        data, axes, _numbers("spacing", spacing), unit, stem(path), _for_json(metadata or {}), tuple(channels),
        _numbers("origin", origin), unknown, display=tuple(display), placement=tuple(placement),
    )  # fmt: skip
    picture.check()
    if data.dtype == bool:
        picture = replace(picture, data=data.astype(np.uint8))
    module = next((module for suffixes, module in _FORMATS if suffix(path) in suffixes), None)
    (module or (ome_zarr_writing if suffix(path) == ".zarr" else tiff)).write(path, picture)


def _numbers(name: str, values: Sequence[float] | None) -> tuple[float, ...]:
    """Return what is told of every axis as numbers, none where nothing is told."""
    try:
        return () if values is None else tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is a number for each axis (got {values!r:.60})") from None


def _for_json(metadata: Any) -> dict[str, Any]:
    """Return metadata, if JSON can hold them."""
    try:
        json.dumps(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata must be what JSON can hold: {reason_of(error)}") from None
    if not isinstance(metadata, dict):
        raise ValueError(f"metadata are a dictionary (got {metadata!r:.60})")
    return metadata


def _check_suffix(path: Path) -> None:
    if suffix(path) not in WRITTEN:
        others = ", ".join(sorted(WRITTEN - {".tif", ".tiff", ".zarr"}))
        raise ValueError(f"images are written as TIFF or OME-Zarr: {path} must end in .tif or .tiff, or in .zarr (or {others})")
