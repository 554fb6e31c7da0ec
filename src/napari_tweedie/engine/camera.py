"""Calibration of a camera, for Python, the command line and the dock: maps of offset, gain and read variance from its frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.camera_maps import CameraMaps, find_camera_maps
from napari_tweedie.images.arrays import as_array
from napari_tweedie.images.camera import PLANES
from napari_tweedie.images.sources import as_picture

if TYPE_CHECKING:
    from pathlib import Path


def camera_maps(dark: Any, flats: Any) -> CameraMaps:
    """Find offset, gain and read variance of every pixel of a camera, such as an sCMOS camera.

    Parameters
    ----------
    dark : array-like, layer or path
        Frames without light, shape (N, Y, X): 100 and more are good, 8 the fewest.
    flats : sequence of array-like, layer or path
        Frames of even light, as many of each of one to some intensities, the brightest at about half of what saturates.

    Returns
    -------
    CameraMaps
        ``.offset``, ``.gain``, ``.variance``, their ``.errors``, ``.notes``, and ``.noise``, which `nt.denoise` and the others
        take as their noise.

    Raises
    ------
    ValueError
        If there are too few frames, their sizes differ, or no light is left that does not saturate.
    """
    several = flats if isinstance(flats, Sequence) and not isinstance(flats, str) else [flats]
    return find_camera_maps(_frames(dark), [_frames(flat) for flat in several])


def write_maps(found: CameraMaps, target: Path) -> None:
    """Write maps as an image of three channels, with what was found in its metadata."""
    from napari_tweedie.images.files import write

    facts = {"camera": {"planes": list(PLANES), "errors": found.errors}, "notes": found.notes}
    write(target, found.maps, "cyx", (1.0, 1.0, 1.0), "pixel", facts)


def _frames(source: Any) -> Any:
    """Return frames (N, Y, X), without axes of one pixel around them."""
    array = as_array(as_picture(source).data)
    extra = tuple(axis for axis in range(array.ndim - 3) if array.shape[axis] == 1)
    return np.squeeze(np.asarray(array), extra) if extra else array
