"""Restoration of counted light: every solver's first choice next to Richardson–Lucy stopped at its best iteration, by the truth.

Usage: ``python benchmarks/photon_restoration.py DATA [--denoiser NAME] [--side N] [--degradation NAME …] [--peak N …]``;
DATA holds folders ``set12`` and ``clean`` of grey images.

Four images (house and peppers of Set12, a fly embryo, HeLa cells) and a disc with sharp borders are measured with so many photons
in their brightest pixel and read noise of two photons, the noise known to the recipe. PSNR in dB for a peak of the image's own
maximum. Richardson–Lucy is the plain one, with read noise as light, at the best of 200 iterations.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from skimage import io

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.recipe.defaults import solver_of

IMAGES = ("set12/02.png", "set12/03.png", "clean/fly_POS218_R.png", "clean/hela_c1.png", "disc")
READ_NOISE, ITERATIONS = 2.0, 200
PEAKS = (20, 100, 500, 5000)
BLURS = ("gaussian-blur 1.6", "gaussian-blur 2.5", "downsample")


def read(folder: Path, name: str, side: int) -> torch.Tensor:
    """Return the middle of an image, from 0 to 1, shape (1, 1, side, side)."""
    if name == "disc":
        return torch.from_numpy((np.hypot(*(np.indices((side, side)) - side / 2)) < side / 12).astype(np.float32))[None, None]
    image = io.imread(folder / name).astype(np.float32)
    image = (image - image.min()) / (image.max() - image.min())
    y, x = ((n - side) // 2 for n in image.shape)
    return torch.from_numpy(np.ascontiguousarray(image[y : y + side, x : x + side]))[None, None]


def operator(name: str, side: int) -> degradations.Degradation:
    """Return a degradation by the name in the table."""
    if name.startswith("gaussian-blur"):
        return degradations.load("gaussian-blur", std=float(name.split()[1]))
    arrays = {"mask": {"mask": torch.rand(side, side, generator=torch.Generator().manual_seed(1)) < 0.5}}
    return degradations.load(name, **arrays.get(name, {}))


def psnr(x: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the PSNR in dB."""
    return float(20 * truth.max().log10() - 10 * (x - truth).square().mean().log10())


def best_richardson_lucy(problem: Problem, truth: torch.Tensor) -> float:
    """Return the best PSNR of plain Richardson–Lucy."""
    plain = solvers.load("richardson-lucy", iterations=ITERATIONS, smoothing=0.0, early=False, accelerated=False)
    return max(psnr(problem.degradation.crop(state.estimate), truth) for state in plain(problem, lambda x, sigma: x))


parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path)
parser.add_argument("--denoiser", default="unet")
parser.add_argument("--side", type=int, default=128)
parser.add_argument("--degradation", nargs="+", default=[*BLURS, "mask", "radon"])
parser.add_argument("--peak", nargs="+", type=int, default=PEAKS)
given = parser.parse_args()
columns = ["start", "richardson-lucy, best", "proposed", "gain, least to largest", "light"]
print(f"| degradation | photons | {' | '.join(columns)} |\n| --- |" + " ---: |" * (1 + len(columns)))
with torch.no_grad():
    denoiser = denoisers.load(given.denoiser)
    for name in given.degradation:
        degradation = operator(name, given.side)
        solver = solvers.registry.build(solver_of(degradation.kinds()))
        for peak in given.peak:
            rows = []
            for image in IMAGES:
                truth = read(given.data, image, given.side)
                clean = degradation(degradation.extend(truth))
                noise = Poisson(gain=1 / peak, offset=0.0, read_noise=READ_NOISE / peak)
                problem = Problem(noise.add(clean, torch.Generator().manual_seed(0)), degradation, noise)
                *_, state = solver(problem, denoiser)
                baseline = np.nan if degradation.is_pixelwise else best_richardson_lucy(problem, truth)
                observed = degradation.observed(problem.measurement)
                explained = float(degradation(state.estimate).sum() / (observed * problem.measurement).sum())
                start, end = (psnr(degradation.crop(x), truth) for x in (problem.start(), state.estimate))
                rows.append((start, baseline, end, explained))
            start, baseline, end, explained = np.array(rows).T
            gains = end - (start if degradation.is_pixelwise else baseline)
            means = " | ".join("" if np.isnan(value) else f"{value:.2f}" for value in (start.mean(), baseline.mean(), end.mean()))
            light = f"{100 * np.abs(explained - 1).max():.2f} %"
            print(f"| {name} | {peak} | {means} | {gains.min():+.2f} to {gains.max():+.2f} | {light} |", flush=True)
