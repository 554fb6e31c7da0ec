"""Images within a TIFF: which of its series are images of their own, and which of their planes are there."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.ome_xml import missing_members

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

LAZY = 2**31
"""A TIFF of more bytes is read where it is looked at: mapped into memory, or decompressed piece by piece."""
THUMBNAIL = 4
"""An image that is this many times smaller than another one of the file, along y and along x alike, is its thumbnail."""
_COPIES = {"thumbnail", "label", "macro", "overview"}


@dataclass(frozen=True)
class Planes:
    """The pixels of a series as they are stored, with TIFF's letters for their axes, and what is missing, in sentences."""

    data: Any
    axes: str
    notes: tuple[str, ...] = ()


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Collect what tifffile logs about damaged files, in this thread, instead of printing it."""
    heard: list[str] = []
    thread = threading.get_ident()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread and record.levelno >= logging.WARNING:
                heard.append(record.getMessage())

    listener, logger = Listener(), logging.getLogger("tifffile")
    logger.addHandler(listener)
    try:
        yield heard
    finally:
        logger.removeHandler(listener)


def originals(file: tifffile.TiffFile) -> tuple[list[int], tuple[str, ...]]:
    """Return the series that are images of their own, and what is left out: smaller copies of another one."""
    series = file.series
    masks = [n for n, each in enumerate(series) if each.keyframe.is_mask]
    images = [n for n in range(len(series)) if n not in masks] or masks
    kept = [n for n in images if not any(_is_copy(series[n], series[other]) for other in images)] or [0]
    left = [series[n].keyframe for n in images if n not in kept]
    notes = []
    if left:
        sizes = ", ".join(f"{each.imagelength} × {each.imagewidth}" for each in left)
        notes.append(f"It holds {len(series)} images: smaller copies of others were left out ({sizes} pixels).")
    if masks and images is not masks:
        notes.append(f"It holds {'a transparency mask' if len(masks) == 1 else f'{len(masks)} transparency masks'}: left out.")
    return kept, tuple(notes)


def _is_copy(small: tifffile.TiffPageSeries, large: tifffile.TiffPageSeries) -> bool:
    """Tell whether a series is a thumbnail, or another smaller copy, of a larger one."""
    a, b = small.keyframe, large.keyframe
    factors = b.imagelength / a.imagelength, b.imagewidth / a.imagewidth
    if small is large or min(factors) < 1 or max(factors) == 1:
        return False
    if a.is_reduced or small.name.lower() in _COPIES:
        return True
    same = all(
        abs(size - length / min(factors)) < 1
        for size, length in ((a.imagelength, b.imagelength), (a.imagewidth, b.imagewidth))
    )  # fmt: skip
    return same and min(factors) >= THUMBNAIL


def planes(path: Path, file: tifffile.TiffFile, number: int, heard: list[str]) -> Planes:
    """Return the planes of a series, lazily where it is large; those that are missing are masked, or left out at the end.

    Raises
    ------
    ValueError
        If no more than one of several planes is there.
    """
    series = file.series[number]
    stored = int((file.imagej_metadata or {}).get("images", 1)) if file.is_imagej else 1
    cut = any("invalid page offset" in message for message in heard)
    if series.kind != "ome" and (cut or stored > len(series) * _planes_a_page(series)):
        return _rescued(path, file, stored)
    if series.nbytes > LAZY:
        return Planes(_lazy(path, series, number), series.axes, _absent(path, file, series))
    try:
        data = series.asarray()
    except Exception:  # decoders raise whatever they stumble over
        return _one_by_one(path, file, series)
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    absent = [n for n, page in enumerate(series.pages) if page is None]
    if not absent:
        return Planes(data, series.axes)
    return _without(data, series.axes, absent, len(series.pages), _absent(path, file, series))


def described(series: tifffile.TiffPageSeries) -> Planes:
    """Return one pixel of a series, with all axes and samples, without reading it."""
    shape = [length if axis == "S" else 1 for length, axis in zip(series.shape, series.axes, strict=True)]
    return Planes(np.zeros(shape, series.dtype), series.axes)


def _planes_a_page(series: tifffile.TiffPageSeries) -> int:
    """Return how many planes the first page of a series stands for: all of them, where they lie behind each other."""
    size = series.size // max(1, len(series.pages))
    return max(1, size // max(1, series.keyframe.size))


def _lazy(path: Path, series: tifffile.TiffPageSeries, number: int) -> Any:
    import dask.array as da
    import tifffile
    import zarr

    if series.dataoffset is not None:
        return tifffile.memmap(path, series=number, mode="r")
    store = tifffile.imread(path, aszarr=True, series=number, level=0)
    pieces = zarr.open_array(store, mode="r")
    weakref.finalize(pieces, store.close)
    return da.from_array(pieces)


def _absent(path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> tuple[str, ...]:
    """Say how many pages of a series are missing, and in which files they should be."""
    absent = sum(page is None for page in series.pages)
    if not absent:
        return ()
    members = missing_members(file, path.parent)
    where = f": {', '.join(members)} {'is' if len(members) == 1 else 'are'} not there" if members else ""
    return (f"{absent} of its {len(series.pages)} planes are missing{where}.",)


def _one_by_one(path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> Planes:
    """Read a series of which some pages are damaged or cut off."""
    shape = series.shape
    if len(series.pages) == 1 and series.dataoffset is not None and series.size > series.keyframe.size:
        found = _behind_each_other(path, file, series.keyframe, shape[: len(shape) - series.keyframe.ndim])
        return _first(found, series.axes, int(np.prod(shape[: len(shape) - series.keyframe.ndim])))
    data = np.zeros((len(series.pages), *series.keyframe.shape), series.dtype.newbyteorder("="))
    absent, error = [], None
    for n, page in enumerate(series.pages):
        try:
            data[n] = page.asarray() if page is not None else 0
        except Exception as unreadable:
            page, error = None, unreadable
        absent += [n] * (page is None)
    if error is not None and len(data) - len(absent) <= (len(data) > 1):
        raise error
    note = f"The file is damaged or cut off: {len(absent)} of its {len(data)} planes cannot be read."
    return _without(data.reshape(shape), series.axes, absent, len(data), (note,))


def _without(data: NDArray[Any], axes: str, absent: list[int], pages: int, notes: tuple[str, ...]) -> Planes:
    """Leave out absent pages at the end of the only axis that they lie along; else mask them."""
    outer = data.shape[: data.ndim - sum(axis in "YXS" for axis in axes)]
    whole = pages - len(absent)
    if absent == list(range(whole, pages)) and len(outer) == 1 and outer[0] == pages:
        return Planes(data[:whole], axes, notes)
    mask = np.zeros((pages, data.size // pages), bool)
    mask[absent] = True
    return Planes(np.ma.MaskedArray(data, mask.reshape(data.shape)), axes, notes)


def _rescued(path: Path, file: tifffile.TiffFile, stored: int) -> Planes:
    """Return the whole planes at the beginning of a file that is cut off."""
    first = file.pages.first
    counts = {"frames": "T", "slices": "Z", "channels": "C"}
    given = file.imagej_metadata or {}
    several = [letter for name, letter in counts.items() if int(given.get(name, 1)) > 1]
    axes = (several[0] if len(several) == 1 else "Q") + first.axes
    if first.is_contiguous and first.offset < first.dataoffsets[0] and len(file.pages) == 1:
        most = stored if stored > 1 else path.stat().st_size
        return _first(_behind_each_other(path, file, first, (most,)), axes, stored)
    whole = []
    for page in file.pages:
        try:
            like = page.keyframe
            if like is not None and (like.shape, like.dtype) == (first.shape, first.dtype):
                whole.append(page.asarray())
        except Exception:  # from here on the file is cut off
            break
    return _first(np.array(whole), axes, stored)


def _behind_each_other(path: Path, file: tifffile.TiffFile, page: tifffile.TiffPage, outer: tuple[int, ...]) -> NDArray[Any]:
    """Return as many planes as there are, shape (planes, …), of those that lie behind the first page's without any pages."""
    offset = page.dataoffsets[0]
    count = min((path.stat().st_size - offset) // page.nbytes, int(np.prod(outer)))
    dtype = np.dtype(page.dtype).newbyteorder(file.byteorder)
    data = np.fromfile(path, dtype, count * page.size, offset=offset)
    return data.reshape(count, *page.shape).astype(dtype.newbyteorder("="))


def _first(data: NDArray[Any], axes: str, stored: int) -> Planes:
    """Return the first planes of a file that is cut off, at least two of them."""
    of = f" of its {stored}" if stored > 1 else ""
    if len(data) < 2:
        raise ValueError(f"the file is cut off: {len(data)}{of} planes can be read; copy it again")
    letters = axes if len(axes) == data.ndim else "Q" + axes[-(data.ndim - 1) :]
    return Planes(data, letters, (f"The file is cut off: only the first {len(data)}{of} planes are there.",))
