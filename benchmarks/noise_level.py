"""Error of the estimated noise level against the noise that was added: ``python benchmarks/noise_level.py DATA``.

DATA holds the folders `bsd68` (8-bit grey images) and `clean` (microscopy and medical images; of stacks the middle plane),
every image rescaled: BSD68 by 1/255, the others from [min, max] to [0, 1]. White Gaussian noise is added and not clipped.
The error is taken against the added noise alone. Images that are not clean themselves are not corrected for or left out;
those in which the estimate exceeds 1/255 before any noise is added (noise or the finest texture) are listed below the table.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage import io
from skimage.restoration import estimate_sigma

from napari_tweedie.analysis.noise_level import estimate_noise_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SEED = 0
ESTIMATORS: dict[str, Callable[[NDArray[Any]], float]] = {"napari-tweedie": estimate_noise_level, "skimage": estimate_sigma}


def load(path: Path) -> NDArray[np.float64]:
    """Read the grey levels of one plane, rescaled to [0, 1]."""
    image: NDArray[np.float64] = io.imread(path).astype(np.float64)
    if image.ndim == 3:
        image = image[len(image) // 2]
    low, high = (0, 255) if path.parent.name == "bsd68" else (image.min(), image.max())
    return (image - low) / (high - low)


def main(data: Path) -> None:
    """Print the table of errors, then the images that have noise of their own."""
    print("| set | sigma x 255 | estimator | median error | 90th percentile | worst |\n|---|--:|---|--:|--:|---|")
    own: list[str] = []
    for folder in ("bsd68", "clean"):
        paths = sorted(path for path in (data / folder).iterdir() if path.suffix in {".png", ".tif"})
        images = [load(path) for path in paths]
        for sigma in (5, 10, 25, 50):
            rng = np.random.default_rng(SEED)
            noisy = [image + rng.normal(0, sigma / 255, image.shape) for image in images]
            for name, estimate in ESTIMATORS.items():
                error = np.array([255 * estimate(image) / sigma - 1 for image in noisy])
                size = np.abs(error)
                common = f"{np.median(size):.1%} | {np.quantile(size, 0.9):.1%}"
                worst = f"{error[size.argmax()]:+.1%} ({paths[size.argmax()].name})"
                print(f"| {folder} | {sigma} | {name} | {common} | {worst} |", flush=True)
        for path, image in zip(paths, images, strict=True):
            levels = [255 * estimate(image) for estimate in ESTIMATORS.values()]
            if levels[0] > 1:
                own.append(f"| {folder}/{path.name} | " + " | ".join(f"{level:.1f}" for level in levels) + " |")
    print("\nEstimates x 255 before noise is added, where above 1:\n")
    print(f"| image | {' | '.join(ESTIMATORS)} |\n|---|" + "--:|" * len(ESTIMATORS))
    print("\n".join(own))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
