"""Removal of the noise of real acquisitions, against the average of many: PSNR and SSIM on pairs of images.

Usage: ``python benchmarks/real_pairs.py DATA [--quick]``; DATA holds folders ``pairs_microscopy`` and ``pairs_oct`` of files
``NAME_raw`` and ``NAME_gt`` or ``NAME_gt5``. Every noise model is estimated from the raw image alone; bm3d needs the package of
that name. Quick: the middle 192 × 192 pixels of every second pair.
"""

import sys
import time
from pathlib import Path

import numpy as np
from skimage.metrics import structural_similarity

from napari_tweedie.engine import last, run
from napari_tweedie.images.files import read
from napari_tweedie.recipe import Recipe

METHODS = {
    f"{denoiser}, {words}": Recipe(denoiser=denoiser, noise=noise)
    for denoiser in ("unet", "bm3d")
    for noise, words in (
        ({"name": "gaussian"}, "σ estimated"),
        ({"name": "poisson"}, "stabilised"),
        ({"name": "poisson", "correlated": True}, "stabilised, correlated"),
    )
}


def scores(image: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return PSNR in dB and SSIM; the peak is 255 for 8-bit images, the range of the truth for others."""
    peak = 255.0 if truth.dtype == np.uint8 else float(np.ptp(truth))
    error = np.mean((image.astype(float) - truth.astype(float)) ** 2)
    similarity = structural_similarity(image.astype(float), truth.astype(float), data_range=peak)
    return float(10 * np.log10(peak**2 / error)), float(similarity)


def pairs(folder: Path, quick: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return raw images and their truths by name."""
    found = {}
    for raw in sorted(folder.glob("pairs_*/*_raw.*"))[:: 2 if quick else 1]:
        truth = next(raw.parent.glob(f"{raw.stem.removesuffix('_raw')}_gt*"))
        both = [np.asarray(read(path).data) for path in (raw, truth)]
        if quick:
            top, left = ((length - 192) // 2 for length in both[0].shape)
            both = [image[top : top + 192, left : left + 192] for image in both]
        found[raw.stem.removesuffix("_raw")] = (both[0], both[1])
    return found


def main(folder: Path, quick: bool) -> None:
    """Print the table."""
    print(f"| PSNR, dB / SSIM | raw | {' | '.join(METHODS)} | gain, read noise |")
    print("| --- | --- |" + " --- |" * len(METHODS) + " --- |")
    rows, seconds = [], dict.fromkeys(METHODS, 0.0)
    for name, (raw, truth) in pairs(folder, quick).items():
        row, fitted = [scores(raw, truth)], ""
        for method, recipe in METHODS.items():
            started = time.perf_counter()
            result = last(run(recipe, raw))
            seconds[method] += time.perf_counter() - started
            row.append(scores(result.images["denoised"], truth))
            (noise,) = result.provenance["noise"]
            fitted = f"{noise['gain']:.3g}, {noise['read_noise']:.3g}" if "gain" in noise else fitted
        rows.append(row)
        print(f"| {name} | {' | '.join(f'{psnr:.2f} / {ssim:.3f}' for psnr, ssim in row)} | {fitted} |", flush=True)
    means = np.mean(rows, axis=0)
    print(f"| mean | {' | '.join(f'{psnr:.2f} / {ssim:.3f}' for psnr, ssim in means)} | |")
    print(f"| seconds in all | | {' | '.join(f'{seconds[method]:.1f}' for method in METHODS)} | |")


main(Path(sys.argv[1]), "--quick" in sys.argv)
