"""Restoration of every degradation by every solver, next to classical baselines.

Usage: ``python benchmarks/restoration.py DATA [--quick] [--table NAME …] [--degradation NAME …] [--solver NAME …]``;
DATA holds folders ``set12`` and ``clean`` of grey images, and ``kernels`` with the eight of Levin et al. (2009).

``solvers`` walks every degradation with every solver at its defaults; ``protocols`` repeats the settings that papers measure, on
the seven 256 × 256 images of Set12, next to Wiener filters whose balance is tuned on the truth, image by image; ``unrolled`` has
the bundled unrolled solvers next to half-quadratic splitting, on images of 128². ``--quick`` takes one image a set of 96² pixels,
with fewer turns of RED, for the protocols three images of 128², and for the unrolled solvers five. PSNR is for a peak of 255 and
after rounding to 8 bits, as in the tables of the field; for projections, of the inscribed circle. Seconds are process time.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage import io, restoration
from skimage.metrics import structural_similarity

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem

BALANCES = np.geomspace(1e-5, 100, 29)
CLEAN = ("fly_POS218_R.png", "mr_brain_12slices.tif", "hela_c1.png", "tem_ptnp_S3_5.tif")
CIRCULAR = {"boundary": "circular"}
SETTINGS: dict[str, tuple[dict[str, Any], float]] = {
    "identity": ({}, 25.0),
    "gaussian-blur": ({"std": 1.6}, 2.0),
    "psf-blur": ({}, 7.65),
    "motion-blur": ({}, 2.0),
    "microscope-psf": ({}, 5.0),
    "downsample": ({"factor": 2}, 2.0),
    "mask": ({}, 0.0),
    "fourier-mask": ({"acceleration": 4}, 2.0),
    "radon": ({"angles": 60}, 20.0),
    "random-projection": ({"ratio": 0.25}, 0.0),
    "one-bit": ({"dither": 0.5}, 0.0),
    "composition": ({}, 2.0),
}
"""Parameters of the degradations of the first table, and the noise level; arrays are added by `operator`."""
FEWER = {"red-gd": {"iterations": 60}, "red-fp": {"iterations": 24}, "red-admm": {"iterations": 24}}


class Counted:
    """The bundled denoiser; it counts its calls."""

    def __init__(self) -> None:
        self.denoiser, self.calls = denoisers.load("unet"), 0

    def __call__(self, x: torch.Tensor, sigma: Any) -> torch.Tensor:
        self.calls += 1
        return self.denoiser(x, sigma)


def read(path: Path, size: int) -> torch.Tensor:
    """Return the middle of a grey image, grey levels in [0, 255] and rounded, shape (1, 1, size, size)."""
    image = io.imread(path).astype(np.float32)
    image = image[len(image) // 2] if image.ndim == 3 else image
    if image.max() > 255 or path.suffix == ".tif":
        image = np.rint(255 * (image - image.min()) / (image.max() - image.min()))
    y, x = ((n - size) // 2 for n in image.shape)
    return torch.from_numpy(np.ascontiguousarray(image[y : y + size, x : x + size]))[None, None]


def psnr(estimate: torch.Tensor, clean: torch.Tensor) -> np.ndarray:
    """Return the PSNR in dB of every image of a batch."""
    error = (255 * estimate).round().clamp(0, 255) - clean
    return -10 * np.log10(error.double().square().flatten(1).mean(1).numpy() / 255**2)


def in_circle(clean: torch.Tensor) -> torch.Tensor:
    """Return the images with black corners: projections see no more than the inscribed circle from everywhere."""
    n = clean.shape[-1]
    along = torch.arange(n) - n // 2
    return clean * (along[:, None].square() + along.square() < (n // 2 - 1) ** 2)


def ssim(estimate: torch.Tensor, clean: torch.Tensor) -> float:
    """Return the mean structural similarity (Wang et al. 2004)."""
    options = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pairs = zip(estimate[:, 0].numpy(), clean[:, 0].numpy() / 255, strict=True)
    return float(np.mean([structural_similarity(a, b, **options) for a, b in pairs]))


def measured(degradation: degradations.Degradation, clean: torch.Tensor, sigma: float) -> Problem:
    """Return what is to be solved where images with grey levels in [0, 255] were measured with noise of level `sigma`."""
    y = degradation(degradation.extend(clean / 255))
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    return Problem(degradation.detect(y + sigma / 255 * noise), degradation, Gaussian(sigma=sigma / 255))


def final(problem: Problem, solver: solvers.Solver, denoiser: Counted) -> tuple[torch.Tensor, int]:
    """Return the result within the field of view, and the iterations."""
    *_, state = solver(problem, denoiser)
    return seen(problem, state.estimate), state.iteration


def seen(problem: Problem, x: torch.Tensor) -> torch.Tensor:
    """Return what of an image lies in the field of view."""
    return in_circle(x) if problem.degradation.name == "radon" else problem.degradation.crop(x)


def kernels(folder: Path) -> list[np.ndarray]:
    """Return the motion kernels of Levin et al."""
    with np.load(folder / "kernels" / "levin09_8.npz") as file:
        return [kernel for name in file.files for kernel in (file[name] if file[name].ndim == 3 else [file[name]])]


def operator(name: str, folder: Path, size: int) -> degradations.Degradation:
    """Return a degradation of the first table."""
    arrays: dict[str, dict[str, Any]] = {
        "mask": {"mask": np.random.default_rng(0).random((size, size)) < 0.8},
        "psf-blur": {"psf": kernels(folder)[0]},
    }
    return degradations.load(name, **SETTINGS[name][0], **arrays.get(name, {}))


def walk(folder: Path, quick: bool, chosen: list[str], methods: list[str]) -> None:
    """Print what every solver gains over the start on every degradation, and what that takes."""
    size, count = (96, 1) if quick else (256, 7)
    set12 = [read(folder / "set12" / f"{n:02d}.png", size) for n in ((2,) if quick else range(1, 8))]
    clean = torch.cat([*set12, *(read(folder / "clean" / name, size) for name in CLEAN[: 1 if quick else None])])
    print("| degradation | solver | Set12: dB, SSIM | microscopy, medical: dB, SSIM | iterations | calls | seconds an image |")
    print("| --- |" + " --- |" * 6)
    for name in chosen or SETTINGS:
        truth = in_circle(clean) if name == "radon" else clean
        problems = [measured(operator(name, folder, size), image[None], SETTINGS[name][1]) for image in truth]
        start = torch.cat([seen(problem, problem.start()) for problem in problems])
        parts = (slice(0, count), slice(count, None))
        print(f"| {name} | start | {' | '.join(described(start[part], truth[part]) for part in parts)} | | | |", flush=True)
        for solver in methods or solvers.names():
            denoiser, started = Counted(), time.process_time()
            options = (
                {"iterations": problems[0].degradation.iterations} if solver == "hqs" else FEWER.get(solver, {}) if quick else {}
            )
            try:
                ended = [final(problem, solvers.load(solver, **options), denoiser) for problem in problems]
            except ValueError:
                continue
            calls, seconds = denoiser.calls / len(clean), (time.process_time() - started) / len(clean)
            results, iterations = torch.cat([x for x, _ in ended]), np.mean([count for _, count in ended])
            gains = [described(results[part], truth[part], start[part]) for part in parts]
            print(f"| | {solver} | {' | '.join(gains)} | {iterations:.0f} | {calls:.0f} | {seconds:.2f} |", flush=True)


def described(estimate: torch.Tensor, clean: torch.Tensor, start: torch.Tensor | None = None) -> str:
    """Return mean PSNR and SSIM, or what was gained over a start."""
    values = np.array([psnr(estimate, clean).mean(), ssim(estimate, clean)])
    if start is None:
        return f"{values[0]:.2f}, {values[1]:.3f}"
    gains = values - [psnr(start, clean).mean(), ssim(start, clean)]
    return f"{gains[0]:+.2f}, {gains[1]:+.3f}"


def protocols(folder: Path, size: int) -> Iterator[tuple[str, degradations.Degradation, float]]:
    """Yield name, degradation and noise level of the second table."""
    blurred = degradations.load("gaussian-blur", std=1.6, **CIRCULAR)
    yield "Gaussian blur of std 1.6, σ = 2", blurred, 2.0
    yield "Gaussian blur of std 1.6, σ = 7.65", blurred, 7.65
    for number, kernel in enumerate(kernels(folder), start=1):
        yield f"Levin kernel {number}, σ = 7.65", degradations.load("psf-blur", psf=kernel, **CIRCULAR), 7.65
    for missing in (0.5, 0.8):
        mask = np.random.default_rng(0).random((size, size)) < missing
        yield f"{100 * missing:.0f} % missing", degradations.load("mask", mask=mask), 0.0
    for factor in (2, 3):
        for filtered in ("block", "anti-aliased"):
            yield f"×{factor} downsampled, {filtered}", degradations.load("downsample", factor=factor, filter=filtered), 0.0
    yield "random Cartesian Fourier, 4×", degradations.load("fourier-mask"), 0.0
    for sigma in (0.0, 20.0):
        yield f"60 projections, σ = {sigma:.0f}", degradations.load("radon", angles=60), sigma
    yield "25 % random projection", degradations.load("random-projection", ratio=0.25), 0.0


def compare(folder: Path, quick: bool, chosen: list[str]) -> None:
    """Print PSNR next to that of the classical baselines."""
    size = 128 if quick else 256
    images = torch.cat([read(folder / "set12" / f"{n:02d}.png", size) for n in ((2, 4, 6) if quick else range(1, 8))])
    columns = ["start", "Wiener", "Wiener, textbook", "Wiener, scikit-image", "hqs", "pnp-admm", "d-amp"]
    print(f"| mean PSNR of {len(images)} images of {size}², dB | {' | '.join(columns)} |\n| --- |" + " --- |" * len(columns))
    averages: dict[str, list[np.ndarray]] = {}
    for title, degradation, sigma in protocols(folder, size):
        if chosen and degradation.name not in chosen:
            continue
        side = size - size % 3 if title.startswith("×3") else size
        clean = in_circle(images) if degradation.name == "radon" else images[..., :side, :side]
        values = row(measured(degradation, clean, sigma), clean)
        averages.setdefault(title.split(" kernel")[0], []).append(values)
        print(f"| {title} | {cells(values)} |", flush=True)
    if "Levin" in averages:
        print(f"| mean of the eight kernels of Levin | {cells(np.mean(averages['Levin'], axis=0))} |")


def cells(values: np.ndarray) -> str:
    """Return a row of numbers; what was not measured is left empty."""
    return " | ".join("" if np.isnan(value) else f"{value:.2f}" for value in values)


def row(problem: Problem, clean: torch.Tensor) -> np.ndarray:
    """Return the mean PSNR of the start, of the best Wiener filters, and of the solvers."""
    degradation, denoiser = problem.degradation, Counted()
    values = [psnr(seen(problem, problem.start()), clean).mean(), np.nan, np.nan, np.nan]
    if isinstance(degradation, Blur):
        wieners = [solvers.load("wiener", balance=balance) for balance in BALANCES]
        values[1] = np.max([psnr(final(problem, wiener, denoiser)[0], clean) for wiener in wieners], axis=0).mean()
        values[2], values[3] = (skimage_wiener(problem, clean, reg) for reg in (np.ones((1, 1)), None))
    hqs = solvers.load("hqs", iterations=degradation.iterations)
    others = [hqs, solvers.load("pnp-admm"), *([solvers.load("d-amp")] if degradation.is_random else [])]
    values += [psnr(final(problem, solver, denoiser)[0], clean).mean() for solver in others]
    return np.array([*values, *[np.nan] * (7 - len(values))])


def skimage_wiener(problem: Problem, clean: torch.Tensor, reg: np.ndarray | None) -> float:
    """Return the best mean PSNR of scikit-image's filter: a constant signal-to-noise ratio, or by default a Laplacian."""
    psf = problem.degradation.kernel(2)
    best = []
    for y, truth in zip(problem.measurement[:, 0].numpy(), clean, strict=True):
        results = [restoration.wiener(y, psf, balance, reg, clip=False) for balance in BALANCES]
        best.append(max(psnr(torch.from_numpy(np.asarray(x))[None, None], truth[None])[0] for x in results))
    return float(np.mean(best))


