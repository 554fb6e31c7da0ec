"""Every solver on every degradation, in two and three dimensions: it improves on its start, or it says why it cannot."""

import re
from functools import cache

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.linear_algebra import fourier_filter
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem

pytestmark = pytest.mark.slow

SIGMA, MEAN = 0.02, 0.6
FIELD = denoisers.load("gaussian", std=0.2, slope=2.5)
SHAPES = {2: (20, 20), 3: (6, 14, 14)}
PARAMETERS = {
    "fourier-mask": {"acceleration": 2},
    "gaussian-blur": {"std": 1.0, "axial_std": 0.7},
    "microscope-psf": {"na": 0.8, "refractive_index": 1.0, "pixel": 110, "step": 500, "modality": "confocal"},
    "motion-blur": {"length": 4},
    "radon": {"angles": 16},
    "random-projection": {"ratio": 0.5},
}
RICHARDSON_LUCY = ("richardson-lucy", "denoised-richardson-lucy")
BEHIND_BICUBIC = {
    ("richardson-lucy", "downsample", 2): 1.1,
    ("richardson-lucy", "composition", 3): 1.25,
    ("denoised-richardson-lucy", "downsample", 2): 1.6,
}  # its denoiser meets coarse pixels, of which this one knows nothing
"""It begins with a constant image, and bicubic interpolation, the start of others, suits smooth fields; in volumes it
goes without total variation."""
FEWER = {"red-gd": {"iterations": 150}, "red-fp": {"iterations": 40}, "red-admm": {"iterations": 40}}
"""Enough of the slow ones for images as small as these."""


def denoise(x: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
    """The exact posterior mean of the fields about `MEAN`."""
    return MEAN + FIELD(x - MEAN, sigma)


@cache
def operator(name: str, ndim: int) -> degradations.Degradation:
    rng = np.random.default_rng(3)
    arrays = {"mask": {"mask": rng.random(SHAPES[ndim]) < 0.5}, "psf-blur": {"psf": rng.random((3, 5, 5)[-ndim:])}}
    return degradations.load(name, **arrays.get(name, PARAMETERS.get(name, {})))


@cache
def measured(name: str, ndim: int) -> tuple[Problem, torch.Tensor]:
    """A noisy measurement of a field, and the field."""
    generator = torch.Generator().manual_seed(7)
    white = torch.randn((1, 1, *SHAPES[ndim]), generator=generator)
    clean = (MEAN + fourier_filter(white, FIELD.spectrum(white).sqrt())).clamp_min(0.01)
    degradation = operator(name, ndim)
    y = degradation(degradation.extend(clean))
    y = degradation.detect(y + SIGMA * torch.randn(y.shape, generator=generator))
    return Problem(y, degradation, Gaussian(sigma=SIGMA)), clean


CASES = [(name, ndim) for name in degradations.names() for ndim in (2, 3) if ndim in operator(name, 2).ndim]


@pytest.mark.parametrize("name", solvers.names())
@pytest.mark.parametrize(("degradation", "ndim"), CASES)
def test_every_pair_improves_or_refuses(name: str, degradation: str, ndim: int) -> None:
    problem, clean = measured(degradation, ndim)
    solver = solvers.load(name, **FEWER.get(name, {}))
    if obstacle := solver.obstacle(problem):
        assert re.fullmatch(f"{name} (needs|would need) .*'{degradation}'.*: choose a.*", obstacle)
        with pytest.raises(ValueError, match=re.escape(obstacle)):
            solver(problem, denoise)
        return
    crop = problem.degradation.crop
    *_, last = solver(problem, denoise)
    assert not last.note
    start, end = (float((crop(x) - clean).square().mean()) for x in (problem.start(), last.estimate))
    assert end < BEHIND_BICUBIC.get((name, degradation, ndim), 1) * start


@pytest.mark.parametrize(
    ("names", "degradation", "reason"),
    [
        ((*RICHARDSON_LUCY, "wiener", "tikhonov", "d-amp", "d-vamp"), "one-bit", "a measurement that is linear"),
        (("d-amp", "d-vamp"), "gaussian-blur", "a random projection"),
        (("pnp-pgd", "pnp-fista"), "radon", "thousands of steps"),
        (RICHARDSON_LUCY, "fourier-mask", "a degradation without negative weights"),
        (RICHARDSON_LUCY, "random-projection", "a degradation without negative weights"),
        (RICHARDSON_LUCY, "mask", "a degradation that spreads light"),
    ],
)
def test_the_solvers_that_refuse_a_degradation_are_these(names: tuple[str, ...], degradation: str, reason: str) -> None:
    problem, _ = measured(degradation, 2)
    for name in solvers.names():
        assert (reason in solvers.load(name).obstacle(problem)) == (name in names)


def test_weights_that_turn_out_to_be_negative_are_refused() -> None:
    blur = degradations.load("psf-blur", psf=np.array([[-1.0, 3.0, -1.0]]), boundary="pad")
    problem = Problem(torch.ones(1, 1, 8, 8), blur, Gaussian(sigma=SIGMA))
    assert "without negative weights; 'psf-blur' has some" in solvers.load("richardson-lucy").obstacle(problem)
