"""Rate of alarms that a residual is not noise: share of images with an alarm, on 128 × 128 crops.

Usage: ``python benchmarks/residual.py DATA [COUNT]``; DATA holds a folder ``bsd68``; COUNT images of it are used, by default all.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage import io

from napari_tweedie import denoisers
from napari_tweedie.analysis.noise_level import estimate_noise_level
from napari_tweedie.analysis.residual import check_residual

Blur = float | tuple[float, float]

LEVELS = (5, 15, 25, 50)
CASES: dict[str, tuple[Blur, float | None]] = {  # blur of the noise (or its y and x) in pixels; level given over the true one
    "white, right level": (0.0, 1.0),
    "white, estimated level": (0.0, None),
    "white, level 1.5 times too high": (0.0, 1.5),
    "white, level twice too high": (0.0, 2.0),
    "blurred by 0.5 px, right level": (0.5, 1.0),
    "blurred by 0.7 px, right level": (0.7, 1.0),
    "blurred by 0.6 px, estimated level": (0.6, None),
    "blurred by 0.7 px, estimated level": (0.7, None),
    "blurred by 0.5 px along x, estimated level": ((0.0, 0.5), None),
}


def alarm(clean: np.ndarray, sigma: float, blur: Blur, factor: float | None, rng: np.random.Generator) -> bool:
    """Return whether the residual of one image is told not to be noise."""
    noise = rng.normal(size=clean.shape)
    noise = gaussian_filter(noise, blur, mode="wrap") if blur else noise
    noisy = clean + sigma * noise / noise.std()
    level = estimate_noise_level(noisy) if factor is None else factor * sigma
    with torch.no_grad():
        denoised = denoisers.load("unet")(torch.from_numpy(noisy).float()[None, None], level)[0, 0].numpy()
    check = check_residual(noisy, denoised, factor is None)
    return check is not None and bool(check.note())


def main(folder: Path, count: int) -> None:
    """Print the table."""
    paths = sorted(folder.glob("*.png"))
    images = [io.imread(path)[100:228, 100:228] / 255 for path in paths[:: max(1, len(paths) // count)]]
    print(f"| share of {len(images)} images with an alarm | {' | '.join(f'σ = {level}' for level in LEVELS)} |")
    print("| --- |" + " --- |" * len(LEVELS))
    for name, (blur, factor) in CASES.items():
        rng = np.random.default_rng(0)
        shares = [np.mean([alarm(image, level / 255, blur, factor, rng) for image in images]) for level in LEVELS]
        print(f"| {name} | {' | '.join(f'{share:.0%}' for share in shares)} |", flush=True)


main(Path(sys.argv[1]) / "bsd68", int(sys.argv[2]) if len(sys.argv) > 2 else 68)
