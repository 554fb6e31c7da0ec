"""Calibration of σ: whether every denoiser removes the noise level it is told. PSNR of f(x, a σ) on noise σ, for some factors a.

A denoiser that means it is best at a = 1. What the truth would choose a to be, image by image, is the oracle; the loss is
what a = 1 costs against it. The constants in the modules of ``napari_tweedie.denoisers`` were chosen by these tables.

Usage: ``python benchmarks/calibration.py DATA [--quick] [--denoiser NAME …]``; DATA holds the folders ``bsd68`` and ``clean``.
"""

import argparse
from pathlib import Path

import torch
from denoising import LEFT_OUT, centre, images_of, psnr

from napari_tweedie import denoisers

FACTORS = (0.7, 0.85, 1.0, 1.2, 1.4)
LEVELS = (5, 15, 25, 50, 75)
CROP = 128


def crops(folder: Path, quick: bool) -> list[torch.Tensor]:
    """Return the centres of photographs, microscopy and medical images."""
    every = 12 if quick else 4
    images = [*images_of(folder / "bsd68")[::every], *images_of(folder / "clean")[:: 3 if quick else 1]]
    size = CROP // 2 if quick else CROP
    return [centre(image, size) for _, image in images]


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--quick", action="store_true", help="a quarter of the images, of a quarter of the size")
    arguments.add_argument("--denoiser", nargs="*", default=[name for name in denoisers.names() if name not in LEFT_OUT])
    options = arguments.parse_args()
    images = crops(options.folder, options.quick)
    what = f"mean PSNR of {len(images)} images of {images[0].shape[-1]}², dB"
    print(f"| {what} | σ | {' | '.join(map(str, FACTORS))} | loss | worst loss |")
    print("| --- |" + " ---: |" * (len(FACTORS) + 3))
    for name in options.denoiser:
        denoiser = denoisers.load(name)
        for level in LEVELS:
            values = []
            generator = torch.Generator().manual_seed(0)
            for clean in images:
                noisy = clean + level / 255 * torch.randn(clean.shape, generator=generator)
                with torch.no_grad():
                    values.append([psnr(denoiser(noisy, factor * level / 255), clean) for factor in FACTORS])
            table = torch.tensor(values)
            loss = table.amax(1) - table[:, FACTORS.index(1.0)]
            means = " | ".join(f"{mean:.2f}" for mean in table.mean(0))
            print(f"| {name} | {level} | {means} | {loss.mean():.2f} | {loss.max():.2f} |", flush=True)


if __name__ == "__main__":
    main()
