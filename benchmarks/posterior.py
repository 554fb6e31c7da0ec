"""Do samples spread as the posterior does? Variance ratios where it is known exactly, coverage where the truth is.

Usage: ``python benchmarks/posterior.py DATA [--quick]``; DATA holds folders ``bsd68`` and ``set12`` of grey images. Without
``--quick`` it takes hours on a CPU without fast bfloat16.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage import io
from torch import Tensor

from napari_tweedie import degradations, denoisers, device, samplers, solvers
from napari_tweedie.analysis.calibration import calibration, standardised_errors
from napari_tweedie.analysis.uncertainty import posterior_variance
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.operator import fourier_filter
from napari_tweedie.problem import Problem
from napari_tweedie.samplers.summary import Running, Summary

QUICK = "--quick" in sys.argv
SIDE = 20
CROP = 96 if QUICK else 256
IMAGES = 6 if QUICK else 68
BLUR = degradations.load("gaussian-blur", std=1.6, boundary="circular")
DOWNSAMPLE = degradations.load("downsample", factor=2)


def mask(side: int) -> Any:
    """Return the operator that loses half of the pixels."""
    return degradations.load("mask", mask=torch.rand(side, side, generator=torch.Generator().manual_seed(3)) < 0.5)


class Counted:
    """A denoiser that counts the images it denoised."""

    def __init__(self, denoiser: Callable[[Tensor, Any], Tensor]) -> None:
        self.denoiser, self.images = denoiser, 0

    def __call__(self, x: Tensor, sigma: Any) -> Tensor:
        """Return f(x, σ)."""
        self.images += len(x)
        return self.denoiser(x, sigma)


def draw(sampler: Any, problem: Problem, denoiser: Any, seed: int = 0) -> Tensor:
    """Return the samples of a run."""
    *_, state = sampler(problem, denoiser, torch.Generator().manual_seed(seed))
    estimate: Tensor = state.estimate
    return estimate


def exact_posterior(field: Any, degradation: Any, y: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return mean and variance of every pixel for a Gaussian field, from the matrices of A and of the prior."""
    count = SIDE**2
    impulses = torch.eye(count).view(count, 1, SIDE, SIDE)
    prior = fourier_filter(impulses, field.spectrum(impulses)).view(count, count).double()
    a = degradation(impulses).reshape(count, -1).T.double()
    covariance = torch.linalg.inv(torch.linalg.inv(prior) + a.T @ a / sigma**2)
    return covariance @ a.T @ y.flatten().double() / sigma**2, covariance.diagonal()


def compare(samples: Tensor, mean: Tensor, variance: Tensor) -> tuple[float, float]:
    """Return the ratio of the variances and the slope of the samples' mean against the exact one."""
    found, spread = samples.flatten(1).double().mean(0), samples.flatten(1).double().var(0, correction=0)
    centred = mean - mean.mean()
    return float(spread.mean() / variance.mean()), float((found * centred).sum() / (mean * centred).sum())


def exact_table() -> None:
    """Print variance ratios and slopes for Gaussian fields."""
    operators = {"identity": degradations.load("identity"), "blur": BLUR, "mask 50 %": mask(SIDE), "×2 downsample": DOWNSAMPLE}
    print(f"| sampler | prior | noise | {' | '.join(operators)} | denoiser calls a sample |\n| --- |" + " --- |" * 7)
    count = 200 if QUICK else 1000
    for name in samplers.names():
        if name == "implicit-prior":
            continue
        for slope in (0, 2):
            for sigma in (0.1, 0.3):
                field = denoisers.load("gaussian", std=0.5, slope=slope)
                cells, calls = [], 0
                for operator in operators.values():
                    generator = torch.Generator().manual_seed(1)
                    white = torch.randn((1, 1, SIDE, SIDE), generator=generator)
                    y = operator(fourier_filter(white, field.spectrum(white).sqrt()))
                    y = y + sigma * torch.randn(y.shape, generator=generator)
                    counted = Counted(field)
                    try:
                        samples = draw(samplers.load(name, samples=count), Problem(y, operator, Gaussian(sigma=sigma)), counted)
                    except ValueError:
                        cells.append("")
                        continue
                    calls = round(counted.images / count)
                    ratio, tilt = compare(samples, *exact_posterior(field, operator, y, sigma))
                    cells.append(f"{ratio:.2f} / {tilt:.2f}")
                prior = "coloured" if slope else "white"
                print(f"| {name} | {prior} | {sigma} | {' | '.join(cells)} | {calls} |", flush=True)


def psnr(estimate: Tensor, truth: Tensor) -> float:
    """Return the PSNR in dB for a peak of one."""
    return float(-10 * torch.log10((estimate - truth).square().mean()))


def power(x: Tensor) -> float:
    """Return the mean power at frequencies between a quarter of and half the Nyquist frequency."""
    spectrum = torch.fft.fftn(x[0, 0] - x.mean()).abs().square()
    f = [torch.fft.fftfreq(n) for n in x.shape[2:]]
    radius = (f[0][:, None].square() + f[1].square()).sqrt()
    return float(spectrum[(radius >= 0.125) & (radius < 0.25)].mean())


