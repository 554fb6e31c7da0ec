"""Are intensities kept where light is scarce? Means of regions of a denoised image against those of the noisy one.

Usage: ``python benchmarks/region_means.py DATA [--side N] [--denoiser NAME]``; DATA holds ``clean`` and ``bsd68``. Crops of
clean images are scaled to a peak of so many photons, photons are counted, an offset and read noise are added, and all is denoised
as a user does who changes nothing. Regions of 32 × 32 pixels lie anywhere: every 8 pixels. Errors are those of their means next
to the noisy image's, in per cent of the mean light of the image: *bias* over all regions, *rms*, and the *largest* of any; next
to the truth, the rms of the denoised image's and of the noisy image's own. PSNR against the truth, its peak as the range, tells
what that costs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from denoising import centre, images_of
from numpy.lib.stride_tricks import sliding_window_view

from napari_tweedie import engine
from napari_tweedie.recipe import Recipe

PEAKS = (1, 2, 5, 20, 100, 1000)
DETECTORS = {"no offset": (1.0, 0.0, 0.0), "offset 100": (1.0, 100.0, 0.0), "offset 100, gain 2, read noise 3": (2.0, 100.0, 3.0)}
"""Grey levels per photon, grey level without light, and standard deviation without light."""
REGION, STEP = 32, 8


def means(image: np.ndarray) -> np.ndarray:
    """Return the means of all regions."""
    return sliding_window_view(image, (REGION, REGION))[::STEP, ::STEP].mean((-2, -1))


def main() -> None:
    """Print a row for every detector and peak."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--denoiser", default="unet")
    chosen = parser.parse_args()
    images = [*images_of(chosen.data / "clean")[::4], *images_of(chosen.data / "bsd68")[::23]]
    crops = [centre(image, chosen.side)[0, 0].numpy().astype(float) for _, image in images]
    crops = [(crop - crop.min()) / np.ptp(crop) for crop in crops]
    columns = "photons | bias, % | rms, % | largest, % | off the truth, % | noisy, % | PSNR, dB"
    print(f"| {len(crops)} images, {chosen.denoiser} | {columns} |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: |")
    for detector, (gain, offset, read_noise) in DETECTORS.items():
        for peak in PEAKS:
            rng, errors, off, own, scores = np.random.default_rng(0), [], [], [], []
            for crop in crops:
                clean = gain * peak * crop + offset
                noisy = gain * rng.poisson(peak * crop) + offset + read_noise * rng.standard_normal(crop.shape)
                result = engine.last(engine.run(Recipe(denoiser=chosen.denoiser), noisy)).images["denoised"]
                percent = 100 / (clean - offset).mean()
                errors.append(percent * (means(result) - means(noisy)))
                off.append(percent * (means(result) - means(clean)))
                own.append(percent * (means(noisy) - means(clean)))
                scores.append(10 * np.log10((gain * peak) ** 2 / np.mean((result - clean) ** 2)))
            every, rms = np.array(errors), [float(np.sqrt(np.mean(np.square(some)))) for some in (errors, off, own)]
            figures = every.mean(), rms[0], np.abs(every).max(), *rms[1:], np.mean(scores)
            print(f"| {detector} | {peak} | {' | '.join(f'{value:.2f}' for value in figures)} |", flush=True)


if __name__ == "__main__":
    main()
