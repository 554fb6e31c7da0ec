"""Pictures of everyday programs, such as PNG, JPEG, GIF: grey or colour, of one frame or several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.colour import Samples, grey_or_colour
from napari_tweedie.images.picture import Picture, stem

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS = {"RGB": "rgb", "RGBA": "rgb", "CMYK": "cmyk"}
_NAMES_ONLY = {"BUFR", "GRIB", "HDF5", "WMF", "MPEG"}
"""Formats that Pillow knows by name and cannot read."""
_PNG, _BITS, _COLOUR = b"\x89PNG\r\n\x1a\n", 24, 25
"""Beginning of a PNG, and where it says how many bits a sample has, and what samples are."""


def is_known(path: Path) -> bool:
    """Tell whether Pillow knows the format of a file, by its beginning, or at least its suffix."""
    from PIL import Image

    Image.init()
    if Image.EXTENSION.get(path.suffix.lower(), "HDF5") not in _NAMES_ONLY:
        return True
    try:
        with Image.open(path):
            return True
    except OSError:
        return False


def read(path: Path) -> Picture:
    """Read all frames of a picture."""
    from PIL import Image, ImageSequence

    if _is_deep_colour(path):
        frames, mode = [_deep_png(path)], "RGB"
    else:
        with Image.open(path) as file:
            pictures = [_without_palette(frame) for frame in ImageSequence.Iterator(file)]
            mode = pictures[0].mode
            frames = [np.asarray(picture) for picture in pictures]
    samples = Samples(_KINDS.get(mode, "grey"), mode in ("LA", "La"))
    axes = "t" * (len(frames) > 1) + "yx" + "s" * (frames[0].ndim - 2)
    data = np.stack(frames) if len(frames) > 1 else frames[0]
    image = grey_or_colour(data, axes, samples)
    return Picture(image.data, image.axes, name=stem(path), unknown="tzyx", notes=image.notes)


def _without_palette(frame: Any) -> Any:
    """Return a copy of a frame whose samples are values, in a mode that all frames of a file share."""
    mode = frame.mode
    if mode in ("P", "PA"):
        mode = "RGBA" if "transparency" in frame.info or mode == "PA" else "RGB"
    elif mode in ("YCbCr", "LAB", "HSV", "RGBX", "RGBa"):
        mode = "RGB"
    return frame.convert(mode) if mode != frame.mode else frame.copy()


def _is_deep_colour(path: Path) -> bool:
    """Tell whether a file is a PNG of 16 bits a colour sample, of which Pillow keeps 8."""
    with path.open("rb") as file:
        start = file.read(_COLOUR + 1)
    return start.startswith(_PNG) and len(start) > _COLOUR and start[_BITS] == 16 and start[_COLOUR] in (2, 6)


def _deep_png(path: Path) -> NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(path.read_bytes()))
