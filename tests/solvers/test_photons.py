"""Is what photons were counted of restored, bright parts and dark ones alike, with its light and without invented texture?"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.degradations.photons import LocalGaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.tiling import Tiled, Volume
from napari_tweedie.solvers.partly_denoised import partly_denoised

pytestmark = pytest.mark.slow

BLUR = degradations.load("gaussian-blur", std=1.2)
CAMERA = {"gain": 0.02, "offset": 0.3, "read_noise": 0.02}
"""50 photons are one unit; read noise is that of one photon."""


def nucleus(side: int, ndim: int = 2) -> torch.Tensor:
    """Return a smooth disc or ball of brightness 1, a fiftieth of a square field, on a dark ground."""
    distance = np.sqrt(((np.indices((side,) * ndim) - side / 2) ** 2).sum(0))
    return torch.from_numpy(gaussian_filter((distance < 0.09 * side).astype(np.float32), 2))[None, None]


def counted(truth: torch.Tensor, degradation: degradations.Degradation, seed: int = 0, **camera: float) -> Problem:
    noise = Poisson(**{**CAMERA, **camera})
    clean = degradation(degradation.extend(truth)) + (noise.offset or 0.0)
    return Problem(noise.add(clean, torch.Generator().manual_seed(seed)), degradation, noise)


def solved(problem: Problem, name: str, **parameters: object) -> torch.Tensor:
    """Return the result within the field of view, above the offset."""
    *_, state = solvers.load(name, **parameters)(problem, denoisers.load("unet-small"))
    return problem.degradation.crop(state.estimate) - (problem.noise.offset or 0.0)


def psnr(x: torch.Tensor, truth: torch.Tensor) -> float:
    return -10 * float((x - truth).square().mean().log10())


@pytest.mark.parametrize(("name", "parameters"), [("hqs", {"iterations": 12}), ("pnp-admm", {"iterations": 12})])
def test_a_smooth_nucleus_of_50_photons_stays_smooth(name: str, parameters: dict[str, object]) -> None:
    truth = nucleus(128)
    x = solved(counted(truth, BLUR), name, **parameters)
    assert psnr(x, truth) > 40
    assert float(x[truth > 0.99].std()) < 0.03


@pytest.mark.parametrize("name", ["hqs", "wiener", "richardson-lucy", "red-fp", "pnp-fista"])
def test_the_light_is_kept_and_none_is_negative(name: str) -> None:
    problem = counted(nucleus(64), BLUR)
    x = solved(problem, name, **({} if name == "wiener" else {"iterations": 8}))
    assert float(x.min()) >= -1e-6
    assert float(x.sum() / (problem.measurement - 0.3).sum()) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("gain", [0.02, 0.005])
def test_what_partly_denoised_light_is_said_to_have_of_noise_it_has(gain: float) -> None:
    truth = nucleus(128)
    network, problem = denoisers.load("unet-small"), counted(truth, BLUR, gain=gain)
    local = LocalGaussian.of(problem, scaled=True, denoiser=network)
    less = partly_denoised(local, network, torch.Generator().manual_seed(1))
    assert isinstance(less, LocalGaussian)
    x = local.weighted.scaled(BLUR.extend(truth))
    assert less.noise_level < 0.7 * local.noise_level
    assert float(less.residual(x).square().mean().sqrt()) == pytest.approx(less.noise_level, rel=0.1)


def test_light_that_a_denoiser_cannot_tell_from_noise_stays_as_it_is() -> None:
    problem = LocalGaussian.of(counted(nucleus(64), BLUR), scaled=True)
    assert partly_denoised(problem, lambda x, sigma: x, torch.Generator().manual_seed(1)) is problem


def test_the_light_of_a_stack_is_kept() -> None:
    problem = counted(nucleus(28, 3), degradations.load("gaussian-blur", std=0.8, axial_std=0.8))
    *_, state = solvers.load("hqs", iterations=4)(problem, Volume(Tiled(denoisers.load("unet-small"), 64, 16)))
    x = problem.degradation.crop(state.estimate) - 0.3
    assert float(x.min()) >= -1e-6
    assert float(x.sum() / (problem.measurement - 0.3).sum()) == pytest.approx(1, abs=0.005)


def test_negative_values_are_kept_where_they_are_asked_for() -> None:
    problem = counted(nucleus(64), BLUR)
    assert float(solved(problem, "wiener", non_negative=False).min()) < -0.01


def test_an_offset_changes_nothing_but_itself() -> None:
    problem = counted(nucleus(64), BLUR, offset=0.0)
    shifted = Problem(problem.measurement + 7, problem.degradation, Poisson(**{**CAMERA, "offset": 7.0}))
    x, y = (solved(each, "wiener") for each in (problem, shifted))
    torch.testing.assert_close(x, y, rtol=0, atol=1e-4)


def test_richardson_lucy_counts_read_noise_as_light() -> None:
    """Against the formula, x ← x Aᵀ((y + s)/(A x + s)), s = read² / gain, from a matrix; the sums are made equal."""
    blur = degradations.load("gaussian-blur", std=0.7, boundary="circular")
    truth = 0.2 + nucleus(10)
    problem = counted(truth, blur, read_noise=0.2)
    a = blur(torch.eye(100).view(100, 1, 10, 10)).flatten(1).T.double()
    y, shift = (problem.measurement - 0.3).flatten().double(), 0.2**2 / 0.02
    x = torch.full_like(y, (y + shift).clamp_min(0).mean())
    for _ in range(5):
        x = x * (a.T @ ((y + shift).clamp_min(0) / (a @ x + shift)))
        x = x * ((y + shift).clamp_min(0).sum() - 100 * shift) / x.sum()
    plain = {"smoothing": 0.0, "early": False, "accelerated": False}
    torch.testing.assert_close(
        solved(problem, "richardson-lucy", iterations=5, **plain).flatten().double(), x, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("operator", ["mask", "downsample", "radon"])
def test_other_measurements_of_light_are_restored_too(operator: str) -> None:
    side = 64
    truth = nucleus(side)
    mask = torch.rand(side, side, generator=torch.Generator().manual_seed(1)) < 0.5
    arrays = {"mask": {"mask": mask}, "downsample": {"factor": 2}, "radon": {"angles": 40}}[operator]
    degradation = degradations.load(operator, **arrays)
    problem = counted(truth, degradation, offset=0.0)
    start = degradation.crop(problem.start())
    x = solved(problem, "pnp-admm", iterations=12)
    assert psnr(x, truth) > psnr(start, truth) + 5
    assert float(x.min()) >= 0
