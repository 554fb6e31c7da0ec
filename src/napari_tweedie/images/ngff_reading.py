"""Metadata of OME-Zarr images of any version, 0.1 to 0.5, read leniently; what is ambiguous is an error that names the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.axes import guess_axes, role
from napari_tweedie.images.calibration import Calibration, Stated, calibrate, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS = {"time": "t", "channel": "c"}
_FIVE = "tczyx"
"""Axes of every image before version 0.3."""


@dataclass(frozen=True)
class Channel:
    """What is said of a channel; None where it is not, or makes no sense."""

    name: str = ""
    colour: str | None = None
    window: tuple[float, float] | None = None


@dataclass(frozen=True)
class Description:
    """What the metadata say of an image.

    Parameters
    ----------
    path : str
        Of the finest level's array, within the group.
    axes : tuple of dict
        Name, type and unit of every axis, where they are said; empty: not said at all.
    steps : tuple of dict
        Transformations of pixels to the world, the first one first.
    channels : tuple of Channel
        Empty where they are not described.
    field : str
        Where all this stands, for people.
    levels : tuple of str
        Paths of all levels, the finest first.
    """

    path: str
    axes: tuple[Mapping[str, Any], ...]
    steps: tuple[Mapping[str, Any], ...]
    channels: tuple[Channel, ...]
    field: str
    levels: tuple[str, ...]


def descriptions(attributes: Mapping[str, Any]) -> list[Description]:
    """Return what the attributes of a zarr group say of the images that it holds; nothing where it holds none.

    Raises
    ------
    ValueError
        If a field is missing or of the wrong kind; the message names it.
    """
    ome = described(attributes)
    if "multiscales" not in ome:
        return []
    images = _list(ome["multiscales"], "multiscales")
    return [_description(ome, image, f"multiscales[{n}]") for n, image in enumerate(images)]


def described(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return where the metadata stand: under "ome" since 0.5; before it, and where "ome" says nothing, in the attributes."""
    ome = attributes.get("ome")
    return ome if isinstance(ome, Mapping) and (ome.get("multiscales") or "multiscales" not in attributes) else attributes


def _description(ome: Mapping[str, Any], image: Any, field: str) -> Description:
    image = _object(image, field)
    given = _list(image.get("datasets", ()), f"{field}.datasets")
    paths_or_objects = [{"path": each} if isinstance(each, str) else each for each in given]
    datasets = _finest_first([_object(each, f"{field}.datasets[{n}]") for n, each in enumerate(paths_or_objects)])
    levels = [each.get("path") for each in datasets]
    for n, level in enumerate(levels):
        if not isinstance(level, str | int):
            raise ValueError(f"{field}.datasets[{n}].path is {level!r}: it must name an array")
    named = image.get("axes") or _axes_of_system(image, datasets[0])
    if not isinstance(named, list | tuple | str):
        raise ValueError(f"{field}.axes must be a list, one entry an axis (got {named!r})")
    axes = tuple(_axis(each, f"{field}.axes[{n}]") for n, each in enumerate(named))
    steps = tuple(step for each in (datasets[0], image) for step in _one_by_one(each.get("coordinateTransformations")))
    paths = tuple(str(level) for level in levels)
    return Description(paths[0], axes, steps, _channels(ome.get("omero")), field, paths)


