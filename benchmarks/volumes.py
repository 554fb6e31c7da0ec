"""Averages of a denoiser of planes over the three directions of a stack whose planes lie far apart.

Usage: ``python benchmarks/volumes.py DATA [--quick]``; DATA holds a folder ``deconv3d`` with ``rlf_test.tif``. The stacks have
64³ voxels, whose planes are averaged in groups; quick: two stacks at one noise level.
"""

import sys
from pathlib import Path

import numpy as np
import tifffile
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import denoisers
from napari_tweedie.denoisers.tiling import Tiled, Volume

SIDE = 64
ASPECTS = (1, 2, 3, 4, 6, 8)


def dead_leaves(rng: np.random.Generator) -> np.ndarray:
    """Return balls of random size and grey level that hide one another."""
    grid = np.mgrid[:SIDE, :SIDE, :SIDE]
    stack = np.zeros((SIDE,) * 3)
    for _ in range(250):
        centre, radius = rng.uniform(0, SIDE, (3, 1, 1, 1)), 4 + 12 * rng.random() ** 3
        stack[((grid - centre) ** 2).sum(0) < radius**2] = rng.uniform(0, 1)
    return stack


def filaments(rng: np.random.Generator) -> np.ndarray:
    """Return the lines along which two random fields vanish, as a microscope shows them."""
    near_zero = [np.abs(gaussian_filter(rng.normal(size=(SIDE,) * 3), 3)) < 0.003 for _ in range(2)]
    return ranged(gaussian_filter((near_zero[0] & near_zero[1]).astype(float), 1))


def ranged(stack: np.ndarray) -> np.ndarray:
    """Return the stack with its range mapped to [0, 1]."""
    low, high = np.percentile(stack, (0.1, 99.9))
    return (stack - low) / (high - low)


def stacks(folder: Path) -> dict[str, np.ndarray]:
    """Return clean stacks by name."""
    rng = np.random.default_rng(0)
    beads = tifffile.imread(folder / "rlf_test.tif").astype(float)
    middle = (slice(48, 48 + SIDE),) * 3
    return {
        "dead leaves": dead_leaves(rng),
        "dead leaves, blurred": gaussian_filter(dead_leaves(rng), (2, 1, 1)),
        "filaments": filaments(rng),
        "beads": ranged(beads)[middle],
        "beads, blurred": ranged(gaussian_filter(beads, (3, 1.5, 1.5)))[middle],
    }


def psnr(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of images whose peak is 1."""
    return float(-10 * torch.log10((estimate - truth).square().mean()))


def main(folder: Path, quick: bool) -> None:
    """Print the table: gain over YX alone, of the equal mean and of the mean by distance."""
    denoiser = Tiled(denoisers.load("unet"), SIDE, 0)
    names = ("dead leaves", "beads") if quick else tuple(stacks(folder))
    print(f"| gain over YX alone, dB: equal mean / mean by distance | {' | '.join(f'× {aspect}' for aspect in ASPECTS)} |")
    print("| --- |" + " --- |" * len(ASPECTS))
    for name in names:
        for sigma in (25,) if quick else (15, 50):
            cells = []
            for aspect in ASPECTS:
                clean = stacks(folder)[name]
                clean = clean[: SIDE // aspect * aspect].reshape(-1, aspect, SIDE, SIDE).mean(1)
                truth = torch.from_numpy(clean).float()[None, None]
                noisy = truth + sigma / 255 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0))
                with torch.no_grad():
                    plain = denoiser(noisy[0, 0][:, None], sigma / 255)[:, 0][None, None]
                    equal, weighted = (Volume(denoiser, ratio)(noisy, sigma / 255) for ratio in (1.0, float(aspect)))
                alone = psnr(plain, truth)
                cells.append(f"{psnr(equal, truth) - alone:+.1f} / {psnr(weighted, truth) - alone:+.1f}")
            print(f"| {name}, σ = {sigma} | {' | '.join(cells)} |", flush=True)


main(Path(sys.argv[1]) / "deconv3d", "--quick" in sys.argv)
