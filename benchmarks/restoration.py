"""How well are blur and missing pixels undone? PSNR on the seven 256 × 256 images of Set12.

Usage: ``python benchmarks/restoration.py DATA``; DATA holds a folder ``set12`` of grey images.

Every image is simulated and restored through `napari_tweedie.engine.run`, as users do. The Wiener filter is tuned on the
truth, image by image: no linear filter of its kind can do better.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import io
from skimage.restoration import wiener

from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe

Image = NDArray[Any]
BLUR = {"name": "gaussian-blur", "std": 1.6, "boundary": "circular"}
SOLVERS: dict[str, dict[str, Any]] = {"hqs": {"name": "hqs"}, "pnp-admm": {"name": "pnp-admm"}}
BALANCES = np.geomspace(0.01, 100, 17)


def psnr(estimate: Image, truth: Image) -> float:
    """Return the PSNR in dB for a peak of 255, after rounding to 8 bits as in the tables of the field."""
    rounded = np.clip(np.rint(estimate), 0, 255)
    return float(-10 * np.log10(np.mean((rounded - truth) ** 2) / 255**2))


def restored(measurement: Image, degradation: dict[str, Any], solver: dict[str, Any], sigma: float) -> Image:
    """Return what a solver makes of a measurement."""
    recipe = Recipe(job="restore", degradation=degradation, solver=solver, noise={"sigma": sigma})
    return next(iter(last(run(recipe, measurement)).images.values()))


def skimage_wiener(measurement: Image, truth: Image) -> float:
    """Return the best PSNR that scikit-image's Wiener filter reaches, over its balance."""
    point = np.zeros((25, 25))
    point[12, 12] = 1
    psf = gaussian_filter(point, 1.6, radius=7)
    estimates = (255 * wiener(measurement / 255, psf, balance, clip=False) for balance in np.geomspace(1e-5, 1, 26))
    return max(psnr(estimate, truth) for estimate in estimates)


def problems(rng: np.random.Generator) -> dict[str, tuple[dict[str, Any], float]]:
    """Return the degradations and noise levels of the table."""
    masks = {share: rng.random((256, 256)) < share for share in (0.5, 0.8)}
    return {
        "Gaussian blur of std 1.6, σ = 2": (BLUR, 2.0),
        "Gaussian blur of std 1.6, σ = 7.65": (BLUR, 7.65),
        "50 % missing, no noise": ({"name": "mask", "mask": masks[0.5]}, 0.0),
        "80 % missing, no noise": ({"name": "mask", "mask": masks[0.8]}, 0.0),
        "×2 downsampled, σ = 2": ({"name": "downsample", "factor": 2}, 2.0),
    }


def main(folder: Path) -> None:
    """Print the table."""
    images = [io.imread(path).astype(np.float64) for path in sorted(folder.glob("*.png"))]
    images = [image for image in images if image.shape == (256, 256)]
    names = ["best Wiener", "best Wiener of scikit-image", *SOLVERS]
    print(f"| mean PSNR of {len(images)} images, dB | {' | '.join(names)} | seconds per image |")
    print("| --- |" + " --- |" * (len(names) + 1))
    for title, (degradation, sigma) in problems(np.random.default_rng(0)).items():
        rows: dict[str, list[float]] = {name: [] for name in names}
        seconds: dict[str, float] = dict.fromkeys(SOLVERS, 0.0)
        for number, image in enumerate(images):
            simulate = Recipe(job="degrade", degradation=degradation, noise={"sigma": sigma}, seed=number)
            measurement = last(run(simulate, image)).images["degraded"]
            wiener = ({"name": "wiener", "balance": float(balance)} for balance in BALANCES)
            rows["best Wiener"].append(max(psnr(restored(measurement, degradation, solver, sigma), image) for solver in wiener))
            rows["best Wiener of scikit-image"].append(skimage_wiener(measurement, image) if degradation is BLUR else np.nan)
            for name, solver in SOLVERS.items():
                started = time.perf_counter()
                rows[name].append(psnr(restored(measurement, degradation, solver, sigma), image))
                seconds[name] += (time.perf_counter() - started) / len(images)
        cells = " | ".join(f"{np.mean(values):.2f}" for values in rows.values()).replace("nan", "")
        print(f"| {title} | {cells} | {' / '.join(f'{value:.1f}' for value in seconds.values())} |", flush=True)


main(Path(sys.argv[1]) / "set12")
