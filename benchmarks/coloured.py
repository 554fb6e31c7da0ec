"""Removal of Gaussian noise that is not white, its spectrum known: PSNR on clean images, noise not clipped, peak 1.

Usage: ``python benchmarks/coloured.py DATA [--sets NAME …] [--every N] [--crop N] [--methods NAME …] [--weights FILE …]``; DATA
holds ``bsd68`` and ``clean``. All noises have the level 15 or 25 of 255 at the size of a pixel. Methods: *levels*, `unet` told
the levels of the noise at every scale; *white*, told that of a pixel; *coarse*, told that of means of 2 × 2 pixels; *splitting*,
`unet` for white noise and the data weighted by the spectrum; *bm3d*, given the spectrum (needs the package of that name).
``--weights`` measures other weights of the network, told the levels.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from denoising import centre, images_of, psnr
from scipy.ndimage import zoom

from napari_tweedie import denoisers
from napari_tweedie.core import device
from napari_tweedie.denoisers.levels import levels_of_spectrum

LEVELS = (15, 25)
SEED = 0
STEPS = 8
"""Turns of the splitting."""

Array = np.ndarray
Method = Callable[[torch.Tensor, Array], torch.Tensor]


def white(v: Array, u: Array) -> Array:
    """Return the spectrum of white noise."""
    return np.ones(np.broadcast_shapes(v.shape, u.shape))


def blurred(v: Array, u: Array, std: float) -> Array:
    """Return the spectrum of noise blurred by a Gaussian."""
    return np.exp(-((2 * np.pi * std) ** 2) * (v**2 + u**2))


def along_rows(v: Array, u: Array) -> Array:
    """Return the spectrum of noise whose correlation falls by e over 4 pixels along the rows: stripes of a slow detector."""
    decay = np.exp(-1 / 4)
    return 1 / (1 - 2 * decay * np.cos(2 * np.pi * u) + decay**2) + 0 * v


def jittered(v: Array, u: Array) -> Array:
    """Return the spectrum of white noise and an offset of every row, of half its standard deviation."""
    return 1 + 0.25 * u.size * (u == 0) + 0 * v


def enlarged(v: Array, u: Array) -> Array:
    """Return the mean spectrum of white noise enlarged twice by linear interpolation."""
    down, across = (3 * np.cos(np.pi * f) + np.cos(3 * np.pi * f) for f in (v, u))
    return (down * across) ** 2


NOISES: dict[str, Callable[[Array, Array], Array]] = {
    "white": white,
    "blur 0.5": partial(blurred, std=0.5),
    "blur 1.0": partial(blurred, std=1.0),
    "blur 1.5": partial(blurred, std=1.5),
    "×2 upsampled": enlarged,
    "stripes along x": along_rows,
    "line jitter": jittered,
}


def draw(name: str, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Array, Array]:
    """Return noise of level 1 and its spectrum, whose mean is 1."""
    spectrum = NOISES[name](np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None])
    spectrum = spectrum / spectrum.mean()
    if name == "×2 upsampled":  # the phase of the grid shows in the noise itself
        small = rng.standard_normal([n // 2 + 2 for n in shape])
        noise = zoom(small, 2, order=1, mode="grid-wrap", grid_mode=True)[: shape[0], : shape[1]]
        return noise / noise.std(), spectrum
    return np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * np.sqrt(spectrum)).real, spectrum


def told_levels(denoise: denoisers.Denoiser, noisy: torch.Tensor, spectrum: Array) -> torch.Tensor:
    """Return one call with the levels at all scales."""
    return denoise(noisy, torch.from_numpy(levels_of_spectrum(spectrum)).float().view(1, -1, 1, 1))


def told_one(denoise: denoisers.Denoiser, noisy: torch.Tensor, spectrum: Array, scale: int) -> torch.Tensor:
    """Return one call with the level at one scale, as if the noise were white."""
    return denoise(noisy, float(levels_of_spectrum(spectrum)[scale]))


def splitting(denoise: denoisers.Denoiser, noisy: torch.Tensor, spectrum: Array) -> torch.Tensor:
    """Return what half-quadratic splitting with a data term weighted by the spectrum finds."""
    levels = levels_of_spectrum(spectrum)
    power = torch.from_numpy(spectrum[:, : spectrum.shape[1] // 2 + 1]).float()
    measured, z = torch.fft.rfft2(noisy), noisy
    for sigma in np.geomspace(levels.max(), 0.5 * levels[0], STEPS):
        weight = 0.23 / sigma**2 * power  # of z against the data, both times the power
        x = torch.fft.irfft2((measured + weight * torch.fft.rfft2(z)) / (1 + weight), s=noisy.shape[-2:])
        z = denoise(x, float(sigma))
    return z


def bm3d(noisy: torch.Tensor, spectrum: Array) -> torch.Tensor:
    """Return the result of the package bm3d, given the spectrum."""
    from bm3d import bm3d as denoise

    if not hasattr(np, "trapz"):  # the package asks for the name that numpy had
        np.trapz = np.trapezoid
    clean = denoise(noisy[0, 0].double().numpy(), spectrum * spectrum.size)
    return torch.from_numpy(clean).float()[None, None]


def methods(names: list[str], weights: list[Path]) -> dict[str, Method]:
    """Return the methods by name."""
    unet = denoisers.load("unet")
    every: dict[str, Method] = {
        "noisy": lambda noisy, spectrum: noisy,
        "levels": partial(told_levels, unet),
        "white": partial(told_one, unet, scale=0),
        "coarse": partial(told_one, unet, scale=7),
        "splitting": partial(splitting, unet),
        "bm3d": bm3d,
    }
    others = {path.stem: partial(told_levels, denoisers.load("file", path=path)) for path in weights}
    return {name: every[name] for name in names} | others


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--sets", nargs="+", default=["bsd68", "clean"])
    arguments.add_argument("--every", type=int, default=1, help="take every n-th image")
    arguments.add_argument("--crop", type=int, default=256, help="side of the middle of each image that is used")
    arguments.add_argument("--noises", nargs="+", default=list(NOISES), choices=NOISES)
    arguments.add_argument("--methods", nargs="*", default=["noisy", "levels", "white", "coarse", "splitting", "bm3d"])
    arguments.add_argument("--weights", nargs="*", type=Path, default=[])
    options = arguments.parse_args()
    device.keep_freed_memory()
    used = methods(options.methods, options.weights)
    for name in options.sets:
        images = [centre(image, options.crop) for _, image in images_of(options.folder / name)[:: options.every]]
        print(f"\n| {name}, {len(images)} images, PSNR, dB, σ = 15 / 25 | {' | '.join(used)} |")
        print("| --- |" + " --- |" * len(used))
        for kind in options.noises:
            cells = dict.fromkeys(used, "")
            for level in LEVELS:
                rng = np.random.default_rng(SEED)
                found: dict[str, list[float]] = {method: [] for method in used}
                for clean in images:
                    noise, spectrum = draw(kind, (clean.shape[2], clean.shape[3]), rng)
                    noisy = clean + level / 255 * torch.from_numpy(noise).float()
                    for method, denoise in used.items():
                        with torch.no_grad():
                            found[method].append(psnr(denoise(noisy, (level / 255) ** 2 * spectrum), clean))
                for method, values in found.items():
                    cells[method] += f"{' / ' if cells[method] else ''}{np.mean(values):.2f}"
            print(f"| {kind} | {' | '.join(cells.values())} |", flush=True)


if __name__ == "__main__":
    main()
