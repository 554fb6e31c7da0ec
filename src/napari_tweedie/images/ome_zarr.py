"""OME-Zarr images: opened lazily whatever their version, written chunk by chunk, with a pyramid, as 0.4 or 0.5."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images import ngff, ngff_reading, plates, remote
from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.chunks import CHUNK, Region, chunk_shape, coarsened, pyramid, regions, within_shard
from napari_tweedie.images.picture import NAMESPACE, Picture, stem

if TYPE_CHECKING:
    import zarr

COMPRESSION = {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle"}}
"""Written eight times as fast as zarr's own choice, zstd, and a fifth smaller: the bytes of denoised floats are sorted."""
COMPRESSION_OF_ZARR_2 = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}


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
    place = ngff_reading.place(said, axes)
    sizes = place.calibration
    labels = [channel.name for channel in said.channels]
    named = all(labels) and "c" in axes and len(labels) == data.shape[axes.index("c")]
    return Picture(
        data, axes, sizes.spacing, sizes.unit, stem(path), ours.get("metadata", {}), tuple(labels) if named else (),
        place.origin, sizes.unknown, sizes.notes, _display(axes, data.shape, ours, said.channels),
    )  # fmt: skip


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


def create(
    path: Path, like: Picture, chunks: Sequence[int], limits: ngff.Limits, version: ngff.Version = "0.5"
) -> list[zarr.Array[Any]]:
    """Create an OME-Zarr without any chunk and return its levels, the finest first.

    Parameters
    ----------
    path : Path
        A folder that does not exist.
    like : Picture
        What it will hold; of the data only shape and dtype count. Its axes are `ordered`.
    chunks : sequence of int
        Shape of what is written at once, a file each, of every level. In 0.5 a large one is a shard of 8 × 8 chunks, which
        can be read apart.
    limits : sequence of (float, float)
        Lowest and highest grey level to be shown, of every channel.
    version : str
        Version of OME-Zarr: 0.4 on zarr 2, 0.5 on zarr 3.

    Raises
    ------
    FileExistsError
        If there is something of this name.
    ValueError
        If an OME-Zarr cannot hold it.
    """
    import zarr

    _require_new(path)
    if like.data.dtype.kind == "c":
        raise ValueError(f"{path}: OME-Zarr holds no complex numbers: write a TIFF")
    shapes = pyramid(like.axes, like.data.shape)
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    group.attrs.update(
        ngff.metadata(like, shapes, limits, version)
        | {NAMESPACE: {"axes": like.axes, "metadata": like.metadata, "display": like.display}}
    )
    inner = within_shard(like.axes, chunks)
    specific: dict[str, Any] = {"dimension_names": ngff.names(like.axes), "compressors": COMPRESSION, "chunks": inner}
    if inner != tuple(chunks):
        specific["shards"] = tuple(chunks)
    if version == "0.4":
        specific = {"chunk_key_encoding": {"name": "v2", "separator": "/"}, "compressors": COMPRESSION_OF_ZARR_2}
        specific["chunks"] = tuple(chunks)
    return [group.create_array(str(level), shape=shape, dtype=like.data.dtype, **specific) for level, shape in enumerate(shapes)]


def unit(array: zarr.Array[Any]) -> tuple[int, ...]:
    """Return the shape of what a file holds: a shard, or else a chunk."""
    return tuple(array.shards or array.chunks)


def level(path: Path, number: int) -> zarr.Array[Any]:
    """Open a level of what `create` made for writing; every chunk that is written becomes a file, empty or not."""
    import zarr

    options: Any = {"write_empty_chunks": True}
    return zarr.open_array(path / str(number), mode="r+", config=options)


def levels(path: Path) -> list[zarr.Array[Any]]:
    """Open all levels of what `create` made for writing."""
    import zarr

    attributes = dict(zarr.open_group(path, mode="r").attrs)
    return [level(path, number) for number in range(len(ngff_reading.descriptions(attributes)[0].levels))]


def chunk_file(array: zarr.Array[Any], region: Region) -> Path:
    """Return the file that holds a `unit` of a local array, whether it is there or not; it appears when it is complete."""
    place = tuple(at.start // size for at, size in zip(region, unit(array), strict=True))
    root: Path = array.store.root  # type: ignore[attr-defined]
    return root / array.path / array.metadata.encode_chunk_key(place)


def store(path: Path, metadata: dict[str, Any]) -> None:
    """Replace our metadata in what `create` made."""
    import zarr

    attributes: Any = zarr.open_group(path, mode="r+").attrs
    attributes.update({NAMESPACE: {**attributes[NAMESPACE], "metadata": metadata}})


def write(path: Path, picture: Picture) -> None:
    """Write an OME-Zarr 0.5; it appears under its name only when it is complete.

    Raises
    ------
    ValueError
        If an OME-Zarr cannot hold the picture.
    FileExistsError
        If there is something of this name.
    """
    _require_new(path)
    axes = ngff.ordered(picture.axes)
    order = [picture.axes.index(axis) for axis in axes]
    data = picture.data.transpose(order)
    spacing, origin = (tuple(values[n] for n in order) for values in (picture.spacing, picture.origin))
    like = replace(picture, data=data, axes=axes, spacing=spacing, origin=origin)
    planes = np.moveaxis(data, axes.index("c"), 0) if "c" in axes else data[None]
    limits = [(float(plane.min()), float(plane.max())) for plane in planes] if picture.channels else []
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        chunks = chunk_shape(axes, data.shape, dict.fromkeys("yx", CHUNK))
        fine, *coarser = create(part, like, chunks, limits)
        fine[...] = data
        for level in coarser:
            for region in regions(level.shape, unit(level)):
                level[region] = coarsened(fine, region, axes)
            fine = level
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _require_new(path: Path) -> None:
    if path.exists():
        raise FileExistsError(f"{path} exists: choose another name, or remove it")
