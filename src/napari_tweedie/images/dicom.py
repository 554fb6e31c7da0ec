"""DICOM files of medical imaging: a folder as its series, each sorted by the position of its slices, in the scanner's values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.calibration import Stated, calibrate
from napari_tweedie.images.colour import Samples, grey_or_colour
from napari_tweedie.images.picture import Picture, stem

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = {".dcm", ".dicom", ".ima"}
"""Suffixes of such files; many have none."""
EXTRA = "DICOM needs pydicom: pip install 'napari-tweedie[formats]'"

_MARK, _MARKED_AT = b"DICM", 128
_EVEN = 0.01
"""Slices whose distances differ by less, as a share, are evenly spaced."""
_KINDS = {"MONOCHROME1": "white is zero", "RGB": "rgb", "YBR_FULL": "ycbcr", "YBR_FULL_422": "ycbcr"}


def is_dicom(path: Path) -> bool:
    """Tell whether a path is a DICOM file, by its beginning or its suffix, or a folder that holds one."""
    if path.is_dir():
        return any(_is_marked(each) for each in sorted(path.iterdir())[:8] if each.is_file())
    return path.suffix.lower() in SUFFIXES or (not path.suffix and _is_marked(path))


def names(path: Path) -> list[str]:
    """Return the names of the series of a folder; one without a name for a file."""
    return [_text(series[0], "SeriesDescription") or f"series {n + 1}" for n, series in enumerate(_series(path))]


def read(path: Path, number: int = 0) -> Picture:
    """Read a DICOM file, or a series of a folder, counted as `names` does: axes t, z, y, x, and s for colour.

    Slices are sorted by their position along the normal of their planes, whatever the files are called. Values are those that
    slope and intercept give, such as Hounsfield units.

    Raises
    ------
    ValueError
        If pydicom is not installed, its pixels need a decoder that is not, or slices differ in size.
    """
    headers = _series(path)[number]
    notes: list[str] = []
    if path.is_file() and (others := _of_same_series(headers[0], path)):
        notes.append(f"It is one of {others + 1} files of its series beside each other: name their folder to have them all.")
    shapes = {(header.get("Rows"), header.get("Columns")) for header in headers}
    if len(shapes) > 1:
        sizes = ", ".join(f"{rows} × {columns}" for rows, columns in sorted(shapes))
        raise ValueError(f"the slices of its series differ in size ({sizes}): put them into folders of their own")
    frames = int(headers[0].get("NumberOfFrames") or 1)
    if len(headers) == 1 or frames > 1:
        ordered, lengths, step = [headers], "t" * (len(headers) > 1), None
    else:
        ordered, lengths, step = _sorted(headers, notes)
    flat = [header for group in ordered for header in group]
    pixels = _whole_numbers(np.stack([_values(header) for header in flat]))
    axes = "s" if int(headers[0].get("SamplesPerPixel") or 1) > 1 else ""
    inside = ("z" if frames > 1 else "") + "yx" + axes
    data = pixels.reshape(*(len(ordered), len(ordered[0]))[2 - len(lengths) :], *pixels.shape[1:])
    bits = int(headers[0].get("BitsStored") or 8)
    image = grey_or_colour(data, lengths + inside, Samples(_kind(headers[0], data), bits=bits))
    found = calibrate(image.axes, _stated(flat[0], step, frames))
    return Picture(
        image.data, image.axes, found.spacing, found.unit, path.name if path.is_dir() else stem(path),
        unknown=found.unknown, notes=(*notes, *image.notes, *found.notes), placement=_placement(flat[0], step),
    )  # fmt: skip


def _is_marked(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(_MARKED_AT)
        return file.read(len(_MARK)) == _MARK


def _pydicom() -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise ValueError(EXTRA) from error
    return pydicom


def _series(path: Path) -> list[list[Any]]:
    """Return the headers of every series of a folder, in the order of their numbers; that of a file alone."""
    dcmread = _pydicom().dcmread
    if path.is_file():
        return [[dcmread(path)]]
    found: dict[tuple[float, str], list[Any]] = {}
    for each in sorted(path.iterdir()):
        if each.is_file() and _is_marked(each):
            header = dcmread(each, defer_size="1 KB")
            if "PixelData" in header:
                key = float(header.get("SeriesNumber") or 0), str(header.get("SeriesInstanceUID", ""))
                found.setdefault(key, []).append(header)
    if not found:
        raise ValueError("the folder holds no DICOM images")
    return [found[key] for key in sorted(found)]


def _of_same_series(header: Any, path: Path) -> int:
    """Count the other files in the folder of one that belong to its series."""
    others = [each for each in path.parent.iterdir() if each.is_file() and each != path and _is_marked(each)]
    wanted = header.get("SeriesInstanceUID")
    tag = ["SeriesInstanceUID"]
    read = _pydicom().dcmread
    return sum(read(each, specific_tags=tag, stop_before_pixels=True).get("SeriesInstanceUID") == wanted for each in others)


def _sorted(headers: Sequence[Any], notes: list[str]) -> tuple[list[list[Any]], str, float | None]:
    """Return slices by time and position, the axes that they lie along, and the distance of planes where it is known."""
    numbered = sorted(headers, key=lambda header: float(header.get("InstanceNumber") or 0))
    heights = [_height(header) for header in numbered]
    if any(height is None for height in heights):
        notes.append("The position of a slice is missing: slices are in the order of their numbers, at an unknown distance.")
        return [numbered], "z", None
    places: dict[float, list[Any]] = {}
    for height, header in zip(heights, numbered, strict=True):
        places.setdefault(round(float(height or 0), 3), []).append(header)
    stacks = [places[height] for height in sorted(places)]
    counts = {len(stack) for stack in stacks}
    if len(counts) > 1:
        notes.append("Some positions have more slices than others: slices are in the order of their numbers.")
        return [numbered], "q", None
    steps = np.diff(sorted(places))
    step = float(np.median(steps)) if len(steps) else None
    if step is not None and np.ptp(steps) > _EVEN * step:
        gaps = f"{steps.min():.4g} to {steps.max():.4g} mm"
        notes.append(f"Its slices are not evenly spaced ({gaps}): one may be missing; their median distance is taken.")
    times = [list(slices) for slices in zip(*stacks, strict=True)]
    if len(stacks) == 1:
        return stacks, "t", step
    return times, "tz" if len(times) > 1 else "z", step


def _orientation(header: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the directions of rows and columns, and the position of the first pixel; None where they are not said."""
    given, place = header.get("ImageOrientationPatient"), header.get("ImagePositionPatient")
    if given is None or place is None or len(given) != 6 or len(place) != 3:
        return None
    return np.array(given, dtype=float).reshape(2, 3), np.array(place, dtype=float)


