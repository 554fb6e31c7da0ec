"""Is the stated uncertainty of photographs right? Coverage, accuracy and sharpness of samples made with the bundled network.

Usage: ``python benchmarks/posterior_images.py DATA [--quick]``; DATA holds folders ``bsd68`` and ``set12`` of grey images.
``--quick`` takes the middle 96 × 96 pixels of few images; without it this takes hours on a CPU without fast bfloat16.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage import io
from torch import Tensor

from napari_tweedie import degradations, denoisers, device, samplers, solvers
from napari_tweedie.analysis.calibration import LEVELS, calibration, standardised_errors
from napari_tweedie.analysis.uncertainty import posterior_variance
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.problem import Problem
from napari_tweedie.samplers.summary import Running, Summary

QUICK = "--quick" in sys.argv
SIDE = 96 if QUICK else 256
IMAGES = {"bsd68": 6 if QUICK else 68, "set12": 3 if QUICK else 7}
SIGMA = 7.65 / 255


def draw(name: str, problem: Problem, denoiser: Any) -> tuple[Tensor, Summary, float]:
    """Return 16 samples, their summary and the seconds they took."""
    started = time.perf_counter()
    *_, state = samplers.load(name)(problem, denoiser)
    running = Running()
    running.add(state.estimate)
    return state.estimate, running.summary(), time.perf_counter() - started


def psnr(estimate: Tensor, truth: Tensor) -> float:
    """Return the PSNR in dB for a peak of one."""
    return float(-10 * torch.log10((estimate - truth).square().mean()))


def power(x: Tensor) -> float:
    """Return the mean power at frequencies between a quarter of and half the Nyquist frequency."""
    spectrum = torch.fft.fftn(x[0, 0] - x.mean()).abs().square()
    f = [torch.fft.fftfreq(n) for n in x.shape[2:]]
    radius = (f[0][:, None].square() + f[1].square()).sqrt()
    return float(spectrum[(radius >= 0.125) & (radius < 0.25)].mean())


def correlation(a: Tensor, b: Tensor) -> float:
    """Return the correlation of two images."""
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def middles(folder: Path) -> list[Tensor]:
    """Return the middles of images spread over a folder."""
    images = [io.imread(path).astype(np.float32) / 255 for path in sorted(folder.glob("*.png"))]
    images = [image for image in images if min(image.shape) >= SIDE and max(image.shape) < 512]
    middle = []
    for k in np.unique(np.linspace(0, len(images) - 1, IMAGES[folder.name]).astype(int)):
        y, x = ((length - SIDE) // 2 for length in images[k].shape)
        middle.append(torch.from_numpy(images[k][y : y + SIDE, x : x + SIDE])[None, None])
    return middle


class Row:
    """What one method states of some images, against the truth."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.values: list[tuple[float, ...]] = []
        self.scores: list[Any] = []
        self.widths: dict[float, float] = {}

    def add(self, truth: Tensor, summary: Summary, *more: float) -> None:
        """Take in an image."""
        error, variance = float((summary.mean - truth).square().mean()), float(summary.std.square().mean())
        self.values.append((psnr(summary.mean, truth), error, variance, *more))
        self.scores.append(standardised_errors(truth, summary.mean, summary.std))
        self.widths = {level: summary.width(level) for level in LEVELS}

    def show(self) -> None:
        """Print the row; the corrected interval has the factor of one half of the images and is measured on the other."""
        mean = np.mean(self.values, axis=0)
        corrected = []
        for part in (0, 1):
            factor = calibration(self.scores[part::2], self.widths, 0.9).factor
            widths = {level: factor * width for level, width in self.widths.items()}
            corrected.append(calibration(self.scores[1 - part :: 2], widths, 0.9).coverage)
        cells = [f"{mean[0]:.2f}", f"{mean[1] / mean[2]:.2f}", f"{100 * calibration(self.scores, self.widths, 0.9).coverage:.1f}"]
        cells += [f"{100 * np.mean(corrected):.1f}", *(f"{value:.2f}" for value in mean[3:])]
        print(f"| {self.title} | {' | '.join(cells)} |", flush=True)


