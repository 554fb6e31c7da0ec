"""Pictures of everyday programs, such as PNG, JPEG, GIF: grey or colour, of one frame or several."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.colour import Samples, grey_or_colour
from napari_tweedie.images.picture import Picture, stem
from napari_tweedie.images.room import check_room

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KINDS = {"RGB": "rgb", "RGBA": "rgb", "CMYK": "cmyk"}
_NAMES_ONLY = {"BUFR", "GRIB", "HDF5", "WMF", "MPEG"}
"""Formats that Pillow knows by name and cannot read."""
_PNG, _BITS, _COLOUR = b"\x89PNG\r\n\x1a\n", 24, 25
"""Beginning of a PNG, and where it says how many bits a sample has, and what samples are."""
_SIDES = 16, 20
"""Where it says width and height."""
_BYTES = 4
"""Of a pixel in memory, at most but for pictures of floats in colour."""


def is_known(path: Path) -> bool:
    """Tell whether Pillow knows the format of a file, by its beginning, or at least its suffix."""
    from PIL import Image

    Image.init()
    if Image.EXTENSION.get(path.suffix.lower(), "HDF5") not in _NAMES_ONLY:
        return True
    try:
        with _opened(path):
            return True
    except OSError:
        return False


def read(path: Path) -> Picture:
    """Read all frames of a picture."""
    from PIL import ImageSequence

    if _is_deep_colour(path):
        frames, mode = [_deep_png(path)], "RGB"
    else:
        with _opened(path) as file:
            check_room(np.prod(file.size, dtype=float) * getattr(file, "n_frames", 1) * _BYTES)
            pictures = [_without_palette(frame) for frame in ImageSequence.Iterator(file)]
            mode = pictures[0].mode
            frames = [np.asarray(picture) for picture in pictures]
    samples = Samples(_KINDS.get(mode, "grey"), mode in ("LA", "La"))
    axes = "t" * (len(frames) > 1) + "yx" + "s" * (frames[0].ndim - 2)
    data = np.stack(frames) if len(frames) > 1 else frames[0]
    image = grey_or_colour(data, axes, samples)
    return Picture(image.data, image.axes, name=stem(path), unknown="tzyx", notes=image.notes)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a picture, however large: whether there is room for it is looked at here, not by Pillow."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as file:
            yield file


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

    content = path.read_bytes()
    width, height = (int.from_bytes(content[at : at + 4]) for at in _SIDES)
    check_room(width * height * 4 * 2.0)
    return np.asarray(imagecodecs.png_decode(content))
