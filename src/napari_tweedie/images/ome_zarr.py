"""OME-Zarr files, versions 0.4 and 0.5: opened lazily, written chunk by chunk, with a pyramid."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images import ngff
from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.chunks import CHUNK, Region, chunk_shape, coarsened, pyramid, regions
from napari_tweedie.images.picture import NAMESPACE, Picture, stem

if TYPE_CHECKING:
    import zarr

COMPRESSION = {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle"}}
"""Written eight times as fast as zarr's own choice, zstd, and a fifth smaller: the bytes of denoised floats are sorted."""
COMPRESSION_OF_ZARR_2 = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}


def read(path: Path) -> Picture:
    """Open an OME-Zarr image, or a zarr array without metadata; its finest level, whose chunks are read on demand.

    Raises
    ------
    ValueError
        If it holds no image itself.
    """
    import zarr

    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return Picture(node, guess_axes(node.shape), name=stem(path))
    attributes: dict[str, Any] = dict(node.attrs)
    image = ngff.image(attributes, path)
    (multiscale, *_), dataset = image.multiscales, image.multiscales[0].datasets[0]
    data: Any = node[dataset.path]
    ours = attributes.get(NAMESPACE, {})
    letters = ours.get("axes", "")
    axes = letters if len(letters) == data.ndim else ngff.letters(multiscale.axes)
    scale, shift = np.ones(data.ndim), np.zeros(data.ndim)
    for step in [*dataset.coordinateTransformations, *(multiscale.coordinateTransformations or [])]:
        if step.type == "scale":
            scale, shift = scale * step.scale, shift * step.scale
        else:
            shift = shift + step.translation
    factors, unit = ngff.units(multiscale.axes)
    labels = [channel.label or "" for channel in image.omero.channels] if image.omero else []
    named = all(labels) and "c" in axes and len(labels) == data.shape[axes.index("c")]
    return Picture(
        data, axes, tuple(scale * factors), unit, stem(path), ours.get("metadata", {}), tuple(labels) if named else (),
        tuple(shift * factors),
    )  # fmt: skip


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
        Shape of the chunks of every level.
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
    group.attrs.update(ngff.metadata(like, shapes, limits, version) | {NAMESPACE: {"axes": like.axes, "metadata": like.metadata}})
    specific: dict[str, Any] = {"dimension_names": ngff.names(like.axes), "compressors": COMPRESSION}
    if version == "0.4":
        specific = {"chunk_key_encoding": {"name": "v2", "separator": "/"}, "compressors": COMPRESSION_OF_ZARR_2}
    return [
        group.create_array(str(level), shape=shape, chunks=tuple(chunks), dtype=like.data.dtype, **specific)
        for level, shape in enumerate(shapes)
    ]


def level(path: Path, number: int) -> zarr.Array[Any]:
    """Open a level of what `create` made for writing; every chunk that is written becomes a file, empty or not."""
    import zarr

    options: Any = {"write_empty_chunks": True}
    return zarr.open_array(path / str(number), mode="r+", config=options)


def levels(path: Path) -> list[zarr.Array[Any]]:
    """Open all levels of what `create` made for writing."""
    import zarr

    attributes = dict(zarr.open_group(path, mode="r").attrs)
    return [level(path, number) for number in range(len(ngff.image(attributes, path).multiscales[0].datasets))]


def chunk_file(array: zarr.Array[Any], region: Region) -> Path:
    """Return the file that holds a chunk of a local array, whether it is there or not; it appears when it is complete."""
    place = tuple(at.start // size for at, size in zip(region, array.chunks, strict=True))
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
    like = Picture(data, axes, spacing, picture.unit, picture.name, picture.metadata, picture.channels, origin)
    planes = np.moveaxis(data, axes.index("c"), 0) if "c" in axes else data[None]
    limits = [(float(plane.min()), float(plane.max())) for plane in planes] if picture.channels else []
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        chunks = chunk_shape(axes, data.shape, dict.fromkeys("yx", CHUNK))
        fine, *coarser = create(part, like, chunks, limits)
        fine[...] = data
        for level in coarser:
            for region in regions(level.shape, level.chunks):
                level[region] = coarsened(fine, region, axes)
            fine = level
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _require_new(path: Path) -> None:
    if path.exists():
        raise FileExistsError(f"{path} exists: choose another name, or remove it")
