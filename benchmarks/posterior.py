"""Spread of samples against that of the posterior: variance ratios on Gaussian fields, whose posterior is known exactly.

Usage: ``python benchmarks/posterior.py [--quick] [NAME …]``. Rows of deepinv appear where it is installed.
"""

import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from napari_tweedie import degradations, denoisers, samplers
from napari_tweedie.degradations.linear_algebra import fourier_filter
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem

SIDE = 20
COUNT = 200 if "--quick" in sys.argv else 1000
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


def theirs(name: str) -> Callable[[Problem, Counted], Tensor]:
    """Return what draws samples with a sampler of deepinv, at its default settings."""
    import deepinv

    def draw(problem: Problem, denoiser: Counted) -> Tensor:
        sigma, operator = problem.noise_level, problem.degradation
        noise = deepinv.physics.GaussianNoise(sigma)
        if operator.name == "identity":
            physics = deepinv.physics.Denoising(noise)
        elif operator.name == "mask":
            known = operator(torch.ones(1, 1, SIDE, SIDE))[0]
            physics = deepinv.physics.Inpainting(img_size=(1, SIDE, SIDE), mask=known, noise_model=noise)
        elif name == "moment matching":  # the others need singular values of its own kind
            physics = deepinv.physics.LinearPhysics(operator, operator.adjoint, noise_model=noise)
        else:
            raise ValueError(f"{operator.name} is not compared")
        model = {
            "DDRM": lambda: deepinv.sampling.DDRM(denoiser),
            "DiffPIR": lambda: deepinv.sampling.DiffPIR(denoiser, deepinv.optim.L2(), sigma=sigma),
            "DPS": lambda: deepinv.sampling.DPS(denoiser, dtype=torch.float32),
            "moment matching": lambda: moment_matching(denoiser),
        }[name]()
        y = problem.measurement.repeat(COUNT, 1, 1, 1)
        first = {"x_init": (COUNT, 1, SIDE, SIDE)} if name == "moment matching" else {}
        samples: Tensor = model(y, physics, seed=0, **first)
        return samples.detach()

    return draw


def moment_matching(denoiser: Counted) -> Any:
    """Return reverse diffusion guided by moment matching (Rozet et al. 2024), from far above the prior's spread, in 100 steps."""
    from deepinv.sampling import EulerSolver, MomentMatchingDataFidelity, PosteriorDiffusion, VarianceExplodingDiffusion

    solver = EulerSolver(timesteps=torch.linspace(1, 0.001, 101), rng=torch.Generator())
    sde = VarianceExplodingDiffusion(sigma_min=0.005, sigma_max=20.0, alpha=1.0)
    return PosteriorDiffusion(MomentMatchingDataFidelity(), denoiser, sde, solver, minus_one_one=False)


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
    if find_spec("deepinv"):
        methods.update({f"deepinv {name}": theirs(name) for name in ("DDRM", "DiffPIR", "DPS", "moment matching")})
    chosen = [name for name in sys.argv[1:] if not name.startswith("--")]
    methods = {name: draw for name, draw in methods.items() if not chosen or name in chosen}
    print(f"| sampler | prior | noise | {' | '.join(OPERATORS)} | denoiser calls | seconds, {COUNT} samples |\n|" + " --- |" * 9)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for title, draw in methods.items():
            for slope in (0, 2):
                for sigma in (0.1, 0.3):
                    row(title, draw, slope, sigma)


main()