COLUMNS = "PSNR of the mean, dB | squared error / variance | 90 % interval covers, % | the same, corrected"


def denoising(images: list[Tensor], denoiser: Any) -> None:
    """Print the table of noisy images."""
    print(f"| {len(images)} images | {COLUMNS} | PSNR of one sample | its power / clean | power of the mean / clean | "
          "seconds |\n|" + " --- |" * 9)  # fmt: skip
    for sigma in (25 / 255, 50 / 255):
        instant, sampled = Row(f"instant, σ = {255 * sigma:.0f}"), Row(f"moment-matched, σ = {255 * sigma:.0f}")
        for number, truth in enumerate(images):
            generator = torch.Generator().manual_seed(number)
            y = truth + sigma * torch.randn(truth.shape, generator=generator)
            started = time.perf_counter()
            clean, variance = posterior_variance(denoiser, y, sigma, generator)
            seconds, share = time.perf_counter() - started, power(clean) / power(truth)
            instant.add(truth, Summary(clean, variance.sqrt()), np.nan, np.nan, share, seconds)
            problem = Problem(y, degradations.load("identity"), Gaussian(sigma=sigma))
            samples, summary, seconds = draw("moment-matched", problem, denoiser)
            shares = [power(x) / power(truth) for x in (samples[:1], summary.mean)]
            sampled.add(truth, summary, psnr(samples[:1], truth), *shares, seconds)
        instant.show()
        sampled.show()


def agreement(images: list[Tensor], denoiser: Any) -> None:
    """Print how the instant standard deviation compares with that of 64 samples."""
    sigma, correlations, ratios = 25 / 255, [], []
    for number, truth in enumerate(images):
        generator = torch.Generator().manual_seed(number)
        y = truth + sigma * torch.randn(truth.shape, generator=generator)
        _, variance = posterior_variance(denoiser, y, sigma, generator, probes=16)
        sampler = samplers.load("moment-matched", samples=64)
        *_, state = sampler(Problem(y, degradations.load("identity"), Gaussian(sigma=sigma)), denoiser)
        std = state.estimate.std(0, correction=0)
        correlations.append(correlation(variance.sqrt(), std))
        ratios.append(float((variance.sqrt()[0] / std).median()))
    print(f"\nInstant std (16 probes) against 64 samples, σ = 25, {len(images)} images: correlation {np.mean(correlations):.2f}, "
          f"median ratio {np.mean(ratios):.2f}.\n", flush=True)  # fmt: skip


def restoration(images: list[Tensor], denoiser: Any) -> None:
    """Print the table of degraded images."""
    lost = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(3)) < 0.5
    operators = {
        "Gaussian blur of std 1.6": degradations.load("gaussian-blur", std=1.6, boundary="circular"),
        "50 % missing": degradations.load("mask", mask=lost),
        "×2 downsampled": degradations.load("downsample", factor=2),
    }
    print(
        f"| split-gibbs, σ = 7.65, {len(images)} images | {COLUMNS} | PSNR of one sample | PSNR of hqs | seconds |\n|"
        + " --- |" * 8
    )
    for title, operator in operators.items():
        row = Row(title)
        for number, truth in enumerate(images):
            y = operator(truth)
            y = y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(number))
            problem = Problem(y, operator, Gaussian(sigma=SIGMA))
            *_, solved = solvers.load("hqs", iterations=operator.iterations)(problem, denoiser)
            samples, summary, seconds = draw("split-gibbs", problem, denoiser)
            row.add(truth, summary, psnr(samples[:1], truth), psnr(solved.estimate, truth), seconds)
        row.show()


def main(folder: Path) -> None:
    """Print the tables."""
    device.keep_freed_memory()  # as the engine does
    denoiser = denoisers.load("unet")
    with torch.no_grad():
        denoising(middles(folder / "bsd68"), denoiser)
        agreement(middles(folder / "bsd68")[:: 2 if QUICK else 10], denoiser)
        restoration(middles(folder / "set12"), denoiser)


main(Path(sys.argv[1]))