TRAINED = [
    ("gaussian-blur", {"std": 1.0}, 2.0), ("gaussian-blur", {"std": 1.6}, 2.0), ("gaussian-blur", {"std": 1.6}, 7.65),
    ("gaussian-blur", {"std": 2.5}, 5.0), ("fourier-mask", {"seed": 7}, 2.0), ("fourier-mask", {"seed": 8}, 7.65),
]  # fmt: skip
"""Degradations, parameters and noise levels that the unrolled solvers are compared on."""


def unrolled(folder: Path, quick: bool, chosen: list[str]) -> None:
    """Print what unrolled solvers and half-quadratic splitting make of images, with how many calls of which network."""
    numbers = (1, 2, 5) if quick else range(1, 8)
    images = [read(folder / "set12" / f"{number:02d}.png", 128) for number in numbers]
    images += [read(folder / "clean" / name, 128) for name in CLEAN[: 2 if quick else None]]
    names = {
        "hqs, unet": "unet",
        "hqs, unet-small": "unet-small",
        "hqs, unet-small, as many calls": "unet-small",
        "unrolled": "unet-small",
    }
    print(
        f"| mean PSNR of {len(images)} images, dB; calls | start | {' | '.join(names)} |\n| --- | --- |" + " --- |" * len(names)
    )
    for name, parameters, sigma in TRAINED:
        trained = solvers.load("unrolled")
        degradation = degradations.load(name, **parameters)
        if (chosen and name not in chosen) or trained.obstacle_in(degradation):
            continue
        turns = trained.pinned(degradation).steps()
        lengths = (degradation.iterations, degradation.iterations, turns)
        methods = [*(solvers.load("hqs", iterations=length) for length in lengths), trained]
        problems = [measured(degradations.load(name, **parameters), image, sigma) for image in images]
        found = [f"{np.mean([psnr(seen(p, p.start()), image) for p, image in zip(problems, images, strict=True)]):.2f}"]
        for method, network, calls in zip(methods, names.values(), (*lengths, turns), strict=True):
            denoiser = denoisers.load(network)
            results = [(*method(problem, denoiser),)[-1].estimate for problem in problems]
            scores = [psnr(seen(p, x), image) for p, x, image in zip(problems, results, images, strict=True)]
            found.append(f"{np.mean(scores):.2f}; {calls}")
        print(f"| {name}, {parameters}, σ = {sigma:g} | {' | '.join(found)} |", flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("data", type=Path)
parser.add_argument("--quick", action="store_true")
parser.add_argument("--table", nargs="+", choices=["solvers", "protocols", "unrolled"], default=["solvers", "protocols"])
parser.add_argument("--degradation", nargs="+", choices=list(SETTINGS), default=[])
parser.add_argument("--solver", nargs="+", choices=solvers.names(), default=[])
given = parser.parse_args()
with torch.no_grad():
    if "solvers" in given.table:
        walk(given.data, given.quick, given.degradation, given.solver)
    if "protocols" in given.table:
        compare(given.data, given.quick, given.degradation)
    if "unrolled" in given.table:
        unrolled(given.data, given.quick, given.degradation)
