"""Is the data term of noise that neighbours share that of its power spectrum?"""

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.degradations import Problem, noise
from napari_tweedie.degradations.correlation import Correlation
from napari_tweedie.degradations.whitened import Whitened

SHAPE, SIGMA = (64, 48), 0.1


@pytest.fixture(scope="module")
def correlation() -> Correlation:
    """Return that of noise of which a part is averaged over 1 × 3 pixels with weights 1, 2, 1, and a part white."""
    across = np.array([6, 4, 1, 0, 0, 0, 0, 0]) / 6 * 0.7
    near = np.zeros((8, 8))
    near[0] = across
    near[0, 0] = 1.0
    return Correlation(tuple(map(tuple, near.tolist())))


def power(correlation: Correlation) -> torch.Tensor:
    return torch.from_numpy(correlation.spectrum(SHAPE)[:, : SHAPE[1] // 2 + 1]).float()


def measured(
    correlation: Correlation, name: str = "gaussian-blur", **parameters
) -> tuple[torch.Tensor, Problem, degradations.Degradation]:
    generator = torch.Generator().manual_seed(0)
    prior = denoisers.load("gaussian", std=0.3, slope=2.0)
    degradation = degradations.load(name, **parameters)
    x = prior.draw(torch.zeros(1, 1, *degradation.domain(SHAPE)), generator)
    y = degradation(x)
    coloured = torch.fft.irfft2(torch.fft.rfft2(torch.randn(y.shape, generator=generator)) * power(correlation).sqrt(), s=SHAPE)
    y = y + SIGMA * coloured
    whitened = Whitened.of(degradation, correlation, y)
    return x, Problem(whitened.of_measured(y), whitened, noise.Gaussian(sigma=SIGMA)), degradation


@pytest.mark.parametrize(
    ("name", "parameters"), [("gaussian-blur", {"std": 1.2}), ("downsample", {"factor": 2}), ("identity", {})]
)
def test_the_adjoint_is_the_adjoint(name: str, parameters: dict, correlation: Correlation) -> None:
    x, problem, _ = measured(correlation, name, **parameters)
    generator = torch.Generator().manual_seed(1)
    u, v = (torch.randn(t.shape, generator=generator) for t in (x, problem.measurement))
    whitened = problem.degradation
    left, right = (whitened(u) * v).sum(), (u * whitened.adjoint(v)).sum()
    assert float(left) == pytest.approx(float(right), rel=1e-4, abs=1e-3)
    assert float(whitened(u).norm()) <= whitened.norm(tuple(x.shape[2:])) * float(u.norm()) * 1.0001


def test_whitened_noise_is_white_of_the_level_of_a_pixel(correlation: Correlation) -> None:
    x, problem, _ = measured(correlation, std=1.2, boundary="circular")
    left = problem.residual(x)
    assert float(left.std()) == pytest.approx(SIGMA, rel=0.05)
    spectrum = torch.fft.rfft2(left).abs().square().mean((0, 1))
    halves = spectrum[:, :12].mean(), spectrum[:, 12:].mean()
    assert float(halves[0] / halves[1]) == pytest.approx(1, abs=0.15)


def test_a_solver_finds_the_wiener_filter_of_that_spectrum(correlation: Correlation) -> None:
    """x = conj(h) / S · y / (|h|² / S + σ² / P), P the power of the images: with an exact denoiser ADMM ends there."""
    x, problem, degradation = measured(correlation, std=1.2, boundary="circular")
    prior = denoisers.load("gaussian", std=0.3, slope=2.0)
    transfer = torch.sqrt(torch.as_tensor(degradation.normal_spectrum(x)))
    s, p = power(correlation), prior.spectrum(x)
    y = torch.fft.irfft2(torch.fft.rfft2(problem.measurement) * s.sqrt(), s=SHAPE)
    expected = torch.fft.irfft2(torch.fft.rfft2(y) * transfer / s / (transfer**2 / s + SIGMA**2 / p), s=SHAPE)
    solver = solvers.load("pnp-admm", start=SIGMA, iterations=200, regularisation=1.0, stop=0)
    *_, state = solver(problem, prior)
    assert float((state.estimate - expected).norm() / expected.norm()) < 0.02
    assert float((state.estimate - x).norm()) < float((prior(y, SIGMA) - x).norm())


def test_samples_spread_as_the_posterior_of_that_spectrum(correlation: Correlation) -> None:
    """The variance of the posterior is Σ 1 / (|h|² / (σ² S) + 1 / P) over all frequencies."""
    x, problem, degradation = measured(correlation, std=1.2, boundary="circular")
    prior = denoisers.load("gaussian", std=0.3, slope=2.0)
    full = torch.fft.fft2(torch.zeros(SHAPE)).real
    h2 = torch.cat([torch.as_tensor(degradation.normal_spectrum(x)), torch.as_tensor(degradation.normal_spectrum(x))[:, 1:-1]], 1)
    s, p = (torch.cat([t, t[:, 1:-1]], 1) for t in (power(correlation), prior.spectrum(x)))
    variance = float((1 / (h2 / (SIGMA**2 * s) + 1 / p)).mean())
    assert full.shape == h2.shape
    *_, state = samplers.load("split-gibbs", samples=24)(problem, prior, torch.Generator().manual_seed(3))
    assert float(state.estimate.var(0).mean()) == pytest.approx(variance, rel=0.12)


def test_planes_with_gaps_do_not_suit(correlation: Correlation) -> None:
    y = torch.zeros(1, 1, *SHAPE)
    mask = np.ones(SHAPE)
    mask[10] = 0
    assert not Whitened.suits(degradations.load("mask", mask=mask), y)
    assert Whitened.suits(degradations.load("gaussian-blur"), y)
