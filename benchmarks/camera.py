"""What do camera maps bring? PSNR of denoised images of a simulated sCMOS camera, told its maps, and not.

Usage: ``python benchmarks/camera.py DATA [--every N] [--side N] [--frames N]``; DATA holds ``clean`` and ``bsd68``. Pixels have
a read noise of 1.4 photons at the median, spread by 30 %, with 1 % of 4 to 20 photons, gains that differ by 3 %, and offsets that
differ by 1.5 photons, and by 0.75 from column to column. "Measured" maps come from simulated frames without light and of three
intensities. Ignoring the maps is the recipe that nobody has touched.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from denoising import centre, images_of

import napari_tweedie as nt

PEAKS = (5, 20, 100)
GAIN, OFFSET = 2.0, 100.0
INTENSITIES = (50, 300, 1500)


def camera(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return offset, gain and read variance of every pixel."""
    read = 1.4 * np.exp(0.3 * rng.standard_normal(shape))
    noisy = rng.random(shape) < 0.01
    read[noisy] = rng.uniform(4, 20, noisy.sum())
    gain = GAIN * (1 + 0.03 * rng.standard_normal(shape))
    offset = OFFSET + 3 * rng.standard_normal(shape) + 1.5 * rng.standard_normal(shape[1])
    return np.stack([offset, gain, (gain * read) ** 2])


def seen(photons: np.ndarray, maps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what the camera makes of expected photons, shape (…, Y, X)."""
    offset, gain, variance = maps
    signal = gain * rng.poisson(photons) + offset + np.sqrt(variance) * rng.standard_normal(photons.shape)
    return np.clip(np.rint(signal), 0, 65535).astype(np.uint16)


def main() -> None:
    """Print a row for every peak."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--frames", type=int, default=100)
    chosen = parser.parse_args()
    images = [*images_of(chosen.data / "clean")[:: 2 * chosen.every], *images_of(chosen.data / "bsd68")[:: 20 * chosen.every]]
    crops = [centre(image, chosen.side)[0, 0].numpy().astype(float) for _, image in images]
    rng = np.random.default_rng(0)
    maps = camera(crops[0].shape, rng)
    flats = [seen(np.full((chosen.frames, *crops[0].shape), n), maps, rng) for n in (0, *INTENSITIES)]
    measured = nt.camera_maps(flats[0], flats[1:])
    print(" ".join(measured.notes))
    print(f"| {len(crops)} images, PSNR, dB | ignored | measured maps | true maps |\n| --- | --: | --: | --: |")
    for peak in PEAKS:
        scores = []
        for crop in crops:
            light = peak * (crop - crop.min()) / np.ptp(crop)
            noisy, clean = seen(light, maps, rng), GAIN * light + OFFSET
            noises = [None, measured.noise, {"name": "camera", "maps": maps}]
            results = [nt.denoise(noisy, **({"noise": noise} if noise else {})).image for noise in noises]
            scores.append([10 * np.log10((GAIN * peak) ** 2 / np.mean((result - clean) ** 2)) for result in results])
        print(f"| peak {peak} photons | {' | '.join(f'{value:.2f}' for value in np.mean(scores, 0))} |", flush=True)


if __name__ == "__main__":
    main()
