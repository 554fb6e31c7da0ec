"""Speed of restoration next to other packages, and the growth of its memory.

Usage: ``python benchmarks/restoration_speed.py [--quick]``. Rows of deepinv appear where it is installed.

Best of three runs that take turns; the images are synthetic. `hqs` deblurs 512 × 512 pixels in 8 iterations with the bundled
`unet`; deepinv's DPIR does the same with the same operator, and with the same weights either as the plain network (float32,
the default memory layout, as deepinv runs its own) or as this package's denoiser. Memory is the peak resident set of a process
of its own, above what it was before, with the exact `gaussian` denoiser, so that it is the solver's. Quick: one run each of half
the side, and memory up to 1024².
"""

import argparse
import copy
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from memory import peak_memory
from scipy.ndimage import gaussian_filter
from skimage import restoration

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.network import WEIGHTS, load_network

SIGMA = 7.65 / 255
MEMORY_SIDES = (256, 512, 1024, 2048, 4096)


def scene(shape: tuple[int, ...]) -> np.ndarray:
    """Return smooth random blobs with sharp borders on a grey ground."""
    field = gaussian_filter(np.random.default_rng(0).normal(size=shape), 4, mode="wrap")
    return np.float32(0.2 + 0.6 * (field > field.std()))


def psf(ndim: int) -> np.ndarray:
    """Return a Gaussian of 15 pixels a side, 9 along Z."""
    point = np.zeros((9, 15, 15)[-ndim:], np.float32)
    point[tuple(n // 2 for n in point.shape)] = 1
    blurred = gaussian_filter(point, (1.2, 2.0, 2.0)[-ndim:])
    return blurred / blurred.sum()


def race(title: str, methods: dict[str, Callable[[], object]], rounds: int) -> None:
    """Print the least seconds of every method, which take turns, and their ratio to those of the first."""
    seconds = {name: np.full(2, np.inf) for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            started = np.array([time.perf_counter(), time.process_time()])
            method()
            seconds[name] = np.minimum(seconds[name], [time.perf_counter(), time.process_time()] - started)
    first = next(iter(seconds.values()))
    print(f"| {title} | seconds | ratio | of all cores | ratio |\n| --- |" + " ---: |" * 4)
    for name, (wall, cores) in seconds.items():
        print(f"| {name} | {wall:.2f} | {wall / first[0]:.1f} | {cores:.2f} | {cores / first[1]:.1f} |", flush=True)
    print()


def deblurring(side: int, rounds: int) -> None:
    """Compare half-quadratic splitting with the same of deepinv."""
    clean = torch.from_numpy(scene((side, side)))[None, None]
    operator = degradations.load("psf-blur", psf=psf(2), boundary="circular")
    noise = SIGMA * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    problem = Problem(operator(clean) + noise, operator, Gaussian(sigma=SIGMA))
    solver, unet = solvers.load("hqs", iterations=8), denoisers.load("unet")
    methods = {"hqs": lambda: list(solver(problem, unet))[-1].estimate, **(deepinv(problem) if find_spec("deepinv") else {})}
    for name, method in methods.items():
        error = float((method() - clean).square().mean())
        print(f"{name}: {-10 * np.log10(error):.2f} dB")
    print()
    race(f"{side} × {side}, 8 iterations", methods, rounds)


def deepinv(problem: Problem) -> dict[str, Callable[[], torch.Tensor]]:
    """Return deepinv's DPIR with the bundled weights in two wrappings."""
    from deepinv.models.base import Denoiser
    from deepinv.optim import DPIR
    from deepinv.physics import BlurFFT

    unet, loaded = denoisers.load("unet"), load_network(WEIGHTS / "unet.safetensors", torch.device("cpu"))
    network = copy.deepcopy(loaded).to(memory_format=torch.contiguous_format)

    class Plain(Denoiser):
        def forward(self, x: torch.Tensor, sigma: torch.Tensor, **unused: object) -> torch.Tensor:
            return x - network(x, sigma.flatten())

    class Wrapped(Denoiser):
        def forward(self, x: torch.Tensor, sigma: torch.Tensor, **unused: object) -> torch.Tensor:
            return unet(x, sigma.flatten())

    shape = tuple(problem.measurement.shape[1:])
    physics = BlurFFT(img_size=shape, filter=torch.from_numpy(psf(2))[None, None])
    models = {"plain network": DPIR(sigma=SIGMA, denoiser=Plain()), "this denoiser": DPIR(sigma=SIGMA, denoiser=Wrapped())}
    return {f"deepinv DPIR, {name}": partial(model, problem.measurement, physics) for name, model in models.items()}


def richardson_lucy(shape: tuple[int, ...], rounds: int) -> None:
    """Compare Richardson–Lucy with scikit-image's; ours has unknown borders, theirs black ones."""
    kernel, operator = psf(len(shape)), degradations.load("psf-blur", psf=psf(len(shape)))
    clean = torch.from_numpy(scene(shape))[None, None]
    y = operator(operator.extend(clean))
    problem, image = Problem(y, operator, Gaussian(sigma=0.01)), y[0, 0].numpy()
    plain = solvers.load("richardson-lucy", smoothing=0, accelerated=False, early=False)
    default = solvers.load("richardson-lucy", early=False)
    methods = {
        "richardson-lucy, plain": lambda: list(plain(problem, None))[-1],
        "scikit-image, float32": lambda: restoration.richardson_lucy(image, kernel, num_iter=30, clip=False),
        "scikit-image, float64": lambda: restoration.richardson_lucy(image.astype(float), kernel, num_iter=30, clip=False),
        "richardson-lucy, smoothed and accelerated": lambda: list(default(problem, None))[-1],
    }
    race(f"{' × '.join(map(str, shape))}, 30 iterations", methods, rounds)


def memory(sides: tuple[int, ...]) -> None:
    """Print the memory that solvers add, each in a process of its own."""
    print("| side, pixels | hqs: MB, bytes a pixel | richardson-lucy: MB, bytes a pixel |\n| --- | ---: | ---: |")
    for side in sides:
        cells = []
        for name in ("hqs", "richardson-lucy"):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                added = pool.apply(added_memory, (name, side))
            cells.append(f"{added / 2**20:.0f}, {added / side**2:.0f}")
        print(f"| {side} | {' | '.join(cells)} |", flush=True)


def added_memory(name: str, side: int) -> int:
    """Return how many bytes a restoration adds to the peak memory of this process."""
    operator, denoiser = degradations.load("gaussian-blur"), denoisers.load("gaussian")
    solver = solvers.load(name, iterations=3)

    def restore(n: int) -> None:
        problem = Problem(torch.rand(1, 1, n, n), operator, Gaussian(sigma=0.02))
        with torch.no_grad():
            for _ in solver(problem, denoiser):
                pass

    restore(32)
    before = peak_memory()
    restore(side)
    return peak_memory() - before


def main(quick: bool) -> None:
    """Print the tables."""
    rounds, share = (1, 2) if quick else (3, 1)
    with torch.no_grad():
        deblurring(512 // share, rounds)
        richardson_lucy((512 // share,) * 2, rounds)
        richardson_lucy((32 // share, 256 // share, 256 // share), rounds)
    memory(MEMORY_SIDES[: 3 if quick else None])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
