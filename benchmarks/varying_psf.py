"""Point-spread functions that vary over the field, from beads: what of the gain of the true ones they give.

    python benchmarks/varying_psf.py DATA [--beads 40] [--widest 2.4] [--solver hqs] [--denoiser unet-small]

DATA has the folder `clean`. The middle of a micrograph of a fly embryo (192 x 192 pixels, 50 to 2050 photons) is blurred with
Gaussians whose standard deviation grows with the square of the distance from the centre, from 1 pixel there to `--widest` in
the corners (by 17 x 17 of them, and mixtures between); beads of up to 20,000 photons show the same field. PSNR in decibels.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from skimage.io import imread

import napari_tweedie as nt
from napari_tweedie import degradations

SIDE, REACH, NARROWEST, DENSE = 192, 10, 1.0, 17


def gaussian(std: float) -> np.ndarray:
    """Return a point that is blurred."""
    profile = np.exp(-0.5 * np.arange(-REACH, REACH + 1) ** 2 / std**2)
    return np.outer(profile, profile) / profile.sum() ** 2


def std_at(y: float, x: float, widest: float) -> float:
    """Return the standard deviation at a place, in pixels."""
    return NARROWEST + (widest - NARROWEST) * sum((2 * place / (SIDE - 1) - 1) ** 2 for place in (y, x)) / 2


def functions(count: int, widest: float) -> np.ndarray:
    """Return so many functions along each axis, from border to border."""
    along = np.linspace(0, SIDE - 1, count)
    return np.array([[gaussian(std_at(y, x, widest)) for x in along] for y in along])


def beads(count: int, widest: float) -> np.ndarray:
    """Return beads at any places that are 16 pixels apart, on a background of 100."""
    random = np.random.default_rng(0)
    image, places = np.full((SIDE, SIDE), 100.0), []
    y, x = np.indices(image.shape)
    while len(places) < count:
        place = random.uniform(8, SIDE - 9, 2)
        if all(np.hypot(*(place - other)) > 16 for other in places):
            places.append(place)
            std = std_at(*place, widest)
            square = (y - place[0]) ** 2 + (x - place[1]) ** 2
            image += 20000 * random.uniform(0.6, 1) / (2 * np.pi * std**2) * np.exp(-0.5 * square / std**2)
    return random.poisson(image).astype(float)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--beads", type=int, default=40)
    parser.add_argument("--widest", type=float, default=2.4)
    parser.add_argument("--solver", default="hqs")
    parser.add_argument("--denoiser", default="unet-small")
    options = parser.parse_args()
    image = imread(options.data / "clean" / "fly_POS218_R.png").astype(float)
    corner = [(n - SIDE) // 2 - REACH for n in image.shape]
    scene = image[tuple(slice(start, start + SIDE + 2 * REACH) for start in corner)]
    scene = (scene - scene.min()) / np.ptp(scene) * 2000 + 50
    truth = scene[REACH:-REACH, REACH:-REACH]
    dense = degradations.load("psf-blur", psf=functions(DENSE, options.widest), correct=False)
    blurred = dense(torch.from_numpy(scene.astype(np.float32))[None, None])[0, 0].numpy()
    measured = np.random.default_rng(1).poisson(np.clip(blurred, 0, None)).astype(np.float32)
    shown = beads(options.beads, options.widest)
    found = nt.estimate_psf(shown, varying=True)
    print(*found.notes, sep="\n")
    known = {
        "mean of the beads": nt.estimate_psf(shown).psf,
        "of every place": found.psf,
        "true, 3 x 3": functions(3, options.widest),
    }
    results = {"measured": measured}
    for name, psf in known.items():
        results[name] = nt.restore(measured, "psf-blur", options.solver, psf=psf, denoiser=options.denoiser).image
    for name, result in results.items():
        print(f"| {name} | {10 * np.log10(truth.max() ** 2 / ((result - truth) ** 2).mean()):.2f} |", flush=True)


if __name__ == "__main__":
    main()
