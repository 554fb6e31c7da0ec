"""Table of magnetic resonance: a fully sampled brain of eight coils, undersampled, restored with nothing given.

    python benchmarks/magnetic_resonance.py DATA [--denoiser unet]

DATA is the folder with ``bench/mri/brain8ch_full.npz``. PSNR against the root sum of squares of the fully sampled coils; SENSE
is least squares by conjugate gradients (Pruessmann et al. 2001) with the same estimated sensitivities, at its best iteration,
which needs the truth to find.
"""

import argparse
from pathlib import Path

import numpy as np

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.degradations import coils


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Return the PSNR in dB."""
    return float(10 * np.log10(truth.max() ** 2 / np.mean((image - truth) ** 2)))


def sense(y: np.ndarray, maps: np.ndarray, mask: np.ndarray, truth: np.ndarray, iterations: int = 25) -> float:
    """Return the PSNR of SENSE at its best iteration."""
    x = np.zeros(truth.shape, complex)
    r = p = (maps.conj() * coils.inverse(y)).sum(0)
    found = []
    for _ in range(iterations):
        q = (maps.conj() * coils.inverse(mask * coils.transformed(maps * p))).sum(0)
        step = np.vdot(r, r).real / np.vdot(p, q).real
        x, smaller = x + step * p, r - step * q
        p = smaller + np.vdot(smaller, smaller).real / np.vdot(r, r).real * p
        r = smaller
        found.append(psnr(np.abs(x), truth))
    return max(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--denoiser", default="unet")
    arguments = parser.parse_args()
    full = np.load(arguments.data / "bench/mri/brain8ch_full.npz")["ksp"]
    truth = np.sqrt((np.abs(coils.inverse(full)) ** 2).sum(0))
    print("| pattern | acceleration | zero-filled | SENSE, best iteration | this |\n| --- | ---: | ---: | ---: | ---: |")
    for pattern, acceleration in (("cartesian", 3), ("cartesian", 4), ("cartesian", 6), ("random", 6), ("radial", 6)):
        mask = degradations.load("fourier-mask", pattern=pattern, acceleration=acceleration).mask(truth.shape)
        y = full * mask
        maps = coils.adaptive_combine(coils.low_resolution(y, mask))
        zero_filled = psnr(np.abs((maps.conj() * coils.inverse(y)).sum(0)), truth)
        restored = nt.restore(y, "fourier-mask", denoiser=arguments.denoiser).image
        cells = f"{zero_filled:.2f} | {sense(y, maps, mask, truth):.2f} | {psnr(restored, truth):.2f}"
        print(f"| {pattern} | {acceleration} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
