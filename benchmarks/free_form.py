"""Free form of unknown blurs: how much of the gain of the true function the model gives, and the function refined from it.

    python benchmarks/free_form.py DATA [--images "HeLa,photograph 7"] [--psfs ellipse,ring]

The images of `blind_blur.py`, noise 2 of 255; blurred by a Gaussian of 1.2 x 2.2 pixels turned by 30 degrees, and by a disc of
radius 3 that is brighter at its rim.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from blind_blur import BORDER, IMAGES, psnr, sharp
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

import napari_tweedie as nt

REACH, FINER = 9, 5


def ellipse() -> np.ndarray:
    """Return the Gaussian that is longer one way than the other."""
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    angle = np.deg2rad(30)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-((along / 2.2) ** 2 + (across / 1.2) ** 2) / 2)
    return kernel / kernel.sum()


def ring() -> np.ndarray:
    """Return the disc with a bright rim, averaged over pixels."""
    side = 2 * REACH + 1
    y, x = (np.mgrid[: side * FINER, : side * FINER] - (side * FINER - 1) / 2) / FINER
    distance = np.hypot(y, x)
    fine = gaussian_filter((distance < 3) * (0.35 + 0.65 * (distance > 2)), 0.6 * FINER)
    kernel = fine.reshape(side, FINER, side, FINER).sum((1, 3))
    return kernel / kernel.sum()


PSFS = {"ellipse": ellipse, "ring": ring}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", default=",".join(IMAGES))
    parser.add_argument("--psfs", default=",".join(PSFS))
    options = parser.parse_args()
    for name in options.images.split(","):
        scene = sharp(options.data, name)
        truth = scene[BORDER:-BORDER, BORDER:-BORDER]
        for kind in options.psfs.split(","):
            true = PSFS[kind]()
            whole = fftconvolve(np.pad(scene, 20, mode="reflect"), true, mode="same")[20:-20, 20:-20]
            measured = whole[BORDER:-BORDER, BORDER:-BORDER]
            measured = measured + np.random.default_rng(0).normal(0, 2, measured.shape)
            model = nt.estimate_psf(measured, "image")
            begun = time.monotonic()
            free = nt.estimate_psf(measured, "image", refined=True)
            seconds = time.monotonic() - begun
            scores = [
                psnr(nt.restore(measured, "psf-blur", psf=psf, denoiser="unet-small").image, truth)
                for psf in (true, model.psf, free.psf)
            ]
            kept = "model kept" if free.notes[0].startswith("No ") else "free form"
            print(name, kind, f"{psnr(measured, truth):.2f}", *(f"{score:.2f}" for score in scores), kept, f"{seconds:.0f} s",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
