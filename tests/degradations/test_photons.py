"""Is photon noise, taken as Gaussian noise that differs from pixel to pixel, what its light says?"""

import pytest
import torch

from napari_tweedie import degradations
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.degradations.photons import LocalGaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.degradations.weighted import Weighted

MASK = torch.rand(8, 8, generator=torch.Generator().manual_seed(3)) < 0.5
OPERATORS = {
    "identity": degradations.load("identity"),
    "blur": degradations.load("gaussian-blur", std=0.8),
    "mask": degradations.load("mask", mask=MASK),
    "downsample": degradations.load("downsample", factor=2),
    "radon": degradations.load("radon", angles=6),
}


def weighted(name: str, scaled: bool, generator: torch.Generator) -> tuple[Weighted, torch.Tensor]:
    """Return an operator with random weights and scale, and its matrix."""
    inner = OPERATORS[name]
    side = inner.domain((8, 8) if name != "radon" else (8, 6))
    n = side[0] * side[1]
    impulses = torch.eye(n).view(n, 1, *side)
    a = inner(impulses)
    weights = 0.5 + torch.rand(a[:1].shape, generator=generator)
    scale = 0.5 + torch.rand((1, 1, *side), generator=generator) if scaled else None
    columns = torch.ones(n) if scale is None else scale.flatten()
    matrix = (weights.flatten()[:, None] * a.flatten(1).T * columns).double()
    return Weighted.of(inner, weights, scale), matrix


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", OPERATORS)
def test_weighted_operators_are_what_their_matrix_says(name: str, scaled: bool, generator: torch.Generator) -> None:
    operator, matrix = weighted(name, scaled, generator)
    shape = (1, 1, *operator.domain((8, 8) if name != "radon" else (8, 6)))
    x = torch.randn(shape, generator=generator)
    y = torch.randn(operator(x).shape, generator=generator)
    torch.testing.assert_close(operator(x).flatten().double(), matrix @ x.flatten().double(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(operator.adjoint(y).flatten().double(), matrix.T @ y.flatten().double(), rtol=1e-4, atol=1e-4)
    largest = float(torch.linalg.matrix_norm(matrix, 2))
    assert largest <= operator.norm() * 1.0001
    assert operator.norm() < 1.5 * largest
    z, identity = torch.randn(x.shape, generator=generator), torch.eye(x.numel()).double()
    exact = torch.linalg.solve(matrix.T @ matrix + 0.3 * identity, matrix.T @ y.flatten().double() + 0.3 * z.flatten().double())
    torch.testing.assert_close(operator.prox(z, y, 0.3).flatten().double(), exact, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize("name", ["identity", "mask", "downsample"])
def test_rows_that_share_no_pixel_keep_their_decomposition(name: str, generator: torch.Generator) -> None:
    operator, _ = weighted(name, False, generator)
    x = torch.randn((2, 1, *operator.domain((8, 8))), generator=generator)
    svd = operator.svd(x)
    torch.testing.assert_close(svd.u(svd.singular_values * svd.vt(x)), operator(x), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(svd.v(svd.vt(x)), x, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(svd.ut(svd.u(x)) * (svd.singular_values > 0), x * (svd.singular_values > 0), rtol=1e-4, atol=1e-5)


def test_a_blur_has_no_decomposition_where_the_noise_varies(generator: torch.Generator) -> None:
    operator, _ = weighted("blur", False, generator)
    with pytest.raises(ValueError, match="where the noise varies"):
        operator.svd(torch.zeros(1, 1, 8, 8))


def lit(read_noise: float, generator: torch.Generator) -> tuple[torch.Tensor, Problem]:
    """Return a scene of 5 and 80 photons a pixel, and its measurement with 2.5 counts a photon above 100."""
    clean = torch.full((1, 1, 96, 96), 5.0)
    clean[..., 48:] = 80
    clean = 100 + 2.5 * clean
    noise = Poisson(gain=2.5, offset=100, read_noise=read_noise)
    return clean, Problem(noise.add(clean, generator), OPERATORS["identity"], noise)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("read_noise", [0.0, 10.0])
def test_the_noise_left_is_equally_strong_in_dark_and_bright(read_noise: float, scaled: bool, generator: torch.Generator) -> None:
    clean, problem = lit(read_noise, generator)
    local = LocalGaussian.of(problem, scaled=scaled)
    assert isinstance(local.noise, Gaussian)
    dark, bright = (2.5**2 * photons + read_noise**2 for photons in (5, 80))
    assert local.noise_level == pytest.approx(((dark + bright) / 2) ** 0.5, rel=0.03)
    error = local.residual(local.degradation.scaled(clean - 100)) / local.noise_level
    for half in (error[..., :44], error[..., 52:]):
        assert float(half.std()) == pytest.approx(1, abs=0.06)
    torch.testing.assert_close(local.image(local.degradation.scaled(clean - 100)), clean, rtol=1e-5, atol=1e-3)


def test_solutions_keep_the_light_and_do_not_go_below_none(generator: torch.Generator) -> None:
    _, problem = lit(3.0, generator)
    local = LocalGaussian.of(Problem(problem.measurement, problem.degradation, problem.noise, bounded=True), scaled=True)
    x = local.image(local.feasible(local.start() * 1.1 - 0.3))
    assert float(x.min()) >= 100
    assert float((x - 100).sum() / (problem.measurement - 100).sum()) == pytest.approx(1, abs=1e-4)


def test_photon_noise_of_what_counts_no_light_is_refused() -> None:
    fourier = degradations.load("fourier-mask")
    problem = Problem(torch.zeros(1, 2, 8, 8), fourier, Poisson(gain=1, offset=0, read_noise=0))
    with pytest.raises(ValueError, match="'fourier-mask' measures something else"):
        LocalGaussian.of(problem)


def test_an_open_noise_model_is_asked_for() -> None:
    with pytest.raises(ValueError, match="give them, or estimate them"):
        LocalGaussian.of(Problem(torch.zeros(1, 1, 8, 8), OPERATORS["identity"], Poisson(gain=1)))
