"""Stated uncertainty of photographs: coverage, accuracy and sharpness of samples made with the bundled network.

Usage: ``python benchmarks/posterior_images.py DATA [--quick]``; ``--help`` lists the other options. DATA holds the folders
``bsd68``, ``clean`` (microscopy and medical images) and ``set12``. Every image is cropped to its middle.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from denoising import centre, images_of, psnr
from torch import Tensor

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.analysis.calibration import LEVELS, cross_validated, standardised_errors
from napari_tweedie.analysis.uncertainty import posterior_variance
from napari_tweedie.core import device
from napari_tweedie.degradations import Degradation
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.samplers.summary import Running, Summary

SIGMA = 7.65 / 255
FLAT = 0.03
"""Standard deviation below which a crop shows only background."""


def draw(name: str, problem: Problem, denoiser: Any, count: int = 16) -> tuple[Tensor, Summary, float]:
    """Return samples, their summary and the seconds they took."""
    started = time.perf_counter()
    *_, state = samplers.load(name, samples=count)(problem, denoiser)
    running = Running()
    running.add(state.estimate)
    return state.estimate, running.summary(), time.perf_counter() - started


def power(x: Tensor) -> float:
    """Return the mean power of some images at frequencies between a quarter of and half the Nyquist frequency."""
    spectrum = torch.fft.fftn(x, dim=(2, 3)).abs().square().mean((0, 1))
    f = [torch.fft.fftfreq(n) for n in x.shape[2:]]
    radius = (f[0][:, None].square() + f[1].square()).sqrt()
    return float(spectrum[(radius >= 0.125) & (radius < 0.25)].mean())


def correlation(a: Tensor, b: Tensor) -> float:
    """Return the correlation of two images."""
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def crops(folder: Path, side: int, count: int) -> list[Tensor]:
    """Return the middles of images spread over a folder; flat ones, in which there is nothing to be unsure of, are left out."""
    middles = [centre(image, side) for _, image in images_of(folder) if min(image.shape[2:]) >= side]
    middles = [middle for middle in middles if middle.std() > FLAT]
    return [middles[k] for k in np.unique(np.linspace(0, len(middles) - 1, count).astype(int))]


TABLES = ("photographs", "micrographs", "agreement", "restoration", "implicit")


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
        """Print the row, coverages with standard errors over images; an image is corrected by the factor of all the others."""
        mean = np.mean(self.values, axis=0)
        stated = np.array([np.mean(scores <= self.widths[0.9]) for scores in self.scores])
        cells = [f"{mean[0]:.2f}", f"{mean[1] / mean[2]:.2f}", percent(stated), percent(cross_validated(self.scores, 0.9))]
        cells += ["" if np.isnan(value) else f"{value:.2f}" for value in mean[3:]]
        print(f"| {self.title} | {' | '.join(cells)} |", flush=True)


def percent(shares: Any) -> str:
    """Return the mean of some shares and its standard error."""
    return f"{100 * shares.mean():.1f} ± {100 * shares.std(ddof=1) / len(shares) ** 0.5:.1f}"


COLUMNS = "PSNR of the mean, dB | squared error / variance | 90 % interval covers, % | the same, corrected"


def denoising(images: list[Tensor], denoiser: Any, what: str) -> None:
    """Print the table of noisy images."""
    print(f"\n| {len(images)} {what} | {COLUMNS} | PSNR of one sample | power of samples / clean | power of the mean / clean | "
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
            shares = [power(x) / power(truth) for x in (samples, summary.mean)]
            sampled.add(truth, summary, psnr(samples[:1], truth), *shares, seconds)
        instant.show()
        sampled.show()


def agreement(images: list[Tensor], denoiser: Any, what: str) -> None:
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
    print(f"\nInstant std (16 probes) against 64 samples, σ = 25, {len(images)} {what}: correlation {np.mean(correlations):.2f}, "
          f"median ratio {np.mean(ratios):.2f}.\n", flush=True)  # fmt: skip


def operators(shape: torch.Size) -> dict[str, Degradation]:
    """Return what images of this shape are degraded by."""
    lost = torch.rand(shape, generator=torch.Generator().manual_seed(3)) < 0.5
    return {
        "Gaussian blur of std 1.6": degradations.load("gaussian-blur", std=1.6, boundary="circular"),
        "50 % missing": degradations.load("mask", mask=lost),
        "×2 downsampled": degradations.load("downsample", factor=2),
    }


def restoration(images: list[Tensor], denoiser: Any, what: str, count: int) -> None:
    """Print the table of degraded images."""
    print(
        f"\n| split-gibbs, σ = 7.65, {len(images)} {what} | {COLUMNS} | PSNR of one sample | PSNR of hqs | seconds |\n|"
        + " --- |" * 8
    )
    for title, operator in operators(images[0].shape[2:]).items():
        row = Row(title)
        for number, truth in enumerate(images):
            y = operator(truth)
            y = y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(number))
            problem = Problem(y, operator, Gaussian(sigma=SIGMA))
            *_, solved = solvers.load("hqs", iterations=operator.iterations)(problem, denoiser)
            samples, summary, seconds = draw("split-gibbs", problem, denoiser, count)
            row.add(truth, summary, psnr(samples[:1], truth), psnr(solved.estimate, truth), seconds)
        row.show()


def implicit(images: list[Tensor], denoiser: Any, what: str) -> None:
    """Print how many steps the implicit prior takes, and how near it comes to what it was given a sixteenth of."""
    sampler = samplers.load("implicit-prior", samples=2, beta=0.5)
    steps = len(list(sampler.prior(denoiser, torch.full((1, 1, 40, 40), 0.5))))
    operator, found = degradations.load("downsample", factor=4), []
    for truth in images:
        states = list(
            samplers.load("implicit-prior", samples=1)(Problem(operator(truth), operator, Gaussian(sigma=0.0)), denoiser)
        )
        found.append(f"{len(states)} ({psnr(states[-1].estimate, truth):.1f} dB)")
    print(f"\nimplicit-prior: {steps} steps to samples of the prior, 40 × 40, β = 0.5; to ×4 super-resolution, β = 0.01, of "
          f"{len(images)} {what}: {', '.join(found)}.\n", flush=True)  # fmt: skip


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="few small crops")
    parser.add_argument("--side", type=int, help="of the square crops, in pixels")
    parser.add_argument("--images", type=int, help="how many of a folder")
    parser.add_argument("--samples", type=int, default=16, help="of split-gibbs")
    parser.add_argument("--only", nargs="*", choices=TABLES, default=TABLES)
    options = parser.parse_args()
    side = options.side or (64 if options.quick else 256)
    device.keep_freed_memory()  # as the engine does
    denoiser = denoisers.load("unet")

    def images(folder: str, count: int) -> tuple[list[Tensor], Any, str]:
        return crops(options.folder / folder, side, options.images or count), denoiser, f"crops of {folder}, {side} × {side}"

    with torch.no_grad():
        if "photographs" in options.only:
            denoising(*images("bsd68", 6 if options.quick else 68))
        if "micrographs" in options.only:
            denoising(*images("clean", 6 if options.quick else 14))
        if "agreement" in options.only:
            agreement(*images("bsd68", 3 if options.quick else 7))
        if "restoration" in options.only:
            restoration(*images("set12", 6 if options.quick else 12), options.samples)
        if "implicit" in options.only:
            implicit(crops(options.folder / "set12", 60, 3), denoiser, "crops of set12, 60 × 60")


if __name__ == "__main__":
    main()
