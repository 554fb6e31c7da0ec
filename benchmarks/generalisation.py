"""Generalisation of a denoiser: when it stops copying its training images and knows what images look like.

Usage: ``python benchmarks/generalisation.py FOLDER [--quick] [--out FIGURE.png]``; FOLDER holds grey photographs.

Two networks are trained on disjoint sets of N patches, for growing N, and draw samples of their priors from the same random
numbers (Kadkhodaie, Guth, Simoncelli & Mallat, ICLR 2024). Cosines are those of patches less their means, averaged over samples:
between both networks' samples, and of the first network's with the nearest of its own training patches. A network that copies
has the latter near 1; two that know what images look like have the former near 1. Each row of the figure is an N; its columns
are a sample of the first network, the second's, and the first's nearest training patch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import io
from skimage.transform import downscale_local_mean
from torch import Tensor

from napari_tweedie.denoisers.unet import UNet
from napari_tweedie.samplers.implicit_prior import ImplicitPrior
from napari_tweedie.training.data import read_folder
from napari_tweedie.training.loop import Training, train

SAMPLES = 8

Denoise = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Patches:
    """Training patches, shown as they are: neither turned nor cut."""

    patches: NDArray[np.float32]
    share: float = 1.0

    def patch(self, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw one of the patches."""
        return self.patches[rng.integers(len(self.patches))]


def read_patches(folder: Path, size: int, count: int, reduce: int) -> NDArray[np.float32]:
    """Cut patches that do not overlap from all photographs, reduced in size, and return `count` of those that are not flat."""
    found = []
    for photograph in read_folder(folder, frozenset({"open", "repo-open", "research"})):
        image = downscale_local_mean(photograph, (reduce, reduce)).astype(np.float32)
        for y in range(0, image.shape[0] - size + 1, size):
            found += [image[y : y + size, x : x + size] for x in range(0, image.shape[1] - size + 1, size)]
    contrasted = np.stack([patch for patch in found if patch.std() > 0.1])
    if len(contrasted) < count:
        raise SystemExit(f"{folder} holds {len(contrasted)} patches; {count} are needed")
    return np.random.default_rng(0).permutation(contrasted)[:count]


def denoiser(network: UNet) -> Denoise:
    """Return f(x, σ) of a network that predicts the noise."""
    return lambda x, sigma: x - network(x, sigma)


def draw(f: Denoise, size: int) -> Tensor:
    """Draw samples of the prior that is implicit in f, always from the same random numbers, shape (SAMPLES, 1, size, size)."""
    sampler = ImplicitPrior(beta=0.5, iterations=300, samples=SAMPLES)
    *_, state = sampler.prior(f, torch.full((1, 1, size, size), 0.5), torch.Generator().manual_seed(0))
    return state.estimate


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """Return the cosines of all pairs of patches, each less its mean, shape (len(one), len(other))."""
    a, b = (patches.flatten(1) - patches.flatten(1).mean(1, keepdim=True) for patches in (one, other))
    return (a / a.norm(dim=1, keepdim=True)) @ (b / b.norm(dim=1, keepdim=True)).T


def main() -> None:
    """Print the table and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="smaller networks and patches, fewer steps and sizes")
    parser.add_argument("--out", type=Path, help="where to write the figure")
    arguments = parser.parse_args()
    quick = arguments.quick
    size, sizes = (32, (1, 16, 1024)) if quick else (48, (1, 10, 100, 1000, 8000))
    settings = Training(
        widths=(16, 32, 64) if quick else (32, 64, 128),
        blocks=1 if quick else 2,
        steps=1_500 if quick else 20_000,
        batch=8 if quick else 64,
        patch=size,
        large_patch=size,
        average=0.99 if quick else 0.999,
    )
    patches = read_patches(arguments.folder, size, 2 * max(sizes), reduce=2)
    halves = np.array_split(patches, 2)
    rows = []
    print(f"| patches of {size} × {size} each network saw | between the networks | with the nearest training patch | seconds |")
    print("| --- | --- | --- | --- |")
    for count in sizes:
        started = time.perf_counter()
        drawn = []
        for half in halves:
            with tempfile.TemporaryDirectory() as folder:
                network = train(settings, [Patches(half[:count])], Path(folder), torch.device("cpu"))
            with torch.no_grad():
                drawn.append(draw(denoiser(network), size))
        own = torch.from_numpy(halves[0][:count])[:, None]
        to_own = cosines(drawn[0], own)
        between = float(cosines(*drawn).diag().mean())
        seconds = time.perf_counter() - started
        print(f"| {count} | {between:.2f} | {float(to_own.amax(1).mean()):.2f} | {seconds:.0f} |", flush=True)
        rows.append(torch.cat([torch.cat([a, b, c], -1) for a, b, c in zip(*drawn, own[to_own.argmax(1)], strict=True)], -1))
    if arguments.out:
        figure = torch.cat(rows, -2)[0].clamp(0, 1)
        io.imsave(arguments.out, (255 * figure).round().to(torch.uint8).numpy(), check_contrast=False)


main()
