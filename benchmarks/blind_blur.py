"""Widths of unknown blurs: what is found in the blurred image, and what of the gain of the true function it gives.

    python benchmarks/blind_blur.py DATA [--families std,na] [--noise 2] [--json OUT]

DATA has the folders `set12` (photographs) and `clean` (fluorescence and electron micrographs). Six images of 128 x 128 pixels,
made sharp by averaging pixels of micrographs; what lies beyond the border is blurred in, noise is Gaussian out of 255.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve
from skimage.io import imread
from skimage.transform import downscale_local_mean

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.analysis.beads import widths_of

IMAGES = {
    "photograph 1": ("set12/01.png", 1),
    "photograph 7": ("set12/07.png", 1),
    "HeLa": ("clean/hela_c1.png", 2),
    "fly": ("clean/fly_POS218_F.png", 2),
    "EM 17": ("clean/vnc_s1_17.png", 2),
    "EM 19": ("clean/vnc_s1_19.png", 2),
}
"""File and how many of its pixels a side are averaged."""
FAMILIES = {
    "std": ({"name": "gaussian-blur"}, (1.2, 1.8, 2.6)),
    "na": ({"name": "microscope-psf", "pixel": 100}, (0.9, 0.6, 0.4)),
}
SIDE, BORDER, RIM = 128, 32, 8


def sharp(data: Path, name: str) -> np.ndarray:
    """Return the square of an image that varies most, with what lies around it, from 0 to 255."""
    path, factor = IMAGES[name]
    image = np.asarray(imread(data / path), float)
    image = downscale_local_mean(image[..., 0] if image.ndim == 3 else image, (factor, factor))
    whole = SIDE + 2 * BORDER
    places = [(y, x) for y in range(0, image.shape[0] - whole + 1, 32) for x in range(0, image.shape[1] - whole + 1, 32)]
    y, x = max(places, key=lambda p: image[p[0] + BORDER : p[0] + whole - BORDER, p[1] + BORDER : p[1] + whole - BORDER].std())
    crop = image[y : y + whole, x : x + whole]
    low, high = np.percentile(crop, [0.1, 99.9])
    return np.clip((crop - low) / (high - low), 0, 1) * 255


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio without a rim."""
    inner = (slice(RIM, -RIM),) * 2
    return float(10 * np.log10(255**2 / ((image - truth)[inner] ** 2).mean()))


def load(description: dict) -> degradations.Degradation:
    """Return a degradation of its description."""
    return degradations.load(**description)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--images", default=",".join(IMAGES))
    parser.add_argument("--noise", type=float, default=2.0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for family in options.families.split(","):
        known, values = FAMILIES[family]
        for name in options.images.split(","):
            scene = sharp(options.data, name)
            truth = scene[BORDER:-BORDER, BORDER:-BORDER]
            for value in values:
                true = known | {family: value}
                kernel = load(true).kernel(2)
                pad = max(kernel.shape)
                whole = fftconvolve(np.pad(scene, pad, mode="reflect"), kernel, mode="same")[pad:-pad, pad:-pad]
                measured = whole[BORDER:-BORDER, BORDER:-BORDER]
                measured = measured + np.random.default_rng(0).normal(0, options.noise, measured.shape)
                begun = time.monotonic()
                found = nt.estimate_psf(measured, "image", degradation=known, unknown=family)
                seconds = time.monotonic() - begun
                wide = widths_of(kernel)[0]
                restored = [nt.restore(measured, used, denoiser="unet-small").image for used in (true, found.degradation)]
                scores = [psnr(image, truth) for image in restored]
                before = psnr(measured, truth)
                row = {
                    "family": family, "image": name, "true": value, "found": round(float(getattr(found.degradation, family)), 4),
                    "width": round(found.fwhm[0] / wide, 3), "gain": round((scores[1] - before) / (scores[0] - before), 3),
                    "measured": round(before, 2), "known": round(scores[0], 2), "blind": round(scores[1], 2),
                    "seconds": round(seconds, 1),
                }  # fmt: skip
                rows.append(row)
                print(*row.values(), sep="  ", flush=True)
        ours = [row for row in rows if row["family"] == family]
        widths, gains = (np.array([row[key] for row in ours]) for key in ("width", "gain"))
        print(
            f"{family}: width within 10 %: {(abs(widths - 1) <= 0.1).sum()} of {len(ours)}, {widths.min()} to {widths.max()}; "
            f"gain at least 90 %: {(gains >= 0.9).sum()}, mean {gains.mean():.3f}, least {gains.min()}"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
