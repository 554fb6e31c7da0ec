"""Reader offered to napari: TIFF, OME-Zarr, NIfTI, MRC, k-space as layers, one a channel, with names, sizes, units, places."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_tweedie.images import dicom, mrc, nifti, ome_zarr
from napari_tweedie.images.files import Picture, names, read
from napari_tweedie.images.missing import plain
from napari_tweedie.images.picture import stem, suffix
from napari_tweedie.images.sources import FILE
from napari_tweedie.images.tiff import SUFFIXES
from napari_tweedie.images.titles import SEPARATOR

LayerData = tuple[Any, dict[str, Any], str]

PROVENANCE = "napari_tweedie"
"""Key of a result's provenance in its layer's metadata."""
MOST = 24
"""Images of a file that are opened at once: plates hold thousands."""
ARRAYS = {".npz", ".cfl"}
"""Arrays of numbers that napari does not open itself."""
COLORMAPS = ("cyan", "magenta", "yellow", "red", "green", "blue")
"""Of channels whose file gives them no colour."""


def reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return what reads a path, None if it is none that we read or several at once."""
    if not isinstance(path, str) or not _is_ours(Path(path)):
        return None
    return layers


def _is_ours(path: Path) -> bool:
    if path.is_dir():
        return ome_zarr.is_folder(path)
    return suffix(path) in {*SUFFIXES, *dicom.SUFFIXES, *nifti.SUFFIXES, *mrc.SUFFIXES, *ARRAYS}


def layers(path: str) -> list[LayerData]:
    """Return all images of a file as layers; what is odd about it is a warning, which napari shows."""
    found: list[LayerData] = []
    images = names(path)
    if len(images) > MOST:
        warnings.warn(f"{Path(path).name} holds {len(images)} images: the first {MOST} are opened.", stacklevel=2)
    for number, name in enumerate(images[:MOST]):
        picture = read(path, number)
        title = f"{picture.name}{SEPARATOR}{name or number + 1}" if len(images) > 1 else picture.name
        for note in picture.notes:
            warnings.warn(f"{Path(path).name}: {note}", stacklevel=2)
        levels = ome_zarr.levels_of(Path(path), number) if Path(path).is_dir() else [plain_or_lazy(picture.data)]
        if "s" in picture.axes:
            picture, levels = colour_last(picture, levels)
        if levels[0].dtype.kind == "c":
            picture, levels = real_and_imaginary(picture, levels)
        found += channels(picture, levels, title)
    return found + (labels(Path(path)) if Path(path).is_dir() and len(images) == 1 else [])


def labels(path: Path) -> list[LayerData]:
    """Return the label images that an OME-Zarr holds beside its pixels."""
    found: list[LayerData] = []
    for name in ome_zarr.labels(path):
        picture, levels = read(path / "labels" / name), ome_zarr.levels_of(path / "labels" / name)
        if levels[0].dtype.kind not in "ui":
            warnings.warn(f"{path.name}: the labels {name!r} hold {levels[0].dtype}, and are left out.", stacklevel=2)
            continue
        shown = layer_of(picture, f"{stem(path)}{SEPARATOR}{name}")
        del shown["rgb"]
        found.append((_one_or_all(levels), shown, "labels"))
    return found


def real_and_imaginary(picture: Picture, levels: Sequence[Any]) -> tuple[Picture, list[Any]]:
    """Return complex numbers, which napari does not show, as their parts along a first axis: of coils, one after the other."""
    warnings.warn(f"{picture.name}: its numbers are complex: real and imaginary parts lie along the first axis.", stacklevel=3)
    parts = [np.stack([level.real, level.imag], axis=1 if picture.axes.startswith("q") else 0) for level in levels]
    if picture.axes.startswith("q"):
        return picture, [both.reshape(-1, *both.shape[2:]) for both in parts]
    sizes, places = (1.0, *picture.spacing), (0.0, *picture.origin)
    return replace(picture, axes=f"q{picture.axes}", spacing=sizes, origin=places), parts


def colour_last(picture: Picture, levels: Sequence[Any]) -> tuple[Picture, list[Any]]:
    """Return a picture and its levels with the samples of a colour where napari looks for them: last."""
    order = sorted(range(len(picture.axes)), key=lambda n: picture.axes[n] == "s")
    sizes, places = (tuple(values[n] for n in order) for values in (picture.spacing, picture.origin))
    axes = "".join(picture.axes[n] for n in order)
    return replace(picture, axes=axes, spacing=sizes, origin=places), [level.transpose(order) for level in levels]


def channels(picture: Picture, levels: Sequence[Any], title: str) -> list[LayerData]:
    """Return a picture as a layer for each of its channels.

    Parameters
    ----------
    picture : Picture
        The picture; its own pixels do not count.
    levels : sequence of array
        Its pixels, and coarser levels of them.
    title : str
        Name of the layers, before that of the channel.
    """
    shown = layer_of(picture, title)
    if "c" not in picture.axes:
        return [(_one_or_all(levels), _as_shown(shown, picture, 0), "image")]
    at = picture.axes.index("c")
    found: list[LayerData] = []
    count = levels[0].shape[at]
    for number in range(count):
        named = picture.channels[number] if picture.channels else f"channel {number + 1}"
        own = shown | {"name": f"{title}{SEPARATOR}{named}", "blending": "additive"}
        for field in ("scale", "translate", "units", "axis_labels"):
            own[field] = tuple(value for n, value in enumerate(shown[field]) if n != at)
        if count > 1:
            own["colormap"] = COLORMAPS[number % len(COLORMAPS)]
        picked = (slice(None),) * at + (number,)
        found.append((_one_or_all([level[picked] for level in levels]), _as_shown(own, picture, number), "image"))
    return found


def _as_shown(own: dict[str, Any], picture: Picture, number: int) -> dict[str, Any]:
    """Return what a layer is made with, together with how the file says that a channel is shown."""
    display = dict(picture.display[number]) if picture.display else {}
    known = display.pop("metadata", {})
    return own | display | {"metadata": own["metadata"] | known}


def layer_of(picture: Picture, title: str) -> dict[str, Any]:
    """Return what a layer of a whole picture is made with, besides the pixels."""
    plain_axes = [(n, axis) for n, axis in enumerate(picture.axes) if axis != "s"]
    units = dict.fromkeys("zyx", picture.unit) | {"t": "second"}
    provenance = {PROVENANCE: picture.metadata} if picture.metadata else {}
    return {
        "name": title,
        "rgb": "s" in picture.axes,
        "scale": tuple(picture.spacing[n] for n, _ in plain_axes),
        "translate": tuple(picture.origin[n] for n, _ in plain_axes),
        "units": tuple("pixel" if axis in picture.unknown else units.get(axis, "pixel") for _, axis in plain_axes),
        "axis_labels": tuple(axis if axis != "q" else f"q{n}" for n, axis in plain_axes),
        "metadata": provenance | {FILE: {"notes": list(picture.notes)}},
    }


def _one_or_all(levels: Sequence[Any]) -> Any:
    return list(levels) if len(levels) > 1 else levels[0]


def plain_or_lazy(data: Any) -> Any:
    """Return pixels as napari shows them: masked ones as NaN, those of lazy arrays when they are looked at."""
    return data if hasattr(data, "dask") else plain(data)
