"""Sources of an image: a file, a napari layer, an array of any library; each as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_tweedie.images.arrays import as_array
from napari_tweedie.images.axes import guess_axes, role
from napari_tweedie.images.calibration import Calibration, Stated, calibrate
from napari_tweedie.images.files import names, read
from napari_tweedie.images.picture import Picture
from napari_tweedie.images.units import is_relative
from napari_tweedie.images.versions import kept_until_changed

FILE = "napari_tweedie_file"
"""Key of what a file says of a layer, in the layer's metadata."""
UNNAMED = ("dim_",)
"""How names of axes begin that xarray gives to those without one."""


def as_picture(source: Any) -> Picture:
    """Return what is known of an image: its array, axes, and the size of its pixels.

    Parameters
    ----------
    source : Picture, path, layer or array-like
        A picture; a file to read; a napari image layer (of a multiscale one, the finest level); or an array of NumPy, dask,
        zarr, xarray (whose dimension names are read) or torch.

    Raises
    ------
    ValueError
        If it has fewer than two axes, or the file is no image.
    FileNotFoundError
        If there is no such file.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | Path):
        return read(source)
    if hasattr(source, "axis_labels") and hasattr(source, "scale"):
        return of_layer(source)
    array = as_array(source, complex_numbers=True)  # whether they mean something is known to who runs a recipe
    if hasattr(source, "dims") and hasattr(source, "data"):
        names = ["" if str(name).startswith(UNNAMED) else str(name) for name in source.dims]
        return Picture(array, guess_axes(array.shape, names), name=str(getattr(source, "name", None) or ""))
    return Picture(array, guess_axes(array.shape))


def of_layer(layer: Any, axes: str = "") -> Picture:
    """Return what is known of a napari image layer and of the file that it comes from.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer; of a multiscale one, the finest level.
    axes : str
        Its axes; by default those that it names, else those of its file, else the usual ones.
    """
    array = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    file = file_of(layer, tuple(array.shape))
    axes = axes or named_axes(layer, array.shape, file) or guess_axes(array.shape, layer.axis_labels, layer.rgb)
    plain = axes.removesuffix("s") if getattr(layer, "rgb", False) else axes
    own = layer_calibration(layer, plain)
    of_file = file.renamed(axes) if file is not None and len(file.axes) == len(axes) else None
    notes = dict.fromkeys([*_notes_of_file(layer, file), *own.notes])
    colour = (1.0,) * (len(axes) - len(plain))
    found = Picture(array, axes, own.spacing + colour, own.unit, layer.name, unknown=own.unknown, notes=tuple(notes))
    if not found.sizes() and of_file is not None and of_file.sizes():
        return replace(found, spacing=of_file.spacing, unit=of_file.unit, unknown=of_file.unknown)
    return found


def layer_calibration(layer: Any, axes: str) -> Calibration:
    """Return what a layer says of its pixels, along axes in our letters (without colour); a flip has the size of its pixels.

    Sizes of 1 in no unit, beside others that have one, say nothing. What an affine map of the layer enlarges counts; that it
    turns the layer does not.
    """
    matrix = getattr(getattr(layer, "affine", None), "linear_matrix", None)
    enlarged = np.ones(layer.ndim) if matrix is None else np.linalg.norm(matrix, axis=0)
    units = [str(unit) for unit in getattr(layer, "units", None) or ["pixel"] * layer.ndim]
    some = any(not is_relative(unit) for unit in units)
    stated = {}
    for axis, scale, unit in zip(axes, np.asarray(layer.scale) * enlarged, units, strict=False):
        if not (is_relative(unit) and (axis == "t" or (some and abs(scale) == 1))):
            stated[axis] = Stated(abs(float(scale)), unit, f"The layer's scale of {axis}")
    return calibrate(axes, stated)


def named_axes(layer: Any, shape: Sequence[int], file: Picture | None) -> str:
    """Return the axes that a layer names, else those that its file names; nothing where neither does."""
    if any(role(label) for label in layer.axis_labels):
        return guess_axes(shape, layer.axis_labels, layer.rgb)
    if file is None:
        return ""
    long = iter([axis for axis, length in zip(file.axes, file.data.shape, strict=True) if length > 1])
    axes = [next(long) if length > 1 else "" for length in shape]
    if "q" in axes or not {"y", "x"} <= set(axes):
        return ""
    for n, usual in enumerate(guess_axes(shape, (), layer.rgb)):
        if not axes[n]:
            axes[n] = usual if usual not in axes else "q"
    return "".join(axes)


def file_of(layer: Any, shape: tuple[int, ...]) -> Picture | None:
    """Return what the file of a layer says of its image of some shape, without pixels; None where there is no such image."""
    path = getattr(getattr(layer, "source", None), "path", None)
    if path is None or not Path(str(path)).exists():
        return None
    with suppress(ValueError, OSError):
        pictures = _described(Path(str(path)))
        return next((picture for picture in pictures if _long(picture.data.shape) == _long(shape)), None)
    return None


@kept_until_changed(16)
def _described(path: Path) -> list[Picture]:
    """Return all images of a file without their pixels; they are looked at again when it has changed."""
    return [read(path, number, pixels=False) for number in range(len(names(path)))]


def _long(shape: Sequence[int]) -> list[int]:
    """Return the lengths of the axes that are longer than 1: others come and go."""
    return [length for length in shape if length > 1]


def _notes_of_file(layer: Any, file: Picture | None) -> Sequence[str]:
    stored = layer.metadata.get(FILE) if hasattr(layer, "metadata") else None
    stored = stored if isinstance(stored, dict) else {}
    return stored.get("notes", ()) if stored or file is None else file.notes
