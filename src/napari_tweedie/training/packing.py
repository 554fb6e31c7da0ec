"""One file with all images of a training run, small enough to carry to the machine that trains.

A zip archive of images, the groups its folders. Images of 8 bits stay as they are, as WebP without loss; others are stored as PNG
with 16 bits, which span the grey levels from −0.5 to 2.5.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from napari_tweedie.images.arrays import reason_of
from napari_tweedie.images.whole import whole
from napari_tweedie.training.data import Image

SIDES = (1024, 768, 640, 512, 480, 448, 416, 384, 320, 256, 192, 128)
"""Height and width that images are cut to, the first with which the file is small enough."""
LOW, RANGE = -0.5, 3.0


def pack(groups: Mapping[str, Sequence[Image]], file: Path, limit: float = 60.0) -> int:
    """Write groups of images, cut to their middle where they are too many, and return the side that they were cut to.

    Parameters
    ----------
    groups : mapping of str to sequence of array
        Images, float32, about in [0, 1], by the name of their group.
    file : Path
        The archive to write.
    limit : float
        Size that it must stay below, in MB.

    Raises
    ------
    ValueError
        If even small parts of the images are too many.
    """
    for side in SIDES:
        stored = {
            f"{name}/{number:05}": _stored(_middle(image, side))
            for name, images in groups.items()
            for number, image in enumerate(images)
        }
        if sum(map(len, stored.values())) + 200 * len(stored) < 1e6 * limit:
            with whole(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
                for name, content in stored.items():
                    archive.writestr(name, content)
            return side
    raise ValueError(
        f"the images do not fit into {limit:g} MB, cut to {SIDES[-1]} × {SIDES[-1]} pixels: give fewer, or a higher limit"
    )


def unpack(file: Path) -> dict[str, list[Image]]:
    """Return the groups of images that `pack` wrote.

    Raises
    ------
    ValueError
        If the file is another one, or damaged.
    """
    groups: dict[str, list[Image]] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for name in sorted(archive.namelist()):
                groups.setdefault(name.partition("/")[0], []).append(_restored(archive.read(name)))
    except (zipfile.BadZipFile, zlib.error, RuntimeError, SyntaxError, ValueError, OSError) as error:
        reason = reason_of(error)
        raise ValueError(f"{file} holds no images as `pack` writes them: {reason}") from error
    return groups


def _middle(image: Image, side: int) -> Image:
    top, left = (max(0, length - side) // 2 for length in image.shape)
    return image[top : top + side, left : left + side]


def _stored(image: Image) -> bytes:
    eight = np.round(255 * image)
    content = io.BytesIO()
    if np.abs(255 * image - eight).max() < 1e-3 and eight.min() >= 0 and eight.max() <= 255:
        PIL.Image.fromarray(eight.astype(np.uint8)).save(content, "webp", lossless=True, quality=60)
    else:
        sixteen = np.round(np.clip((image - LOW) / RANGE, 0, 1) * 65535).astype(np.uint16)
        PIL.Image.fromarray(sixteen).save(content, "png", optimize=True)
    return content.getvalue()


def _restored(content: bytes) -> Image:
    stored = np.asarray(PIL.Image.open(io.BytesIO(content)))
    eight = stored.dtype == np.uint8
    grey = stored[..., 0] if stored.ndim == 3 else stored  # WebP knows colours only
    image = grey / 255 if eight else grey / 65535 * RANGE + LOW
    return image.astype(np.float32)
