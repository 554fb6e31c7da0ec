"""Denoising strength that Stein's risk estimate favours, next to the best one.

Usage: ``python benchmarks/sure.py DATA [--images N] [--crop N]``; DATA holds a folder ``bsd68`` of grey images. White Gaussian
noise of known level is added, not clipped. The strength is searched between a quarter and four times that level, once by the
estimate and once by the true squared error; the table compares the true errors of both choices.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from skimage import io

from napari_tweedie import denoisers
from napari_tweedie.analysis.sure import Sure, search

NAMES = ("unet", "total-variation", "wavelet")
LEVELS = (10, 25, 50)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=68, help="how many of the images, evenly spaced")
    parser.add_argument("--crop", type=int, default=0, help="side of their middle that is used; 0: all")
    parser.add_argument("--denoisers", nargs="+", default=NAMES)
    arguments = parser.parse_args()
    paths = sorted((arguments.data / "bsd68").glob("*.png"))
    paths = [paths[n] for n in np.linspace(0, len(paths) - 1, arguments.images).round().astype(int)]
    images = [torch.from_numpy(middle(io.imread(path), arguments.crop).astype(np.float32) / 255)[None, None] for path in paths]
    size = f"{arguments.crop} × {arguments.crop} pixels" if arguments.crop else "full size"
    print(f"{len(images)} images of {size}")
    print("| denoiser | σ | images within 2 % | mean excess | worst excess | estimate off by | seconds per image |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.denoisers:
        for level in LEVELS:
            row(name, level / 255, images)


def middle(image: np.ndarray, side: int) -> np.ndarray:
    """Return the middle of an image, `side` pixels wide and high."""
    if not side:
        return image
    top, left = ((length - side) // 2 for length in image.shape)
    return image[top : top + side, left : left + side]


@torch.no_grad()
def row(name: str, sigma: float, images: list[torch.Tensor]) -> None:
    """Print a row: one denoiser at one noise level."""
    f = denoisers.load(name)
    excesses, biases, seconds = [], [], 0.0
    for number, clean in enumerate(images):
        generator = torch.Generator().manual_seed(number)
        y = clean + sigma * torch.randn(clean.shape, generator=generator)
        known: dict[float, float] = {}

        def true(strength: float, y: torch.Tensor = y, clean: torch.Tensor = clean, known: dict[float, float] = known) -> float:
            if strength not in known:
                known[strength] = float((f(y, strength) - clean).square().mean())
            return known[strength]

        started = time.perf_counter()
        *_, curve = Sure(f, y, sigma, generator).search()
        seconds += (time.perf_counter() - started) / len(images)
        *_, oracle = search(true, sigma)
        chosen = true(curve.best)
        excesses.append(chosen / min(oracle.errors) - 1)
        biases.append(min(curve.errors) / chosen - 1)
    share = f"{np.mean(np.array(excesses) <= 0.02):.0%}"
    cells = f"{share} | {np.mean(excesses):.1%} | {np.max(excesses):.1%} | {np.mean(np.abs(biases)):.1%} | {seconds:.1f}"
    print(f"| {name} | {255 * sigma:.0f} | {cells} |", flush=True)


main()
