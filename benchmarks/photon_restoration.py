"""Restoration of counted light: an untouched recipe next to Richardson–Lucy stopped at its best iteration, by the truth.

Usage: ``python benchmarks/photon_restoration.py DATA [--denoiser NAME] [--side N] [--degradation NAME …] [--peak N …]
[--image NAME …] [--each]``; DATA holds folders ``set12``, ``clean`` and ``deconv3d``.

Four images (house and peppers of Set12, a fly embryo, HeLa cells) and a disc with sharp borders, or three stacks (cells of the
sample, pollen, balls), are measured with so many photons in their brightest pixel, by a camera of one count a photon, an offset
of 100 counts and read noise of two. "Known": the solver that is proposed, with the noise known. "Untouched": `nt.restore` with
nothing but the degradation, so that the noise is measured as well. PSNR in dB for a peak of the image's own maximum.
Richardson–Lucy is the plain one, with the noise known and read noise as light, at the best of 200 iterations.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile
import torch
from scipy.ndimage import gaussian_filter
from skimage import io

import napari_tweedie as nt
from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.tiling import Tiled, Volume
from napari_tweedie.recipe.defaults import solver_of

IMAGES = ("set12/02.png", "set12/03.png", "clean/fly_POS218_R.png", "clean/hela_c1.png", "disc")
STACKS = ("cells", "deconv3d/pollen_gt.tif", "balls")
OFFSET, READ_NOISE, ITERATIONS = 100.0, 2.0, 200
PEAKS = (20, 100, 500, 5000)
ROWS = ("gaussian-blur 1.6", "gaussian-blur 2.5", "psf", "mask", "downsample", "radon", "volume")
PLANES = 16
SAMPLE = Path(nt.__file__).parent / "sample_data"


def read(folder: Path, name: str, side: int) -> torch.Tensor:
    """Return the middle of an image, from 0 to 1, shape (1, 1, side, side)."""
    if name == "disc":
        return torch.from_numpy((np.hypot(*(np.indices((side, side)) - side / 2)) < side / 12).astype(np.float32))[None, None]
    return middle(io.imread(folder / name), (side, side))


def read_stack(folder: Path, name: str, side: int) -> torch.Tensor:
    """Return the middle of a stack, from 0 to 1, shape (1, 1, PLANES, side, side)."""
    shape = (PLANES, side, side)
    if name == "balls":
        places = np.random.default_rng(3).uniform(0, 1, (12, 3)) * shape
        steps = (np.array([3, 1, 1])[:, None, None, None] * (np.indices(shape) - place[:, None, None, None]) for place in places)
        distance = np.min([np.linalg.norm(step, axis=0) for step in steps], axis=0)
        return middle(gaussian_filter((distance < 6).astype(np.float32), (0.3, 1, 1)), shape)
    return middle(tifffile.imread(SAMPLE / "stack_truth.tif" if name == "cells" else folder / name), shape)


def middle(image: np.ndarray, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the middle of an image, from 0 to 1, with axes of sample and channel."""
    starts = ((n - m) // 2 for n, m in zip(image.shape, shape, strict=True))
    image = image[tuple(slice(start, start + m) for start, m in zip(starts, shape, strict=True))].astype(np.float32)
    image = (image - image.min()) / (image.max() - image.min())
    return torch.from_numpy(np.ascontiguousarray(image))[None, None]


def operator(name: str, side: int, folder: Path) -> degradations.Degradation:
    """Return a degradation by the name in the table: "psf" is a plane out of focus, "volume" a microscope."""
    if name.startswith("gaussian-blur"):
        return degradations.load("gaussian-blur", std=float(name.split()[1]))
    if name == "volume":
        return degradations.load("microscope-psf", na=1.1, pixel=140.0, step=420.0)
    if name == "psf":
        plane = tifffile.imread(folder / "deconv3d" / "psf_gibsonlanni.tif")[6, 48:79, 48:79].astype(np.float32)
        return degradations.load("psf-blur", psf=plane)
    arrays = {"mask": {"mask": torch.rand(side, side, generator=torch.Generator().manual_seed(1)) < 0.5}}
    return degradations.load(name, **arrays.get(name, {}))


def psnr(x: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the PSNR in dB."""
    return float(20 * truth.max().log10() - 10 * (x - truth).square().mean().log10())


def best_richardson_lucy(problem: Problem, truth: torch.Tensor) -> float:
    """Return the best PSNR of plain Richardson–Lucy."""
    plain = solvers.load("richardson-lucy", iterations=ITERATIONS, smoothing=0.0, early=False, accelerated=False)
    return max(psnr(problem.degradation.crop(state.estimate), truth) for state in plain(problem, lambda x, sigma: x))


def untouched(problem: Problem, peak: float, denoiser: str) -> torch.Tensor:
    """Return what `nt.restore` makes of the counts of a camera, in the units of the problem."""
    y = problem.measurement
    light = problem.degradation.is_image
    counts = np.asarray(y[0, 0] * peak + (OFFSET if light else 0.0))
    found = nt.restore(counts, problem.degradation, denoiser=denoiser, volume=counts.ndim == 3, axes="zyx"[-counts.ndim :]).image
    return (torch.from_numpy(np.ascontiguousarray(found, np.float32))[None, None] - (OFFSET if light else 0.0)) / peak


def of_volumes(denoiser: str, ndim: int) -> Volume | denoisers.Denoiser:
    """Return the denoiser, for stacks along all three directions as the engine has it."""
    loaded = denoisers.load(denoiser)
    return Volume(Tiled(loaded, 512, loaded.halo)) if ndim == 3 else loaded


def measured(truth: torch.Tensor, degradation: degradations.Degradation, peak: float) -> Problem:
    """Return the measurement of a truth with so many photons where it is brightest."""
    noise = Poisson(gain=1 / peak, offset=0.0, read_noise=READ_NOISE / peak)
    return Problem(noise.add(degradation(degradation.extend(truth)), torch.Generator().manual_seed(0)), degradation, noise)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--denoiser", default="unet")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--degradation", nargs="+", default=ROWS)
    parser.add_argument("--peak", nargs="+", type=int, default=PEAKS)
    parser.add_argument("--image", nargs="+", help="take these alone, of planes and stacks alike")
    parser.add_argument("--each", action="store_true", help="print every image, too")
    given = parser.parse_args()
    columns = ["start", "richardson-lucy, best", "known", "untouched", "gain untouched, least to largest", "light"]
    print(f"| degradation | photons | {' | '.join(columns)} |\n| --- |" + " ---: |" * (1 + len(columns)))
    for name in given.degradation:
        volume, side = name == "volume", given.side // 2 if name == "volume" else given.side
        degradation = operator(name, side, given.data)
        solver = solvers.registry.build(solver_of(degradation.kinds(), volume))
        denoiser = of_volumes(given.denoiser, 3 if volume else 2)
        for peak in given.peak:
            rows = []
            images = STACKS if volume else IMAGES
            for image in (image for image in images if image in (given.image or images)):
                truth = (read_stack if volume else read)(given.data, image, side)
                problem = measured(truth, degradation, peak)
                *_, state = solver(problem, denoiser)
                baseline = np.nan if degradation.is_pixelwise else best_richardson_lucy(problem, truth)
                observed = degradation.observed(problem.measurement)
                explained = float(degradation(state.estimate).sum() / (observed * problem.measurement).sum())
                start, known = (psnr(degradation.crop(x), truth) for x in (problem.start(), state.estimate))
                rows.append((start, baseline, known, psnr(untouched(problem, peak, given.denoiser), truth), explained))
                if given.each:
                    print(f"{name} {peak} {image}: " + " ".join(f"{value:.2f}" for value in rows[-1]), flush=True)
            start, baseline, known, end, explained = np.array(rows).T
            gains = end - (start if degradation.is_pixelwise else baseline)
            means = " | ".join("" if np.isnan(value) else f"{value:.2f}" for value in np.mean(rows, 0)[:4])
            light = f"{100 * np.abs(explained - 1).max():.2f} %"
            print(f"| {name} | {peak} | {means} | {gains.min():+.2f} to {gains.max():+.2f} | {light} |", flush=True)


if __name__ == "__main__":
    with torch.no_grad():
        main()
