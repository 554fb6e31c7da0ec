"""A white Gaussian prior N(0, s²) makes every answer known in closed form."""

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, solvers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.tiling import Tiled, Volume

S = 0.5
BLUR = degradations.load("gaussian-blur", std=1.0, boundary="circular")


def exact(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """The posterior mean for x = clean + noise, clean ~ N(0, S²)."""
    return x * S**2 / (S**2 + sigma**2)


def problem(degradation: degradations.Degradation, sigma: float, generator: torch.Generator) -> Problem:
    clean = S * torch.randn(1, 1, 24, 20, generator=generator)
    y = degradation(clean)
    return Problem(y + sigma * torch.randn(y.shape, generator=generator), degradation, Gaussian(sigma=sigma))


@pytest.mark.parametrize(
    "degradation",
    [BLUR, degradations.load("downsample", factor=2), degradations.load("identity")],
    ids=lambda operator: operator.name,
)
def test_admm_converges_to_the_closed_form_solution(degradation: degradations.Degradation, generator: torch.Generator) -> None:
    """At a constant strength σ the denoiser is a prox: of ½ (σ² / S²) x² in units of the coupling."""
    sigma = 0.3
    stated = problem(degradation, sigma, generator)
    solver = solvers.load("pnp-admm", iterations=200, start=sigma)
    estimate = list(solver(stated, exact))[-1].estimate
    weight = (solver.regularisation or degradation.admm_weight) * sigma**2 / S**2
    closed_form = degradation.prox(torch.zeros_like(estimate), stated.measurement, weight)
    assert (estimate - closed_form).norm() <= 1e-3 * closed_form.norm()


def test_hqs_data_step_and_schedule(generator: torch.Generator) -> None:
    """One iteration is one prox at ρ = regularisation · σ_y² / σ², then one denoising at σ, from `start` down to σ_y."""
    stated = problem(BLUR, 0.05, generator)
    solver = solvers.load("hqs", iterations=3, start=0.2, regularisation=0.3)
    z = stated.start()
    for sigma in (0.2, 0.1, 0.05):
        z = exact(stated.degradation.prox(z, stated.measurement, 0.3 * 0.05**2 / sigma**2), sigma)
    states = list(solver(stated, exact))
    torch.testing.assert_close(states[-1].estimate, z)
    assert [state.iteration for state in states] == [1, 2, 3]
    assert states[-1].residual == pytest.approx(stated.data_residual(z))


def test_red_takes_the_noise_of_projections_as_it_is_in_the_image() -> None:
    """A ray sums many pixels, so that its noise counts for less; ‖A v‖² of white v is about the sum of all squared weights."""
    radon = degradations.load("radon", angles=16)
    stated = Problem(torch.zeros(1, 1, 12, 16), radon, Gaussian(sigma=0.4))
    weights = radon(torch.eye(144).view(144, 1, 12, 12))
    assert stated.gain**2 == pytest.approx(float(weights.square().sum()) / 144, rel=0.3)
    sigma_f, rho = solvers.load("red-fp").weights(stated)
    assert sigma_f == pytest.approx(0.4 / stated.gain)
    assert rho * sigma_f**2 == pytest.approx(0.4**2)


def test_wiener_is_the_best_linear_estimate_of_images_with_its_spectrum(generator: torch.Generator) -> None:
    """On fields drawn with the filter's own spectrum no other balance does better on average."""
    from napari_tweedie.solvers.classical import power_spectrum

    blur = degradations.load("gaussian-blur", std=1.5, boundary="circular")
    errors = dict.fromkeys((0.2, 1.0, 5.0), 0.0)
    for _ in range(20):
        white = torch.randn(1, 1, 48, 48, generator=generator)
        spectrum = power_spectrum(white)
        spectrum.view(-1)[0] = 0
        clean = torch.fft.irfftn(torch.fft.rfftn(white, dim=(2, 3)) * spectrum.sqrt(), s=(48, 48), dim=(2, 3))
        sigma = 0.2
        y = blur(clean) + sigma * torch.randn(clean.shape, generator=generator)
        for balance in errors:
            states = solvers.load("wiener", balance=balance)(Problem(y, blur, Gaussian(sigma=sigma)), exact)
            errors[balance] += float((next(states).estimate - clean).square().mean())
    assert min(errors, key=errors.__getitem__) == 1.0


def test_an_unknown_noise_level_is_refused() -> None:
    stated = Problem(torch.zeros(1, 1, 4, 4), degradations.load("identity"), Gaussian())
    with pytest.raises(ValueError, match="noise level is not known"):
        next(iter(solvers.load("hqs")(stated, exact)))


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        solvers.load("hqs", iterations=0)


@pytest.mark.parametrize("name", [name for name in solvers.names() if name != "unrolled"])  # which needs what was trained
@pytest.mark.parametrize("sigma", [0.0, 0.01, 0.5])
def test_every_solver_gives_finite_estimates_at_every_noise_level(name: str, sigma: float, rng: np.random.Generator) -> None:
    mask = degradations.load("mask", mask=rng.random((24, 20)) < 0.5)
    projection = degradations.load("random-projection", ratio=0.5, height=24, width=20)
    solver = solvers.load(name)
    stated = [problem(operator, sigma, torch.Generator().manual_seed(1)) for operator in (mask, BLUR, projection)]
    states = list(solver(next(each for each in stated if not solver.obstacle(each)), exact))
    assert states[-1].iteration == states[-1].total <= solver.steps()
    assert all(torch.isfinite(state.estimate).all() for state in states)


def test_directions_of_a_volume_take_turns_within_the_field_of_view() -> None:
    """Nine turns at a weight of ZX and ZY of 1/9 each: seven across Z, one across Y, one across X; then all three."""
    seen: list[tuple[int, ...]] = []

    def plane(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape[-2:]))
        return x

    blur = degradations.load("gaussian-blur", std=2.0, axial_std=2.0)
    problem = Problem(torch.rand((1, 1, 6, 24, 30), generator=torch.Generator().manual_seed(0)), blur, Gaussian(sigma=0.1))
    *_, state = solvers.load("hqs", iterations=10, equivariant=False, stop=0)(problem, Volume(Tiled(plane, 1000, 0), 3.0))
    assert tuple(state.estimate.shape[2:]) == (22, 40, 46)
    rim = {2: (32, 38), 3: (14, 38), 4: (14, 32)}
    counts = {axis: seen[:-3].count(size) for axis, size in rim.items()}
    assert counts == {2: 7, 3: 1, 4: 1}
    assert seen[-3:] == list(rim.values())
