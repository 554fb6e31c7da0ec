"""ISMRMRD raw data of magnetic resonance scanners: Cartesian k-space, coil by coil."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_tweedie.images.picture import Picture, stem

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = {".h5", ".mrd"}
"""Suffixes of such files."""
EXTRA = "ISMRMRD needs h5py: pip install 'napari-tweedie[formats]'"
NO_IMAGE = sum(1 << (flag - 1) for flag in (19, 23, 24, 26, 27, 28, 29))
"""Flags of what is no line of the image: noise, navigators, phase correction, feedback, dummy scans, surface coil correction."""
REVERSED = 1 << 21
"""Flag of a line that was measured backwards."""
REPEATS = ("contrast", "phase", "repetition", "set")
"""Counters of further images, of which the first is read."""


def read(path: Path) -> Picture:
    """Read the k-space, complex, (coils, [slices,] Y, X), with zero in the middle and zeros where nothing was measured.

    Lines that were measured several times are averaged; where the readout is oversampled, the image is cut to the field of view
    of the reconstruction along X.

    Raises
    ------
    ValueError
        If h5py is not installed, or the file holds no Cartesian k-space of planes.
    """
    h5py = _h5py()
    if not h5py.is_hdf5(path):
        raise ValueError("it is no HDF5 file")
    with h5py.File(path, "r") as file:
        group = _group(file)
        if group is None:
            raise ValueError("it holds no ISMRMRD data set, a group with 'data' and 'xml': read it into an array first")
        header = ElementTree.fromstring(_text(group["xml"][()]))
        lines = group["data"][()]
    return _picture(path, _without_namespaces(header), lines)


def is_one(path: Path) -> bool:
    """Tell whether a file holds ISMRMRD raw data, which cannot be told where h5py is not installed."""
    if path.suffix.lower() == ".mrd":
        return True
    try:
        h5py = _h5py()
    except ValueError:
        return False
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return _group(file) is not None


def _group(file: Any) -> Any:
    """Return the group of raw data; None where there is none."""
    return next((node for node in file.values() if hasattr(node, "values") and {"data", "xml"} <= set(node)), None)


def _picture(path: Path, header: ElementTree.Element, lines: NDArray[Any]) -> Picture:
    encoding = header.find("encoding")
    kind = _said(encoding, "trajectory", "cartesian")
    if encoding is None or kind != "cartesian":
        raise ValueError(f"its trajectory is {kind!r}: only Cartesian k-space is read")
    size = {axis: int(_said(encoding, f"encodedSpace/matrixSize/{axis}", "1")) for axis in "xyz"}
    if size["z"] > 1:
        raise ValueError(f"it is encoded along z ({size['z']} steps): transform that axis and give planes, (coils, Y, X)")
    middle = int(_said(encoding, "encodingLimits/kspace_encoding_step_1/center", str(size["y"] // 2)))
    heads = lines["head"]
    chosen = (heads["flags"].astype(np.uint64) & np.uint64(NO_IMAGE)) == 0
    notes, index = list[str](), heads["idx"]
    for counter in REPEATS:
        first = index[counter] == index[counter][chosen].min() if chosen.any() else chosen
        if not first[chosen].all():
            notes.append(f"It holds several of the counter {counter!r}: the first was read.")
        chosen = chosen & first
    if not chosen.any():
        raise ValueError("it holds no line of an image")
    slices = np.unique(index["slice"][chosen])
    coils = int(heads["active_channels"][chosen][0])
    space = np.zeros((coils, len(slices), size["y"], size["x"]), np.complex64)
    counts = np.zeros((len(slices), size["y"], size["x"]), np.int64)
    for n in np.flatnonzero(chosen):
        row = int(index["kspace_encode_step_1"][n]) + size["y"] // 2 - middle
        samples = np.asarray(lines["data"][n], np.float32).view(np.complex64).reshape(coils, -1)
        begin = size["x"] // 2 - int(heads["center_sample"][n])
        first, last = int(heads["discard_pre"][n]), samples.shape[1] - int(heads["discard_post"][n])
        if int(heads["flags"][n]) & REVERSED:
            samples = samples[:, ::-1]
        if not 0 <= row < size["y"] or begin + first < 0 or begin + last > size["x"]:
            raise ValueError(f"its line {n} lies outside the {size['y']} × {size['x']} frequencies that its header says")
        place = (int(np.searchsorted(slices, index["slice"][n])), row, slice(begin + first, begin + last))
        space[(slice(None), *place)] += samples[:, first:last]
        counts[place] += 1
    space /= np.maximum(counts, 1)
    wanted = int(_said(encoding, "reconSpace/matrixSize/x", str(size["x"])))
    measured = np.asarray(counts.any(-1))
    if wanted < size["x"] and (counts[measured] > 0).all():
        space = _cut(space, wanted) * measured[..., None]
        notes.append(f"The readout is oversampled: the image was cut to {wanted} of {size['x']} pixels along X.")
    axes = "yx" if len(slices) == 1 else "zyx"
    space = space.reshape(coils, *space.shape[-len(axes) :])
    return Picture(space, f"q{axes}", name=stem(path), unknown=axes, notes=tuple(notes))


def _cut(space: NDArray[np.complex64], width: int) -> NDArray[np.complex64]:
    """Cut the image to its middle along X, with as much noise in a sample as before."""
    image = np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(space, axes=-1), norm="ortho"), axes=-1)
    begin = space.shape[-1] // 2 - width // 2
    image = image[..., begin : begin + width]
    return np.fft.fftshift(np.fft.fft(np.fft.ifftshift(image, axes=-1), norm="ortho"), axes=-1).astype(np.complex64)


def _said(element: ElementTree.Element | None, path: str, default: str) -> str:
    found = None if element is None else element.findtext(path)
    return default if found is None else found.strip()


def _without_namespaces(header: ElementTree.Element) -> ElementTree.Element:
    for element in header.iter():
        element.tag = element.tag.rpartition("}")[2]
    return header


def _text(stored: Any) -> str:
    first = stored[0] if isinstance(stored, np.ndarray) else stored
    return first.decode() if isinstance(first, bytes) else str(first)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ValueError(EXTRA) from error
    return h5py
