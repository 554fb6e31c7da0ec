"""Every solver, with its defaults and the bundled network, on every kind of degradation: it improves, or it says why not."""

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.problem import Problem

SIGMA = 0.03
UNET = denoisers.load("unet", precision="float32")
DEGRADATIONS = {
    "identity": degradations.load("identity"),
    "circular blur": degradations.load("gaussian-blur", boundary="circular"),
    "blur": degradations.load("gaussian-blur", std=1.2),
    "mask": degradations.load("mask", mask=np.random.default_rng(1).random((40, 40)) < 0.5),
    "downsample": degradations.load("downsample"),
    "random-projection": degradations.load("random-projection", ratio=0.4),
}
BEHIND_BICUBIC = {("wiener", "downsample"): -0.6}
"""A linear filter for 1/f² images is no better than bicubic interpolation, the start, on discs with sharp edges."""


def psnr(x: torch.Tensor, clean: torch.Tensor) -> float:
    return float(-10 * (x - clean).square().mean().log10())


@pytest.mark.parametrize("name", solvers.names())
@pytest.mark.parametrize("degradation", DEGRADATIONS.values(), ids=DEGRADATIONS)
def test_every_pair_improves_or_refuses(
    name: str, degradation: degradations.Degradation, scene: np.ndarray, generator: torch.Generator
) -> None:
    clean = torch.from_numpy(scene[8:48, 16:56]).float()[None, None]
    y = degradation(degradation.extend(clean))
    problem = Problem(y + SIGMA * torch.randn(y.shape, generator=generator), degradation, Gaussian(sigma=SIGMA))
    if degradation.is_random == (name == "richardson-lucy") and name in {"d-amp", "d-vamp", "richardson-lucy"}:
        with pytest.raises(ValueError, match=f"{name} needs a .*'{degradation.name}'.*: choose another solver"):
            next(solvers.load(name)(problem, UNET))
        return
    with torch.no_grad():
        *_, last = solvers.load(name)(problem, UNET)
    assert not last.note
    gain = psnr(degradation.crop(last.estimate), clean) - psnr(degradation.crop(problem.start()), clean)
    assert gain > BEHIND_BICUBIC.get((name, degradation.name), 0)
