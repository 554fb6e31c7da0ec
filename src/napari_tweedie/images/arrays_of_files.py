"""Arrays of numbers in files without axes or pixel sizes: NumPy's, and those of BART, which hold k-space."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.picture import Picture, stem
from napari_tweedie.images.room import check_room

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = {".npy", ".npz", ".cfl"}
"""Suffixes of such files."""
_COILS = 3
"""Axis of the coils in BART's order: readout, two of phases, coils."""


def read(path: Path) -> Picture:
    """Read an array of two axes or more; complex numbers stay complex.

    Raises
    ------
    ValueError
        If the file holds no such array, or objects of Python, which are never loaded.
    """
    suffix, notes = path.suffix.lower(), list[str]()
    if suffix == ".cfl":
        data = _of_bart(path)
    elif suffix == ".npy":
        data = np.load(path, allow_pickle=False)
    else:
        data = _largest(path, notes)
    if data.ndim < 2 or data.dtype.kind not in "buifc":
        raise ValueError(f"{path.name} holds an array of shape {data.shape} and type {data.dtype}, not an image")
    return Picture(data, guess_axes(data.shape), name=stem(path), unknown="tzyx", notes=tuple(notes))


def _largest(path: Path, notes: list[str]) -> NDArray[Any]:
    """Return the complex array of an archive, or the largest one where none is."""
    with zipfile.ZipFile(path) as members:
        check_room(sum(member.file_size for member in members.infolist()))
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if not arrays:
        raise ValueError(f"{path.name} holds no array")
    name = max(arrays, key=lambda name: (arrays[name].dtype.kind == "c", arrays[name].size))
    if len(arrays) > 1:
        others = ", ".join(other for other in arrays if other != name)
        notes.append(f"{path.name} holds several arrays: this is {name!r}, not {others}.")
    return arrays[name]


def _of_bart(path: Path) -> NDArray[np.complex64]:
    """Return the array of a .cfl and its .hdr: coils first, then the axes that are longer than 1, slowest first."""
    header = path.with_suffix(".hdr")
    if not header.exists():
        raise ValueError(f"{path.name} needs its header {header.name} beside it")
    lines = [line for line in header.read_text().splitlines() if line.strip() and not line.startswith("#")]
    shape = tuple(int(word) for word in lines[0].split())
    values = np.fromfile(path, np.complex64)
    if values.size != np.prod(shape):
        raise ValueError(f"{path.name} holds {values.size} numbers, but its header says {' × '.join(map(str, shape))}")
    data = values.reshape(shape, order="F")
    data = np.moveaxis(data, _COILS, 0) if data.ndim > _COILS else data[None]
    return np.ascontiguousarray(data.reshape(len(data), *(n for n in data.shape[1:] if n > 1)))
