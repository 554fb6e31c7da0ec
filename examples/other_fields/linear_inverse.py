"""Linear inverse problems by the prior that is implicit in a denoiser (Kadkhodaie and Simoncelli, NeurIPS 2021).

Coarse-to-fine ascent from noise needs a denoiser and nothing else: no training for a problem, no parameter but β. It draws from
the prior, or, restricted to what a measurement without noise leaves open, solves the problem. Steps grow as the noise falls, and
the run ends by itself, so that its number of iterations can be held against the published one: about 47 for the prior (β = 0.5),
215 for a resolution of a quarter, more than 400 for a missing block (β = 0.01).

Oracles: the measurement of the result is the measurement; its error against that of the pseudo-inverse; those iterations.

Run ``python examples/other_fields/linear_inverse.py``: about a minute.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import napari_tweedie as nt
from napari_tweedie import degradations, denoisers, samplers
from napari_tweedie.degradations import Problem, noise

sys.path.append(str(Path(__file__).parents[1]))
from picture import SAMPLES, draw, psnr

PUBLISHED = {"prior": "47", "resolution / 4": "215", "missing block": "400 and more"}


def problems(side: int) -> Iterator[tuple[str, Any]]:
    """Yield the measurements of the paper that are made by orthonormal columns: name and operator."""
    rng = np.random.default_rng(0)
    yield "resolution / 4", degradations.load("downsample", factor=4)
    block = np.zeros((side, side), np.uint8)
    block[side // 2 - side // 8 : side // 2 + side // 8, side // 2 - side // 8 : side // 2 + side // 8] = 1
    yield "missing block", degradations.load("mask", mask=block)
    yield "70 % of pixels missing", degradations.load("mask", mask=(rng.random((side, side)) < 0.7).astype(np.uint8))


def linear_inverse(side: int = 64, denoiser: str = "unet-small", only: tuple[str, ...] = (), seed: int = 0) -> dict[str, Any]:
    """Solve problems on an image of which the truth is known.

    Parameters
    ----------
    side : int
        Pixels a side.
    denoiser : str
        Name of a denoiser.
    only : tuple of str
        Problems to solve; all by default.
    seed : int
        Of all random numbers.

    Returns
    -------
    dict
        For each problem: iterations, largest difference of the measurements, PSNR of the pseudo-inverse and of the result
        in dB, and both as images.
    """
    truth = torch.tensor(nt.read(SAMPLES / "missing_truth.tif").data[:side, :side] / 255, dtype=torch.float32)[None, None]
    f = denoisers.load(denoiser, precision="float32")
    found: dict[str, Any] = {}
    if not only or "prior" in only:
        sampler = samplers.load("implicit-prior", beta=0.5, samples=1)
        states = list(sampler.prior(f, torch.full_like(truth, 0.5), torch.Generator().manual_seed(seed)))  # type: ignore[attr-defined]
        found["prior"] = {"iterations": len(states), "image": states[-1].estimate[0, 0].numpy()}
    for name, degradation in problems(side):
        if only and name not in only:
            continue
        y = degradation(truth)
        sampler = samplers.load("implicit-prior", beta=0.01, samples=1)
        states = list(sampler(Problem(y, degradation, noise.Gaussian(sigma=0.0)), f, torch.Generator().manual_seed(seed)))
        image = states[-1].estimate
        svd = degradation.svd(degradation.adjoint(y))
        s = svd.singular_values
        inverse = svd.v(torch.where(s > 0, svd.ut(y) / s, 0.0))
        found[name] = {
            "iterations": len(states),
            "off the measurement": float((degradation(image) - y).abs().max()),
            "pseudo-inverse, dB": psnr(inverse[0, 0].numpy(), truth[0, 0].numpy()),
            "result, dB": psnr(image[0, 0].numpy(), truth[0, 0].numpy()),
            "image": image[0, 0].numpy(),
            "measured": inverse[0, 0].numpy(),
        }
    return found


def panels(found: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return what was measured beside what became of it."""
    images = {}
    for name, facts in found.items():
        if "measured" in facts:
            images |= {f"{name}: measured": facts["measured"], f"{name}: solved": facts["image"]}
    return images


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, help="PNG to write")
    given = parser.parse_args()
    found = linear_inverse()
    for name, facts in found.items():
        told = ", ".join(f"{key} {value:.4g}" for key, value in facts.items() if not isinstance(value, np.ndarray))
        print(f"{name}: {told} (published: {PUBLISHED.get(name, 'none')} iterations)")
    if given.picture:
        draw(panels(found)).save(given.picture)
