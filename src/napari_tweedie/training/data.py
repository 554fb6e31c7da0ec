"""Training data: the patches that a network sees."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from skimage.transform import downscale_local_mean, rescale

from napari_tweedie.images.files import read
from napari_tweedie.images.missing import plain

Image = NDArray[np.float32]

SUFFIXES = {".png", ".tif", ".tiff", ".jpg"}


class Source(Protocol):
    """Where patches come from, and the share of every batch that is drawn from there."""

    @property
    def share(self) -> float:
        """Weight among the sources."""

    def patch(self, size: int, rng: np.random.Generator) -> Image:
        """Draw one patch (size, size), about in [0, 1]."""


@dataclass(frozen=True)
class Images:
    """A group of images as a source of patches."""

    images: list[Image]
    share: float
    microscope: bool = False
    """Vary offset, range and gamma as microscopes and scanners do; photographs keep their grey levels."""

    def patch(self, size: int, rng: np.random.Generator) -> Image:
        """Draw a patch of one of the images, reduced now and then, turned and mirrored."""
        image = self.images[rng.integers(len(self.images))]
        if self.microscope and min(image.shape) >= 2 * size and rng.random() < 0.5:
            image = downscale_local_mean(_crop(image, 2 * size, rng), (2, 2))  # averages the camera's own noise away
        elif rng.random() < 0.2:
            zoom = rng.uniform(0.6, 1.0)
            image = rescale(_crop(image, int(np.ceil(size / zoom)) + 2, rng), zoom, order=3)
        patch = np.rot90(_crop(image, size, rng), int(rng.integers(4)))
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        if self.microscope and rng.random() < 0.3:
            patch = _as_root(patch, rng)
        elif self.microscope:
            patch = np.clip(patch, 0, None) ** rng.uniform(0.7, 1.5) * rng.uniform(0.3, 1.2) + rng.uniform(-0.2, 0.3)
        return np.ascontiguousarray(patch, dtype=np.float32)


def _as_root(patch: Image, rng: np.random.Generator) -> Image:
    """Return a photon-limited image as it is where its noise is stabilised: a root of it, mapped to about [0, 1]."""
    root = np.sqrt(np.clip(patch, 0, None) + 10 ** rng.uniform(-3, -0.5))
    low, high = np.percentile(root, (0.1, 99.9))
    return np.asarray((root - low) / max(high - low, 0.05), np.float32)


def read_folder(folder: Path, licences: frozenset[str]) -> list[Image]:
    """Read the images below `folder` as grey float32, a stack as its planes.

    8-bit images are divided by 255; others are mapped so that their 0.1 and 99.9 percentiles become 0 and 1.

    Parameters
    ----------
    folder : Path
        A folder of PNG, JPEG or TIFF images. If it or its parent holds a ``MANIFEST.csv`` with the columns
        ``file`` and ``licence_class``, only the files whose class is in `licences` are read.
    licences : frozenset of str
        Accepted licence classes.

    Raises
    ------
    FileNotFoundError
        If no image remains.
    ValueError
        If one cannot be read, or holds NaN or infinity; the message names it.
    """
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    classes = _licence_classes(folder)
    if classes is not None:
        paths = [path for path in paths if classes.get(path) in licences]
    images = [plane for path in paths for plane in read_planes(path)]
    if not images:
        raise FileNotFoundError(f"no image with a licence among {sorted(licences)} below {folder}")
    return images


def check_licences(licences: Collection[str], folders: Sequence[Path], usual: Collection[str]) -> None:
    """Raise what is wrong with a choice of licence classes, of which some are usual.

    Raises
    ------
    ValueError
        If one is neither usual nor that of any image of the folders; the message names those that are.
    """
    known = {*usual, *(name for folder in folders for name in (_licence_classes(folder) or {}).values())}
    if unknown := sorted(set(licences) - known):
        raise ValueError(f"no image has the licence class {unknown[0]!r}: choose from {', '.join(sorted(known))}")


def _licence_classes(folder: Path) -> dict[Path, str] | None:
    """Return the licence class of every file that the ``MANIFEST.csv`` of a folder names; None without one."""
    for manifest in (folder / "MANIFEST.csv", folder.parent / "MANIFEST.csv"):
        if manifest.exists():
            with manifest.open(newline="") as rows:
                return {manifest.parent / row["file"]: row["licence_class"] for row in csv.DictReader(rows)}
    return None


def read_planes(path: Path) -> list[Image]:
    """Return the planes of an image; of colours, their mean."""
    picture = read(path)
    image, axes = plain(picture.data), picture.axes
    if "s" in axes:
        at = axes.index("s")
        image, axes = np.moveaxis(image, at, 0)[:3].mean(0).astype(image.dtype), axes.replace("s", "")
    if image.dtype.kind not in "buif" or not np.isfinite(image).all():
        raise ValueError(f"{path} holds pixels that are no numbers: leave it out, or fill them")
    image = np.moveaxis(image, (axes.index("y"), axes.index("x")), (-2, -1))
    low, high = (0, 255) if image.dtype == np.uint8 else np.percentile(image, (0.1, 99.9))
    scaled = ((image - np.float64(low)) / ((high - low) or 1.0)).astype(np.float32)
    return list(scaled.reshape(-1, *scaled.shape[-2:]))


def draw_batch(sources: Sequence[Source], count: int, size: int, rng: np.random.Generator) -> Image:
    """Draw `count` random patches, shape (count, 1, size, size)."""
    shares = np.array([source.share for source in sources])
    if not shares.sum() > 0:
        raise ValueError("there is nothing to train on: give a folder of images, or a share of drawn ones")
    chosen = rng.choice(len(sources), size=count, p=shares / shares.sum())
    return np.stack([sources[index].patch(size, rng) for index in chosen])[:, None]


def _crop(image: Image, size: int, rng: np.random.Generator) -> Image:
    missing = [(0, max(0, size - length)) for length in image.shape]
    if any(after for _, after in missing):
        image = np.pad(image, missing, mode="reflect")
    y, x = (rng.integers(length - size + 1) for length in image.shape)
    return image[y : y + size, x : x + size]
