"""Removal of white Gaussian noise whose level differs from pixel to pixel: PSNR told the map, and told its root mean square.

Usage: ``python benchmarks/uneven.py DATA [--sets NAME …] [--every N] [--crop N] [--denoiser NAME …] [--weights FILE …]``; DATA
holds ``bsd68`` and ``clean``. The root mean square of every map is 15 or 25 of 255; noise is not clipped, the peak is 1.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from denoising import centre, images_of, psnr

from napari_tweedie import denoisers
from napari_tweedie.core import device

LEVELS = (15, 25)
SEED = 0

Array = np.ndarray


def camera(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return levels of every pixel's own: variances of a gamma distribution with a long tail, above a common one."""
    return np.sqrt(0.2 + rng.gamma(0.7, 1 / 0.7, shape))


def halves(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return a left half that was averaged nine times, and a right one that was not."""
    field = np.ones(shape)
    field[:, : shape[1] // 2] = 1 / 3
    return field


def shaded(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return a level that grows sixfold from the middle to the corners."""
    y, x = (np.linspace(-1, 1, length) for length in shape)
    return 0.4 + 1.0 * (y[:, None] ** 2 + x**2)


MAPS: dict[str, Callable[[tuple[int, int], np.random.Generator], Array]] = {
    "camera": camera,
    "halves": halves,
    "shaded": shaded,
}


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--sets", nargs="+", default=["bsd68", "clean"])
    arguments.add_argument("--every", type=int, default=1, help="take every n-th image")
    arguments.add_argument("--crop", type=int, default=256, help="side of the middle of each image that is used")
    arguments.add_argument("--denoiser", nargs="*", default=["unet", "unet-small"])
    arguments.add_argument("--weights", nargs="*", type=Path, default=[])
    options = arguments.parse_args()
    device.keep_freed_memory()
    used = {name: denoisers.load(name) for name in options.denoiser}
    used |= {path.stem: denoisers.load("file", path=path) for path in options.weights}
    for name in options.sets:
        images = [centre(image, options.crop) for _, image in images_of(options.folder / name)[:: options.every]]
        columns = [f"{denoiser}, {told}" for denoiser in used for told in ("map", "one level")]
        print(f"\n| {name}, {len(images)} images, PSNR, dB, σ = 15 / 25 | {' | '.join(columns)} |")
        print("| --- |" + " --- |" * len(columns))
        for kind, draw in MAPS.items():
            rows = []
            for level in LEVELS:
                rng = np.random.default_rng(SEED)
                values = []
                for clean in images:
                    field = draw((clean.shape[2], clean.shape[3]), rng)
                    field *= level / 255 / np.sqrt(np.square(field).mean())
                    noisy = clean + torch.from_numpy(field * rng.standard_normal(field.shape)).float()
                    told = torch.from_numpy(field).float()[None, None], level / 255
                    with torch.no_grad():
                        values.append([psnr(denoise(noisy, sigma), clean) for denoise in used.values() for sigma in told])
                rows.append(np.mean(values, 0))
            print(
                f"| {kind} | {' | '.join(' / '.join(f'{v:.2f}' for v in cell) for cell in zip(*rows, strict=True))} |", flush=True
            )


if __name__ == "__main__":
    main()
