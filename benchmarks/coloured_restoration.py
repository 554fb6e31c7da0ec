"""Deblurring of images whose noise correlates: data weighted by its power spectrum, or taken for white noise. PSNR, dB.

Usage: ``python benchmarks/coloured_restoration.py DATA [--denoiser NAME]``; DATA holds ``bsd68`` and ``clean``. The middles of
six images, 128 × 128 pixels, blurred with a known Gaussian of std 1.2, with Gaussian noise of 10 of 255; that it correlates is
told, its level and spectrum are measured. "As white" takes it for white noise of the level that is left at twice the pixel size.
"""

import argparse
from pathlib import Path

import numpy as np
from coloured import draw
from denoising import centre, images_of
from scipy.ndimage import gaussian_filter

from napari_tweedie import engine
from napari_tweedie.recipe import Recipe
from napari_tweedie.solvers.splitting import Splitting

NOISES = ("blur 0.5", "blur 1.0", "stripes along x")
SIDE, STD, LEVEL, BORDER = 128, 1.2, 10.0, 8


def main() -> None:
    """Print a row for every image and the means of every noise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--denoiser", default="unet-small")
    chosen = parser.parse_args()
    images = images_of(chosen.data / "clean")[3:12:4] + images_of(chosen.data / "bsd68")[5:40:17]
    recipe = Recipe(
        job="restore",
        degradation={"name": "gaussian-blur", "std": STD},
        denoiser={"name": chosen.denoiser},
        noise={"name": "auto", "model": "gaussian", "correlation": "correlated"},
    )
    print("| noise, image | by its spectrum | as white |\n| --- | --: | --: |")
    for kind in NOISES:
        rows = []
        for name, image in images:
            clean = 255 * centre(image, SIDE)[0, 0].numpy().astype(float)
            noise, _ = draw(kind, clean.shape, np.random.default_rng(0))
            measured = (gaussian_filter(clean, STD) + LEVEL * noise).astype(np.float32)
            row = []
            for Splitting.whitens in (True, False):
                error = engine.last(engine.run(recipe, measured)).image - clean
                row.append(10 * np.log10(255**2 / np.mean(error[BORDER:-BORDER, BORDER:-BORDER] ** 2)))
            rows.append(row)
            print(f"| {kind}, {name} | {row[0]:.2f} | {row[1]:.2f} |", flush=True)
        print(f"| **{kind}** | {' | '.join(f'**{mean:.2f}**' for mean in np.mean(rows, axis=0))} |", flush=True)


if __name__ == "__main__":
    main()