def _height(header: Any) -> float | None:
    """Return where a slice lies along the normal of its plane."""
    if (found := _orientation(header)) is None:
        return None if header.get("SliceLocation") is None else float(header.SliceLocation)
    (along, down), place = found
    return float(np.cross(along, down) @ place)


def _values(header: Any) -> NDArray[Any]:
    """Return the pixels of a file in the values that its slope and intercept give."""
    try:
        stored = np.asarray(header.pixel_array)
    except AttributeError as error:
        raise ValueError(f"it holds no pixels, or does not say how they lie: {error}") from error
    except RuntimeError as error:
        way = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
        raise ValueError(f"its pixels need a decoder that is not installed: {way} ({error})") from error
    slope, intercept = (float(header.get(name, usual)) for name, usual in (("RescaleSlope", 1), ("RescaleIntercept", 0)))
    if (slope, intercept) == (1, 0):
        return stored
    return stored * slope + intercept


def _whole_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Return floats that are whole numbers as 16-bit integers where those hold them, other doubles as single precision."""
    if values.dtype.kind != "f":
        return values
    whole = bool((values == np.rint(values)).all()) and values.min() >= -(2**15) and values.max() < 2**15
    return values.astype(np.int16 if whole else np.float32)


def _kind(header: Any, data: NDArray[Any]) -> str:
    kind = _KINDS.get(str(header.get("PhotometricInterpretation", "")), "grey")
    syntax = getattr(header.file_meta, "TransferSyntaxUID", None)
    return "rgb" if kind == "ycbcr" and syntax is not None and syntax.is_compressed else kind


def _stated(header: Any, step: float | None, frames: int) -> dict[str, Stated]:
    """Return the size of pixels: that of the patient, else that of the detector."""
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    measures = (shared.get("PixelMeasuresSequence") or [None])[0] if shared is not None else None
    stated = {}
    for source, name in ((measures, "PixelSpacing"), (header, "PixelSpacing"), (header, "ImagerPixelSpacing")):
        sizes = source.get(name) if source is not None else None
        if sizes is not None and len(sizes) == 2:
            stated = {axis: Stated(float(size), "mm", name) for axis, size in zip("yx", sizes, strict=True)}
            break
    if step is None and frames > 1:
        for source, name in ((measures, "SpacingBetweenSlices"), (header, "SpacingBetweenSlices"), (measures, "SliceThickness")):
            if source is not None and source.get(name) is not None:
                return stated | {"z": Stated(float(source.get(name)), "mm", name)}
    return stated if step is None else stated | {"z": Stated(step, "mm", "ImagePositionPatient")}


def _placement(header: Any, step: float | None) -> tuple[float, ...]:
    """Return the numbers that take voxels to right, front and up; DICOM counts to the left, the back and up."""
    sizes = header.get("PixelSpacing")
    if (found := _orientation(header)) is None or sizes is None or step is None:
        return ()
    (along, down), place = found
    columns = [along * float(sizes[1]), down * float(sizes[0]), np.cross(along, down) * step, place]
    return tuple((np.diag([-1.0, -1.0, 1.0]) @ np.array(columns).T).ravel())


def _text(header: Any, name: str) -> str:
    return str(header.get(name, "") or "")
