"""How well is the noise of real acquisitions removed, against the average of many? PSNR on pairs of images.

Usage: ``python benchmarks/real_pairs.py DATA [--bm3d] [--every N] [--untouched]``; DATA holds folders ``pairs_*`` of files
``NAME_raw`` and ``NAME_gt`` or ``NAME_gt5``. "Untouched" is the recipe as it is when a user changes nothing; "by hand" the
best, image by image and chosen with the truth at hand, of Gaussian and photon noise, white and correlated. bm3d, which needs
the package of that name, gets the same transform and, where correlation was found, its power spectrum. Noise is measured on the
raw image alone. ``--every`` takes every N-th pair of sets of more than ten; ``--untouched`` measures nothing else. Results for
widefield pairs, whose grey levels are scaled apart, are fitted to the truth by a gain and an offset.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie import engine
from napari_tweedie.images.files import read
from napari_tweedie.images.stabilisation import keep_light
from napari_tweedie.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 10
"""Pairs of a set of which all are measured."""
SCALED = ("pairs_w2s", "pairs_giga")
BY_HAND = [Recipe(noise={"name": name, "correlated": flag}) for name in ("gaussian", "poisson") for flag in (False, True)]


def score(image: np.ndarray, truth: np.ndarray, fitted: bool) -> float:
    """Return the PSNR in dB; the peak is 255 for 8-bit images, the range of the truth for others."""
    peak = 255.0 if truth.dtype == np.uint8 else float(np.ptp(truth))
    image, truth = image.astype(float), truth.astype(float)
    if fitted:
        terms = np.stack([image.ravel(), np.ones(image.size)], 1)
        image = (terms @ np.linalg.lstsq(terms, truth.ravel(), rcond=None)[0]).reshape(truth.shape)
    return float(10 * np.log10(peak**2 / np.mean((image - truth) ** 2)))


def denoised(recipe: Recipe, raw: np.ndarray) -> np.ndarray:
    """Return what a recipe makes of an image."""
    return engine.last(engine.run(recipe, raw)).images["denoised"]


def bm3d(raw: np.ndarray) -> np.ndarray:
    """Return what bm3d makes of an image with the noise that was found, white or with its spectrum."""
    from bm3d import bm3d as denoise

    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # the package asks for the name that numpy gave up

    (channel,) = engine.measure(Recipe(), raw)
    noisy = channel.intensity.forward(raw).astype(float)
    level = channel.pixel_level
    if channel.correlation is not None:
        level = level**2 * channel.correlation.spectrum(raw.shape) * raw.size  # as its authors scale a power spectrum
    result = channel.intensity.back(denoise(noisy, level).reshape(raw.shape))
    return keep_light(result, raw) if channel.is_stabilised else result


def pairs(folder: Path, every: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, raw image and truth."""
    files = sorted(folder.glob("*_raw.*"))
    for raw in files[:: every if len(files) > MANY else 1]:
        name = raw.stem.removesuffix("_raw")
        truth = next(raw.parent.glob(f"{name}_gt*"))
        yield name, np.asarray(read(raw).data), np.asarray(read(truth).data)


def main() -> None:
    """Print a row for every image and the means of every set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--bm3d", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--untouched", action="store_true")
    chosen = parser.parse_args()
    print("| PSNR, dB | raw | untouched | by hand | bm3d |\n| --- | --: | --: | --: | --: |")
    for folder in sorted(chosen.data.glob("pairs_*")):
        rows = []
        for name, raw, truth in pairs(folder, chosen.every):
            fitted = folder.name in SCALED
            results = [raw, denoised(Recipe(), raw)]
            by_hand = [] if chosen.untouched else BY_HAND
            hand = max((score(denoised(recipe, raw), truth, fitted) for recipe in by_hand), default=np.nan)
            other = score(bm3d(raw), truth, fitted) if chosen.bm3d else np.nan
            rows.append([*(score(result, truth, fitted) for result in results), hand, other])
            print(f"| {name} | {' | '.join(f'{value:.2f}' for value in rows[-1])} |", flush=True)
        means = " | ".join(f"**{value:.2f}**" for value in np.mean(rows, axis=0))
        worst = "" if chosen.untouched else f" (untouched at least {min(row[1] - row[2] for row in rows):+.2f} from by hand)"
        print(f"| **{folder.name}, mean of {len(rows)}**{worst} | {means} |", flush=True)


if __name__ == "__main__":
    main()
