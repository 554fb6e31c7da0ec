"""OME-Zarr images written chunk by chunk, with a pyramid, as 0.4 or 0.5."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images import ngff, ngff_reading
from napari_tweedie.images.chunks import CHUNK, Region, chunk_shape, coarsened, pyramid, regions, within_shard
from napari_tweedie.images.ome_zarr import unit
from napari_tweedie.images.picture import NAMESPACE, Picture
from napari_tweedie.images.whole import not_written

if TYPE_CHECKING:
    import zarr

COMPRESSION = {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle"}}
"""Written eight times as fast as zarr's own choice, zstd, and a fifth smaller: the bytes of denoised floats are sorted."""
COMPRESSION_OF_ZARR_2 = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}


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
        | {NAMESPACE: {"axes": like.axes, "metadata": like.metadata, "display": like.display, "unknown": like.unknown}}
    )
    inner = within_shard(like.axes, chunks)
    specific: dict[str, Any] = {"dimension_names": ngff.names(like.axes), "compressors": COMPRESSION, "chunks": inner}
    if inner != tuple(chunks):
        specific["shards"] = tuple(chunks)
    if version == "0.4":
        specific = {"chunk_key_encoding": {"name": "v2", "separator": "/"}, "compressors": COMPRESSION_OF_ZARR_2}
        specific["chunks"] = tuple(chunks)
    return [group.create_array(str(level), shape=shape, dtype=like.data.dtype, **specific) for level, shape in enumerate(shapes)]


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
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _require_new(path: Path) -> None:
    if path.exists():
        raise FileExistsError(f"{path} exists: choose another name, or remove it")
