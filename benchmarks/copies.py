"""Copies that were compressed, enlarged or smoothed, and texture: what is gained untouched and at the best white level.

Usage: ``python benchmarks/copies.py DATA [TEXTURES …] [--every N] [--side PIXELS] [--verbose]``; DATA holds ``bsd68`` and
``clean``, TEXTURES are folders of further images. The middle of every image gets white noise and is then left as it is,
enlarged 1.5 times, smoothed by a Gaussian of 0.7 pixels, or compressed as JPEG; the truth is what the same does to the image
without noise, and of compressed ones that image itself. *untouched* is `unet-small` with nothing chosen, *best σ* the best of
eight levels of white noise, which nobody knows without the truth; *below* counts images that end more than 0.05 dB below
their input, *found* those whose noise was found to correlate, and *copies* those that were recognised as compressed.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from denoising import centre, images_of, psnr
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom

from napari_tweedie import denoisers
from napari_tweedie.analysis.compression import Compression
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe

NETWORK = "unet-small"
FACTORS = np.geomspace(0.25, 3.0, 8)
"""Levels of white noise that are tried, in units of the noise that was added; of images without noise, of level 5."""
ENLARGED, SMOOTHED = 1.5, 0.7
NOTED = 0.05


@dataclass(frozen=True)
class Kind:
    """What happens to an image after its noise."""

    name: str
    sigma: float
    after: Callable[[np.ndarray], np.ndarray] = lambda image: image
    lossy: bool = False

    def of(self, clean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return what is measured of a clean image, and the truth, in grey levels."""
        noisy = clean + self.sigma * rng.standard_normal(clean.shape)
        return self.after(noisy), clean if self.lossy else self.after(clean)


def compressed(quality: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the JPEG method."""

    def method(image: np.ndarray) -> np.ndarray:
        held = io.BytesIO()
        Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8)).save(held, "JPEG", quality=quality)
        return np.asarray(Image.open(held), np.float64)

    return method


def enlarged(image: np.ndarray) -> np.ndarray:
    """Return an image of as many pixels whose middle was enlarged by linear interpolation."""
    larger = zoom(image, ENLARGED, order=1, mode="mirror")
    top, left = ((a - b) // 2 for a, b in zip(larger.shape, image.shape, strict=True))
    return larger[top : top + image.shape[0], left : left + image.shape[1]]


def smoothed(image: np.ndarray) -> np.ndarray:
    """Return a smoothed image."""
    return np.asarray(gaussian_filter(image, SMOOTHED))


KINDS = [
    *(Kind(f"white, σ {sigma}", sigma) for sigma in (5, 25)),
    Kind("×1.5, σ 15", 15, enlarged),
    Kind("smoothed, σ 15", 15, smoothed),
    *(Kind(f"JPEG q 50, σ {sigma}", sigma, compressed(50), True) for sigma in (0, 10, 25)),
    Kind("JPEG q 75, σ 10", 10, compressed(75), True),
]


@dataclass(frozen=True)
class Row:
    """One image of a kind: PSNR of the input, untouched, and at the best white level; what was found."""

    name: str
    given: float
    untouched: float
    best: float
    correlated: bool
    copy: bool


def decibel(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Return the PSNR at a peak of 255."""
    return psnr(torch.from_numpy(estimate / 255), torch.from_numpy(truth / 255))


def row_of(name: str, kind: Kind, clean: np.ndarray) -> Row:
    """Measure an image of a kind."""
    noisy, truth = kind.of(clean, np.random.default_rng(0))
    result = last(run(Recipe(denoiser=NETWORK), noisy.astype(np.float32)))
    x = torch.from_numpy(noisy.astype(np.float32))[None, None] / 255
    with torch.no_grad():
        at = [denoisers.load(NETWORK)(x, float(factor * (kind.sigma or 5) / 255))[0, 0].numpy() for factor in FACTORS]
    best = max(decibel(255 * estimate.astype(np.float64), truth) for estimate in at)
    correlated = "correlation" in result.provenance["noise"][0]
    copy = Compression.of([noisy]) is not None
    return Row(name, decibel(noisy, truth), decibel(result.image.astype(np.float64), truth), best, correlated, copy)


def images(data: Path, textures: list[Path], every: int, side: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the middle of images, grey levels from 0 to 255, with names; of BSD68 every 17th as many."""
    for folder, step in ((data / "bsd68", 17 * every), (data / "clean", every), *((folder, every) for folder in textures)):
        for name, image in images_of(folder)[::step]:
            yield name, 255 * centre(image, side)[0, 0].numpy().astype(np.float64)


def main() -> None:
    """Print a row for every kind, and the images that end below their input."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("textures", type=Path, nargs="*")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--verbose", action="store_true", help="Print every image.")
    asked = parser.parse_args()
    chosen = list(images(asked.data, asked.textures, asked.every, asked.side))
    print(f"| {len(chosen)} images, {asked.side}² | input | untouched | best σ | below | found | copies |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    below = []
    for kind in KINDS:
        rows = [row_of(name, kind, clean) for name, clean in chosen]
        means = " | ".join(f"{np.mean([getattr(row, name) for row in rows]):.2f}" for name in ("given", "untouched", "best"))
        worse = [row for row in rows if row.untouched < row.given - NOTED]
        below += [(kind.name, row) for row in (rows if asked.verbose else worse)]
        found = " | ".join(str(count) for count in (len(worse), sum(r.correlated for r in rows), sum(r.copy for r in rows)))
        print(f"| {kind.name} | {means} | {found} |", flush=True)
    print("\n| image | kind | input | untouched | best σ |\n| --- | --- | --- | --- | --- |")
    for name, row in sorted(below, key=lambda each: each[1].untouched - each[1].given):
        print(f"| {row.name} | {name} | {row.given:.2f} | {row.untouched:.2f} | {row.best:.2f} |")


if __name__ == "__main__":
    main()
