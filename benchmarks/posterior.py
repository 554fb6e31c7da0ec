"""Spread of samples against that of the posterior: variance ratios on Gaussian fields, whose posterior is known exactly.

Usage: ``python benchmarks/posterior.py [--quick | --samples=N] [--peers] [NAME …]``; ``--peers`` adds the samplers
of deepinv, which has to be installed.
"""

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from napari_tweedie import degradations, denoisers, samplers
from napari_tweedie.degradations.linear_algebra import fourier_filter
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem

SIDE = 20
COUNT = int(
    next((given[10:] for given in sys.argv if given.startswith("--samples=")), "200" if "--quick" in sys.argv else "1000")
)
MASK = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(3)) < 0.5
OPERATORS = {
    "identity": degradations.load("identity"),
    "blur": degradations.load("gaussian-blur", std=1.0, boundary="circular"),
    "50 % missing": degradations.load("mask", mask=MASK),
    "×2 downsampled": degradations.load("downsample", factor=2),
}


class Counted(torch.nn.Module):
    """A denoiser that counts the images it denoised."""

    def __init__(self, denoiser: Any) -> None:
        super().__init__()
        self.denoiser, self.images = denoiser, 0

    def forward(self, x: Tensor, sigma: Any, *_: Any, **__: Any) -> Tensor:
        """Return f(x, σ) for a level that is a number or a tensor of any shape."""
        self.images += len(x)
        level = torch.as_tensor(sigma, dtype=torch.float32).flatten()
        clean: Tensor = self.denoiser(x.float(), level if len(level) == len(x) else float(level[0]))
        return clean.to(x.dtype)


def ours(name: str) -> Callable[[Problem, Counted], Tensor]:
    """Return what draws samples with a sampler of this package."""

    def draw(problem: Problem, denoiser: Counted) -> Tensor:
        *_, state = samplers.load(name, samples=COUNT)(problem, denoiser)
        estimate: Tensor = state.estimate
        return estimate

    return draw


def exact_posterior(field: Any, problem: Problem) -> tuple[Tensor, Tensor]:
    """Return mean and variance of every pixel, from the matrices of A and of the prior's covariance."""
    impulses = torch.eye(SIDE**2).view(-1, 1, SIDE, SIDE)
    prior = fourier_filter(impulses, field.spectrum(impulses)).flatten(1).double()
    a = problem.degradation(impulses).flatten(1).T.double()
    covariance = torch.linalg.inv(torch.linalg.inv(prior) + a.T @ a / problem.noise_level**2)
    return covariance @ a.T @ problem.measurement.flatten().double() / problem.noise_level**2, covariance.diagonal()


def compare(samples: Tensor, mean: Tensor, variance: Tensor) -> str:
    """Return the ratio of the variances, and the slope of the samples' mean against the exact one."""
    pixels, centred = samples.flatten(1).double(), mean - mean.mean()
    slope = (pixels.mean(0) * centred).sum() / centred.square().sum()
    return f"{float(pixels.var(0, correction=0).mean() / variance.mean()):.2f} / {float(slope):.2f}"


def row(title: str, draw: Callable[[Problem, Counted], Tensor], slope: float, sigma: float) -> None:
    """Print the row of a sampler, a prior and a noise level; problems that the sampler refuses stay empty."""
    field, cells, calls, seconds = denoisers.load("gaussian", std=0.5, slope=slope), [], 0, 0.0
    for operator in OPERATORS.values():
        generator = torch.Generator().manual_seed(1)
        white = torch.randn((1, 1, SIDE, SIDE), generator=generator)
        y = operator(fourier_filter(white, field.spectrum(white).sqrt()))
        problem = Problem(y + sigma * torch.randn(y.shape, generator=generator), operator, Gaussian(sigma=sigma))
        counted, started = Counted(field), time.perf_counter()
        try:
            cells.append(compare(draw(problem, counted), *exact_posterior(field, problem)))
        except ValueError:
            cells.append("")
            continue
        calls, seconds = round(counted.images / COUNT), time.perf_counter() - started
    prior = "coloured" if slope else "white"
    print(f"| {title} | {prior} | {sigma} | {' | '.join(cells)} | {calls} | {seconds:.1f} |", flush=True)


def main() -> None:
    """Print the table."""
    methods = {name: ours(name) for name in samplers.names() if name != "implicit-prior"}
    if "--peers" in sys.argv:
        from posterior_peers import SAMPLERS, theirs

        methods.update({f"deepinv {name}": theirs(name, COUNT) for name in SAMPLERS})
    chosen = [name for name in sys.argv[1:] if not name.startswith("--")]
    methods = {name: draw for name, draw in methods.items() if not chosen or name in chosen}
    print(f"| sampler | prior | noise | {' | '.join(OPERATORS)} | denoiser calls | seconds, {COUNT} samples |\n|" + " --- |" * 9)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for title, draw in methods.items():
            for slope in (0, 2):
                for sigma in (0.1, 0.3):
                    row(title, draw, slope, sigma)


if __name__ == "__main__":
    main()