def crops(folder: Path, count: int) -> list[Tensor]:
    """Return the middles of images spread over a folder."""
    images = [io.imread(path).astype(np.float32) / 255 for path in sorted(folder.glob("*.png"))]
    chosen = [images[k] for k in np.unique(np.linspace(0, len(images) - 1, count).astype(int))]
    starts = [[(n - CROP) // 2 for n in image.shape] for image in chosen]
    return [torch.from_numpy(image[y : y + CROP, x : x + CROP])[None, None] for image, (y, x) in zip(chosen, starts, strict=True)]


class Column:
    """Measurements of one way to state a posterior, over images."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, ...]] = []
        self.scores: list[Any] = []
        self.widths: dict[float, float] = {}

    def add(self, truth: Tensor, summary: Summary, *rows: float) -> None:
        """Take in an image."""
        self.rows.append((psnr(summary.mean, truth), float((summary.mean - truth).square().mean()),
                          float(summary.std.square().mean()), *rows))  # fmt: skip
        self.scores.append(standardised_errors(truth, summary.mean, summary.std))
        self.widths = {level: summary.width(level) for level in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)}

    def report(self, title: str, *more: str) -> None:
        """Print a row: PSNR, error over variance, raw coverage, coverage with the factor of the other half of the images."""
        mean = np.mean(self.rows, axis=0)
        raw = calibration(self.scores, self.widths, 0.9).coverage
        corrected = []
        for fitted, held_out in ((self.scores[::2], self.scores[1::2]), (self.scores[1::2], self.scores[::2])):
            factor = calibration(fitted, self.widths, 0.9).factor
            widths = {level: factor * width for level, width in self.widths.items()}
            corrected.append(calibration(held_out, widths, 0.9).coverage)
        others = " | ".join(f"{value:.2f}" for value in mean[3:])
        print(
            f"| {title} | {mean[0]:.2f} | {mean[1] / mean[2]:.2f} | {100 * raw:.1f} | {100 * np.mean(corrected):.1f} | "
            f"{others} | {' | '.join(more)} |",
            flush=True,
        )


def denoising_table(images: list[Tensor], denoiser: Any) -> None:
    """Print what is stated of denoised photographs."""
    print("\n| | PSNR of the mean, dB | squared error / variance | 90 % interval covers, % | after calibration | PSNR of one sample "
          "| power of one sample / clean | power of the mean / clean | correlation of std with the instant one "
          "| instant std / std, median | seconds |\n|" + " --- |" * 11)  # fmt: skip
    for sigma in (25 / 255, 50 / 255):
        instant, sampled, seconds = Column(), Column(), 0.0
        for number, truth in enumerate(images):
            generator = torch.Generator().manual_seed(number)
            y = truth + sigma * torch.randn(truth.shape, generator=generator)
            clean, variance = posterior_variance(denoiser, y, sigma, generator, probes=16)
            instant.add(truth, Summary(clean, variance.sqrt()), float("nan"), float("nan"), power(clean) / power(truth))
            running, started = Running(), time.perf_counter()
            samples = draw(samplers.load("moment-matched"), Problem(y, degradations.load("identity"), Gaussian(sigma=sigma)), denoiser)
            seconds += (time.perf_counter() - started) / len(images)
            running.add(samples)
            std = running.summary().std
            pair = torch.stack([std.flatten(), variance.sqrt().flatten()])
            sampled.add(truth, running.summary(), psnr(samples[:1], truth), power(samples[:1]) / power(truth),
                        power(running.mean) / power(truth), float(torch.corrcoef(pair)[0, 1]), float((pair[1] / pair[0]).median()))  # fmt: skip
        instant.report(f"instant, σ = {sigma * 255:.0f}", "", "", "")
        sampled.report(f"moment-matched, σ = {sigma * 255:.0f}", f"{seconds:.0f}")


def restoration_table(images: list[Tensor], denoiser: Any) -> None:
    """Print what split-gibbs states of restored photographs, beside half-quadratic splitting."""
    print("\n| split-gibbs | PSNR of the mean, dB | squared error / variance | 90 % interval covers, % | after calibration | "
          "PSNR of one sample | PSNR of hqs | seconds |\n|" + " --- |" * 8)  # fmt: skip
    operators = {"Gaussian blur of std 1.6": BLUR, "50 % missing": mask(CROP), "×2 downsampled": DOWNSAMPLE}
    for title, operator in operators.items():
        column, seconds = Column(), 0.0
        for number, truth in enumerate(images):
            sigma = 7.65 / 255
            y = operator(truth)
            y = y + sigma * torch.randn(y.shape, generator=torch.Generator().manual_seed(number))
            problem = Problem(y, operator, Gaussian(sigma=sigma))
            *_, solved = solvers.load("hqs")(problem, denoiser)
            started = time.perf_counter()
            samples = draw(samplers.load("split-gibbs"), problem, denoiser)
            seconds += (time.perf_counter() - started) / len(images)
            running = Running()
            running.add(samples)
            column.add(truth, running.summary(), psnr(samples[:1], truth), psnr(solved.estimate, truth))
        column.report(f"{title}, σ = 7.65", f"{seconds:.0f}")


def main(folder: Path) -> None:
    """Print the tables."""
    device.keep_freed_memory()  # as the engine does
    denoiser = denoisers.load("unet")
    with torch.no_grad():
        exact_table()
        denoising_table(crops(folder / "bsd68", IMAGES), denoiser)
        restoration_table(crops(folder / "set12", min(IMAGES, 7) // (2 if QUICK else 1)), denoiser)


main(Path(sys.argv[1]))
