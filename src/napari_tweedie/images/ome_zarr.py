"""OME-Zarr images of any version, opened lazily."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tweedie.images import ngff_reading, plates, remote
from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.picture import NAMESPACE, Picture, stem

if TYPE_CHECKING:
    import zarr


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder that a zarr begins in."""
    return any((path / name).exists() for name in (".zattrs", ".zgroup", ".zarray", "zarr.json"))


def names(path: Path) -> list[str]:
    """Return the names of the images of an OME-Zarr: one, those of a collection that converters make of many, or of a plate."""
    if plate := plates.of(path):
        return list(plate.fields)
    return [name for name, _, _ in _images(path)]


def read(path: Path, number: int = 0) -> Picture:
    """Open an OME-Zarr image, or a zarr array without metadata; its finest level, whose chunks are read on demand.

    Parameters
    ----------
    path : Path
        The folder.
    number : int
        Which image, counted as `names` does.

    Raises
    ------
    ValueError
        If it holds no image itself, or its metadata contradict each other.
    """
    if plate := plates.of(path):
        field = read(path / plate.fields[number])
        return replace(field, name=stem(path), notes=(*plate.notes, *field.notes))
    _, node, said = _images(path)[number]
    if said is None:
        return Picture(node, guess_axes(node.shape, _dimensions(node)), name=stem(path), unknown="tzyx")
    try:
        data = node[said.path]
    except KeyError:
        data = None
    if data is None or not hasattr(data, "shape"):
        raise ValueError(f"{said.field}.datasets[0].path names {said.path!r}, and there is no such array")
    ours = dict(node.attrs).get(NAMESPACE, {})
    axes = ngff_reading.letters(said, data.shape, _dimensions(data))
    if len(ours.get("axes", "")) == data.ndim:
        axes = ours["axes"]
    place = ngff_reading.place(_with_arrays(said, node), axes)
    sizes = place.calibration
    unknown = ours.get("unknown", sizes.unknown)
    notes = (*sizes.notes, *(("It holds labels, not grey levels.",) if _is_label(node) else ()))
    labels = [channel.name for channel in said.channels]
    named = all(labels) and "c" in axes and len(labels) == data.shape[axes.index("c")]
    return Picture(
        data, axes, sizes.spacing, sizes.unit, stem(path), ours.get("metadata", {}), tuple(labels) if named else (),
        place.origin, unknown, notes, _display(axes, data.shape, ours, said.channels),
    )  # fmt: skip


def _with_arrays(said: ngff_reading.Description, node: Any) -> ngff_reading.Description:
    """Return a description in which transformations whose numbers are in an array of the group have them."""
    steps = []
    for step in said.steps:
        kind, path = str(step.get("type", "")), step.get("path")
        array: Any = node.get(path) if isinstance(path, str) and kind not in step else None
        steps.append({**step, kind: array[...].ravel().tolist()} if hasattr(array, "shape") else step)
    return replace(said, steps=tuple(steps))


def _is_label(node: Any) -> bool:
    return "image-label" in ngff_reading.described(dict(node.attrs))


def labels(path: Path) -> list[str]:
    """Return the names of the label images that an image has beside its pixels, in its folder ``labels``."""
    node = remote.opened(path)
    group: Any = node.get("labels") if hasattr(node, "members") else None
    if not hasattr(group, "members"):
        return []
    listed = ngff_reading.described(dict(group.attrs)).get("labels")
    names = [str(name) for name in listed] if isinstance(listed, list) else [name for name, _ in group.groups()]
    return [name for name in names if hasattr(group.get(name), "members")]


def _display(
    axes: str, shape: tuple[int, ...], ours: Mapping[str, Any], channels: Sequence[ngff_reading.Channel]
) -> tuple[Mapping[str, Any], ...]:
    """Return how the channels are shown: as we wrote it, else in the colours and windows of the file."""
    count = shape[axes.index("c")] if "c" in axes else 1
    shown = tuple(
        ({"colormap": f"#{channel.colour}"} if channel.colour else {})
        | ({"contrast_limits": list(channel.window)} if channel.window else {})
        for channel in channels
    )  # fmt: skip
    return next((found for found in (tuple(ours.get("display", ())), shown) if any(found) and len(found) == count), ())


def levels_of(path: Path, number: int = 0) -> list[Any]:
    """Return all levels of an image as dask arrays, the finest first."""
    import dask.array as da

    if plate := plates.of(path):
        return levels_of(path / plate.fields[number])
    _, node, said = _images(path)[number]
    arrays = [node] if said is None else [node[level] for level in said.levels if level in node]
    return [da.from_array(array, chunks=unit(array)) for array in arrays]


def _images(path: Path) -> Sequence[tuple[str, Any, ngff_reading.Description | None]]:
    """Return name, zarr group (or array) and description of every image."""
    import zarr

    node = remote.opened(path)
    if isinstance(node, zarr.Array):
        return [("", node, None)]
    attributes: dict[str, Any] = dict(node.attrs)
    if own := ngff_reading.descriptions(attributes):
        return [(said.path, node, said) for said in own]
    ome = ngff_reading.described(attributes)
    members = {name: member for name, member in node.members() if not name.startswith(".")}
    if "bioformats2raw.layout" in ome:
        listed = _series(members.get("OME")) or sorted((name for name in members if name.isdigit()), key=int)
        groups = [(name, node[name]) for name in listed if name in node]
        found = [(name, group, said) for name, group in groups for said in ngff_reading.descriptions(dict(group.attrs))]
        if not found:
            raise ValueError("it is a collection of images without any image")
        return found
    if isinstance(ome.get("labels"), list):
        raise ValueError(f"it is a folder of labels: name one of them ({', '.join(map(str, ome['labels']))})")
    arrays = [member for member in members.values() if isinstance(member, zarr.Array)]
    if len(arrays) == 1:
        return [("", arrays[0], None)]
    raise ValueError(f"it is a zarr group without an OME image, and holds {len(arrays)} arrays: name one of them")


def _series(group: Any) -> list[str]:
    """Return the order of a collection's images, where it is said."""
    attributes: dict[str, Any] = {} if group is None else dict(group.attrs)
    return [str(name) for name in ngff_reading.described(attributes).get("series", ())]


def _dimensions(array: Any) -> list[str]:
    """Return the names that an array gives its axes itself."""
    named = getattr(array.metadata, "dimension_names", None) or dict(array.attrs).get("_ARRAY_DIMENSIONS") or ()
    return [str(name or "") for name in named]


def unit(array: zarr.Array[Any]) -> tuple[int, ...]:
    """Return the shape of what a file holds: a shard, or else a chunk."""
    return tuple(array.shards or array.chunks)