def _finest_first(datasets: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return levels in the order of their pixels' size, as they should be; as they are where the size of one is not told."""
    sizes = []
    for dataset in datasets:
        scales = [step.get("scale") for step in _one_by_one(dataset.get("coordinateTransformations"))]
        numbers = [number(size) or 0.0 for scale in scales if isinstance(scale, list) for size in scale]
        sizes.append(abs(float(np.prod(numbers))) if numbers else 0.0)
    if not all(isfinite(size) and size > 0 for size in sizes):
        return datasets
    return [datasets[n] for n in sorted(range(len(datasets)), key=sizes.__getitem__)]


def _one_by_one(given: Any) -> list[Mapping[str, Any]]:
    """Return transformations without the sequences they are in; one without a list counts, what is no object does not."""
    if isinstance(given, Mapping):
        return _one_by_one(given["transformations"]) if "transformations" in given else [given]
    return [step for each in given for step in _one_by_one(each)] if isinstance(given, list | tuple) else []


def _axes_of_system(image: Mapping[str, Any], dataset: Mapping[str, Any]) -> Any:
    """Return the axes of the coordinate system that a level is brought to, as drafts after 0.5 have them; else nothing."""
    systems = [each for each in image.get("coordinateSystems") or () if isinstance(each, Mapping)]
    given = dataset.get("coordinateTransformations") or ()
    outputs = [step.get("output") for step in ([given] if isinstance(given, Mapping) else given) if isinstance(step, Mapping)]
    named = [system for system in systems if system.get("name") in outputs]
    return next((system.get("axes") or () for system in (*named, *systems)), ())


def _axis(axis: Any, field: str) -> Mapping[str, Any]:
    return {"name": axis} if isinstance(axis, str) else _object(axis, field)


def letters(said: Description, shape: Sequence[int], dimensions: Sequence[Any] = ()) -> str:
    """Return the axes string of an image: by the names of its axes, then by their types.

    Parameters
    ----------
    said : Description
        What the metadata say.
    shape : sequence of int
        Shape of the array.
    dimensions : sequence of str
        Names that the array itself gives its axes, used where the metadata say nothing.

    Raises
    ------
    ValueError
        If the names do not fit the array, or contradict each other.
    """
    ndim = len(shape)
    if not said.axes:
        named = [str(name or "") for name in dimensions] if len(dimensions) == ndim else []
        if any(named):
            return guess_axes(shape, named)
        at = [n for n, length in enumerate(shape[:-2]) if length == len(said.channels)]
        with_channels = {(3, 0): "cyx", (4, 0): "czyx", (4, 1): "tcyx"}
        return with_channels.get((ndim, at[0] if at else -1), _FIVE if ndim == 5 else guess_axes(shape))
    if len(said.axes) != ndim:
        raise ValueError(
            f"{said.field}.axes name {len(said.axes)} axes, and the array {said.path} has {ndim} (shape {tuple(shape)})"
        )
    found = [_letter(axis) for axis in said.axes]
    for n, axis in enumerate(said.axes):
        kind = _KINDS.get(str(axis.get("type", "")).lower(), "")
        if not found[n] and kind:
            found[n] = kind if kind not in found else "q"
    spatial = [n for n, letter in enumerate(found) if letter == "" and str(said.axes[n].get("type")).lower() == "space"]
    free = [letter for letter in "zyx" if letter not in found]
    for n, letter in zip(reversed(spatial), reversed(free), strict=False):
        found[n] = letter
    axes = "".join(letter or "q" for letter in found)
    for letter in "tczyx":
        if axes.count(letter) > 1:
            raise ValueError(f"{said.field}.axes name {letter} more than once")
    if "y" not in axes or "x" not in axes:
        raise ValueError(f"{said.field}.axes lack y or x (got {', '.join(str(axis.get('name')) for axis in said.axes)})")
    return axes


def _letter(axis: Mapping[str, Any]) -> str:
    """Return the letter that the name of an axis stands for, nothing where its type must say it."""
    named = role(str(axis.get("name") or ""))
    typed = str(axis.get("type", "")).lower() in (*_KINDS, "space")
    return named if named in "tczyx" or not typed else ""


@dataclass(frozen=True)
class Place:
    """Where the pixels of an image lie: `Calibration`, and the position of the first one along every axis."""

    calibration: Calibration
    origin: tuple[float, ...]


def place(said: Description, axes: str) -> Place:
    """Return what the transformations of an image say of its pixels; where they make no sense, notes of it."""
    steps, notes = _steps(said, len(axes))
    scale, shift = np.ones(len(axes)), np.zeros(len(axes))
    for kind, numbers in steps:
        if kind == "scale":
            scale, shift = scale * numbers, shift * numbers
        else:
            shift = shift + numbers
    flipped = ", ".join(axis for axis, size in zip(axes, scale, strict=True) if size < 0)
    if flipped:
        notes.append(f"The scale of {flipped} is negative, a flip: its absolute value is the size of a pixel.")
    own = np.abs(scale)
    known = calibrate(axes, _stated(said, axes, own) if "scale" in dict(steps) else {})
    usable = np.isfinite(own) & (own > 0) & np.isfinite(shift) & [axis not in known.unknown for axis in axes]
    factors = np.divide(known.spacing, own, out=np.zeros(len(axes)), where=usable)
    relative = [axis in "cqs" and bool(good) for axis, good in zip(axes, usable, strict=True)]
    spacing = tuple(np.where(relative, own, known.spacing).tolist())
    origin = np.where(usable, shift * np.where(relative, 1, factors), 0)
    return Place(replace(known, spacing=spacing, notes=(*notes, *known.notes)), tuple(origin.tolist()))


def _steps(said: Description, ndim: int) -> tuple[list[tuple[str, NDArray[np.float64]]], list[str]]:
    """Return the kind and the numbers of all scales and translations, and notes of transformations that do not count."""
    steps, notes = [], []
    for step in said.steps:
        kind, given = str(step.get("type", "")), step.get(str(step.get("type", "")))
        values = [number(value) for value in given] if isinstance(given, list) else []
        if kind == "affine" and (matrix := _matrix(given, ndim)) is not None:
            scale = np.diag(matrix[:, :-1])
            if np.count_nonzero(matrix[:, :-1]) > np.count_nonzero(scale):
                scale = np.linalg.norm(matrix[:, :-1], axis=0)
                notes.append(f"The transformation in {said.field} turns the image: only the size of its pixels counts.")
            steps += [("scale", scale), ("translation", matrix[:, -1])]
        elif kind in ("scale", "translation") and len(values) == ndim:
            steps.append((kind, np.array([np.nan if value is None else value for value in values])))
        elif kind != "identity":
            notes.append(f"A transformation in {said.field}, of type {kind!r}, does not say {ndim} numbers: it does not count.")
    return steps, notes


def _matrix(given: Any, ndim: int) -> NDArray[np.float64] | None:
    """Return an affine map as a matrix with the shift in its last column; None if it is none of as many axes."""
    try:
        matrix = np.array(given, dtype=float)
    except (TypeError, ValueError):
        return None
    fits = matrix.shape in ((ndim, ndim + 1), (ndim + 1, ndim + 1)) and bool(np.isfinite(matrix).all())
    return matrix[:ndim] if fits else None


def _stated(said: Description, axes: str, scale: Any) -> dict[str, Stated]:
    """Return the size of pixels along every axis; 1 without a unit says nothing, unless sizes without unit differ."""
    units = [str(axis.get("unit") or "") for axis in said.axes] or [""] * len(axes)
    stated = {}
    ratios = not any(units) and any(size != 1 for letter, size in zip(axes, scale, strict=True) if letter in "zyx")
    for letter, size, unit in zip(axes, scale, units, strict=True):
        if unit or size != 1 or (letter != "t" and ratios):
            assumed = "second" if letter == "t" and not unit else unit
            stated[letter] = Stated(float(size), assumed, f"The scale of {letter}")
    return stated


def _channels(omero: Any) -> tuple[Channel, ...]:
    found = omero.get("channels") if isinstance(omero, Mapping) else None
    return tuple(_channel(each) for each in found) if isinstance(found, list) else ()


def _channel(said: Any) -> Channel:
    if not isinstance(said, Mapping):
        return Channel()
    given, window = said.get("color", ""), said.get("window")
    colour = f"{given % 2**24:06X}" if isinstance(given, int) else str(given).lstrip("#")
    ends = [number(window.get(end)) for end in ("start", "end")] if isinstance(window, Mapping) else [None, None]
    low, high = ends
    ordered = low is not None and high is not None and isfinite(low) and isfinite(high) and low < high
    is_colour = len(colour) in (6, 8) and all(digit in "0123456789abcdefABCDEF" for digit in colour)
    return Channel(str(said.get("label") or ""), colour[:6] if is_colour else None, (low, high) if ordered else None)  # type: ignore[arg-type]


def _list(value: Any, field: str) -> list[Any]:
    """Return a list; an object that should be in one is its only entry."""
    if isinstance(value, Mapping) and value:
        return [value]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"{field} must be a list of at least one (got {value!r})")
    return list(value)


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{field} must be an object (got {value!r})")
    return value
