"""How well does the bundled denoiser remove white Gaussian noise? PSNR on grey BSD68, noise not clipped.

Usage: ``python benchmarks/denoising.py DATA``; DATA holds a folder ``bsd68`` of grey images.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from skimage import io

from napari_tweedie import denoisers, device

SEED = 0
PUBLISHED = {
    "BM3D": (31.08, 28.57, 25.60),
    "DnCNN, one network per σ": (31.73, 29.23, 26.23),
    "DRUNet, 32.6 M parameters": (31.91, 29.48, 26.59),
}


def psnr(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of images whose peak is 1; the estimate is not rounded."""
    return float(-10 * torch.log10((estimate - truth).square().mean()))


def main(folder: Path) -> None:
    """Print the table."""
    device.keep_freed_memory()  # as the engine does
    images = [torch.from_numpy(io.imread(path).astype(np.float32) / 255)[None, None] for path in sorted(folder.glob("*.png"))]
    print(f"| mean PSNR of {len(images)} images, dB (seed {SEED}) | σ = 15 | 25 | 50 | seconds per image |")
    print("| --- | --- | --- | --- | --- |")
    for name in ("unet",):
        for precision in ("auto", "float32"):
            denoiser = denoisers.load(name, precision=precision)
            generator = torch.Generator().manual_seed(SEED)
            means, started = [], time.perf_counter()
            for sigma in (15 / 255, 25 / 255, 50 / 255):
                values = []
                for clean in images:
                    noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
                    with torch.no_grad():
                        values.append(psnr(denoiser(noisy, sigma), clean))
                means.append(float(np.mean(values)))
            seconds = (time.perf_counter() - started) / (3 * len(images))
            print(f"| {name}, {precision} | {' | '.join(f'{mean:.2f}' for mean in means)} | {seconds:.2f} |", flush=True)
    for name, values in PUBLISHED.items():
        print(f"| {name} (published) | {' | '.join(f'{value:.2f}' for value in values)} | |")


main(Path(sys.argv[1]) / "bsd68")
