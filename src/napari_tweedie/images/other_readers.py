"""Readers of other packages, for formats that are not read here: bioio, and those that plugins offer to napari."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_tweedie.images.axes import guess_axes
from napari_tweedie.images.calibration import Stated, calibrate
from napari_tweedie.images.picture import Picture, stem

READERS = {
    ".czi": "bioio bioio-czi", ".nd2": "bioio bioio-nd2", ".lif": "bioio bioio-lif", ".dv": "bioio bioio-dv",
    ".sldy": "bioio bioio-sldy", ".oib": "bioio bioio-bioformats", ".oif": "bioio bioio-bioformats",
    ".vsi": "bioio bioio-bioformats", ".ims": "napari-imaris-loader",
}  # fmt: skip
"""What to install, by suffix."""


def names(path: Path) -> list[str]:
    """Return the names of the images of a file that bioio reads; one without a name otherwise."""
    image = _bioio(path)
    return [""] if image is None or len(image.scenes) == 1 else list(image.scenes)


def read(path: Path, number: int = 0) -> Picture:
    """Read an image by bioio, where it is installed and knows the file, or else by the reader of a napari plugin.

    Raises
    ------
    ValueError
        If nothing that is installed reads it; the message names what would, if that is known.
    """
    image = _bioio(path)
    if image is not None:
        return _of_bioio(path, image, number)
    found = _by_a_plugin(path)
    if found is not None:
        return found
    wanted = READERS.get(path.suffix.lower())
    what = f"install its reader: pip install {wanted}" if wanted else "install a bioio reader or a napari plugin for it"
    raise ValueError(f"no reader for {path.suffix or 'files without a suffix'} is installed: {what}")


def _bioio(path: Path) -> Any:
    """Return the file as bioio sees it; None where it is not installed or none of its readers takes the file."""
    try:
        from bioio import BioImage
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ImportError:
        return None
    try:
        return BioImage(path)
    except UnsupportedFileFormatError:
        return None


def _of_bioio(path: Path, image: Any, number: int) -> Picture:
    image.set_scene(number)
    whole = image.dask_data
    kept = [n for n, letter in enumerate(image.dims.order) if whole.shape[n] > 1 or letter in "YX"]
    axes = "".join(image.dims.order[n].lower() for n in kept)
    axes = "".join(axis if axis in "tczyxs" else "q" for axis in axes)
    data = whole[tuple(slice(None) if n in kept else 0 for n in range(whole.ndim))]
    sizes = {axis: getattr(image.physical_pixel_sizes, axis.upper()) for axis in "zyx"}
    stated = {axis: Stated(sizes[axis], "micrometer", "physical_pixel_sizes") for axis in axes if sizes.get(axis)}
    interval = getattr(image, "time_interval", None)
    if "t" in axes and interval is not None and (seconds := getattr(interval, "total_seconds", lambda: interval)()):
        stated["t"] = Stated(seconds, "second", "time_interval")
    known = calibrate(axes, stated)
    channels = tuple(str(name) for name in image.channel_names) if "c" in axes else ()
    return Picture(data, axes, known.spacing, known.unit, stem(path), channels=channels, unknown=known.unknown, notes=known.notes)


def _by_a_plugin(path: Path) -> Picture | None:
    """Return the first image layer that an installed napari plugin reads; None if there is none."""
    import npe2

    manager = npe2.PluginManager.instance()
    manager.discover()
    own = f"{__name__.partition('.')[0].replace('_', '-')}."
    found: Any = ()
    for reader in manager.iter_compatible_readers([str(path)]):
        if not reader.command.startswith(own):
            found = npe2.read([str(path)], stack=False, plugin_name=reader.plugin_name)
            break
    layers = [layer for layer in found if len(layer) < 3 or layer[2] == "image"]
    if not layers:
        return None
    return _of_layer(path, layers[0], len(layers))


def _of_layer(path: Path, layer: Any, count: int) -> Picture:
    data, shown = layer[0], dict(layer[1]) if len(layer) > 1 else {}
    data = data[0] if isinstance(data, list | tuple) else data  # levels, the finest first
    data = data if hasattr(data, "shape") else np.asarray(data)
    colour = bool(shown.get("rgb"))
    axes = guess_axes(data.shape, tuple(shown.get("axis_labels") or ()), rgb=colour)
    plain = [axis for axis in axes if axis != "s"]
    scale = tuple(shown.get("scale") or ())
    units = shown.get("units") or ("pixel",) * len(plain)
    units = (units,) * len(plain) if isinstance(units, str) else tuple(map(str, units))
    sizes = zip(plain, scale, units, strict=True) if len(scale) == len(units) == len(plain) else ()
    known = calibrate(axes, {axis: Stated(size, unit, "scale") for axis, size, unit in sizes if axis in "tzyx"})
    notes = (f"{path.name} holds {count} images: this is the first of them.",) if count > 1 else ()
    return Picture(data, axes, known.spacing, known.unit, stem(path), unknown=known.unknown, notes=(*notes, *known.notes))
