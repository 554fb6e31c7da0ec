"""With the exact denoiser of a Gaussian prior N(0, S), S diagonal in Fourier, every fixed point is known in closed form.

For circular blur all is diagonal: ``posterior(weight)`` below solves ``(|h|² + weight(S)) x = h̄ y``. The derivations:

PGD, FISTA: ``x = S/(S + σ_d²) (x − γ Aᵀ(A x − y))`` gives ``(AᵀA + σ_d²/(γ S)) x = Aᵀy``; σ_d² = γ w σ_y²: weight w σ_y²/S.
ADMM: f is the proximal map of σ²/(2 S) x², coupled at ρ = w σ_y²/σ²: weight w σ_y²/S.
RED: ``Aᵀ(A x − y) + ρ (x − S/(S + σ_f²) x) = 0``: weight ρ σ_f²/(S + σ_f²).
D-VAMP: ``γ₁ (r₁ − x) = x/S``, ``γ₂ (r₂ − x) = Aᵀ(A x − y)/σ_y²``, ``(γ₁ + γ₂) x = γ₁ r₁ + γ₂ r₂`` add up to weight σ_y²/S.
"""

from typing import ClassVar

import pytest
import torch

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.linear_algebra import fourier_filter
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.exact import Gaussian as GaussianField

pytestmark = pytest.mark.slow

SIGMA = 0.2
BLUR = degradations.load("gaussian-blur", std=0.8, boundary="circular")
FIELDS = {"white": denoisers.load("gaussian", std=0.5), "coloured": denoisers.load("gaussian", std=0.5, slope=1.5)}


def draw(field: GaussianField, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    white = torch.randn(shape, generator=generator)
    return fourier_filter(white, field.spectrum(white).sqrt())


def blurred(field: GaussianField, generator: torch.Generator) -> Problem:
    y = BLUR(draw(field, (1, 1, 24, 20), generator))
    return Problem(y + SIGMA * torch.randn(y.shape, generator=generator), BLUR, Gaussian(sigma=SIGMA))


def posterior(problem: Problem, weight: torch.Tensor) -> torch.Tensor:
    y = problem.measurement
    return fourier_filter(problem.degradation.adjoint(y), 1 / (problem.degradation.normal_spectrum(y) + weight))


def distance(x: torch.Tensor, to: torch.Tensor) -> float:
    return float((x - to).norm() / to.norm())


class Counted:
    def __init__(self, denoiser: GaussianField) -> None:
        self.denoiser, self.calls = denoiser, 0

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        self.calls += 1
        return self.denoiser(x, sigma)


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("name", ["pnp-pgd", "pnp-fista", "pnp-admm"])
def test_plug_and_play_reaches_the_maximum_of_the_posterior(name: str, field: GaussianField, generator: torch.Generator) -> None:
    problem = blurred(field, generator)
    solver = solvers.load(name, iterations=400, start=1e-3, stop=0)
    weight = (solver.regularisation or BLUR.admm_weight) * SIGMA**2 / field.spectrum(problem.measurement)
    states = list(solver(problem, field))
    assert distance(states[-1].estimate, posterior(problem, weight)) < 1e-3
    assert states[-1].change < 1e-4


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
@pytest.mark.parametrize("name", ["red-gd", "red-fp", "red-admm"])
def test_red_reaches_its_fixed_point(name: str, field: GaussianField, generator: torch.Generator) -> None:
    problem = blurred(field, generator)
    solver = solvers.load(name, iterations=3000, strength=0.3, regularisation=0.5, stop=0)
    rho = 0.5 * SIGMA**2 / 0.3**2
    weight = rho * 0.3**2 / (field.spectrum(problem.measurement) + 0.3**2)
    assert distance(list(solver(problem, field))[-1].estimate, posterior(problem, weight)) < 1e-3


def test_red_fp_needs_a_fifth_of_the_denoiser_calls_of_red_gd(generator: torch.Generator) -> None:
    """At the paper's weights: σ_y = √2, σ_f = 3.25 and λ σ_f² = 0.2, in grey levels of a range of 255."""
    field = denoisers.load("gaussian", std=0.1, slope=2)
    blur = degradations.load("psf-blur", psf=torch.ones(9, 9), boundary="circular")
    y = blur(draw(field, (1, 1, 32, 32), generator))
    problem = Problem(y + 2**0.5 / 255 * torch.randn(y.shape, generator=generator), blur, Gaussian(sigma=2**0.5 / 255))
    weight = 0.2 * 2 / 3.25**2 * (3.25 / 255) ** 2 / (field.spectrum(y) + (3.25 / 255) ** 2)
    fixed_point = posterior(problem, weight)
    calls = {}
    for name in ("red-gd", "red-fp"):
        counted = Counted(field)
        for state in solvers.load(name, iterations=10000, stop=0)(problem, counted):
            if distance(state.estimate, fixed_point) < 1e-3:
                break
        assert distance(state.estimate, fixed_point) < 1e-3
        calls[name] = counted.calls
    assert 5 * calls["red-fp"] <= calls["red-gd"]


class Dense(degradations.Degradation):
    """An m × N matrix of independent N(0, 1/m)."""

    name: ClassVar[str] = "dense"
    title: ClassVar[str] = "Dense"
    is_random: ClassVar[bool] = True

    side: int = 48
    ratio: float = 0.5

    @property
    def matrix(self) -> torch.Tensor:
        n = self.side**2
        m = int(self.ratio * n)
        return torch.randn(m, n, generator=torch.Generator().manual_seed(5)) / m**0.5

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return (x.flatten(1) @ self.matrix.T)[:, None, None]

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        return (y.flatten(1) @ self.matrix).view(-1, 1, self.side, self.side)

    def norm(self, image: tuple[int, ...] | None = None) -> float:
        return 1.1 * (1 + self.ratio**-0.5)


def test_the_error_of_d_amp_follows_the_state_evolution(generator: torch.Generator) -> None:
    """Before iteration t the level is σ²ₜ = σ_y² + MSEₜ₋₁ N/m; f = S/(S + σ²) errs by x − f(x) and passes f² of the noise."""
    field, operator = FIELDS["coloured"], Dense()
    clean = draw(field, (1, 1, 48, 48), generator)
    y = operator(clean)
    problem = Problem(y + 0.1 * torch.randn(y.shape, generator=generator), operator, Gaussian(sigma=0.1))
    full = field.spectrum(clean)
    spectrum = torch.cat([full, full[:, 1:-1]], dim=1)
    predicted, errors = float(clean.square().mean()), []
    for state in solvers.load("d-amp", iterations=12, stop=0)(problem, field):
        level = 0.1**2 + predicted / operator.ratio
        bias = clean - field(clean, level**0.5)
        predicted = float(bias.square().mean() + level * (spectrum / (spectrum + level)).square().mean())
        errors.append(float((state.estimate - clean).square().mean()) / predicted)
    assert errors == pytest.approx([1.0] * 12, rel=0.1)


def test_d_vamp_reaches_the_posterior_mean(generator: torch.Generator) -> None:
    field, operator = FIELDS["white"], Dense(side=24)
    y = operator(draw(field, (1, 1, 24, 24), generator))
    problem = Problem(y + 0.1 * torch.randn(y.shape, generator=generator), operator, Gaussian(sigma=0.1))
    estimate = list(solvers.load("d-vamp", iterations=60, stop=0)(problem, field))[-1].estimate
    a = operator.matrix.double()
    hessian = a.T @ a / 0.1**2 + torch.eye(24**2) / 0.5**2
    mean = torch.linalg.solve(hessian, a.T @ problem.measurement.flatten().double() / 0.1**2)
    assert distance(estimate.flatten(), mean) < 1e-3


@pytest.mark.parametrize("name", ["d-amp", "d-vamp"])
def test_message_passing_refuses_what_is_no_random_projection(name: str, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match=f"{name} needs a random projection.*'gaussian-blur' is none"):
        next(solvers.load(name)(blurred(FIELDS["white"], generator), FIELDS["white"]))


def test_wiener_shrinkage_is_the_conditional_mean_of_a_joint_gaussian() -> None:
    """Against the covariance matrix in the pixel basis: ``C (C + σ²)⁻¹ x``, C assembled from the field's correlations."""
    field, n = denoisers.load("gaussian", std=0.4, slope=2), (6, 5)
    impulses = torch.eye(30).view(30, 1, *n)
    covariance = fourier_filter(impulses, field.spectrum(impulses)).view(30, 30).double()
    x = torch.randn(2, 1, *n, generator=torch.Generator().manual_seed(0))
    expected = torch.linalg.solve(covariance + 0.3**2 * torch.eye(30), x.view(2, 30).T.double())
    torch.testing.assert_close(field(x, 0.3).view(2, 30).double(), (covariance @ expected).T, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(covariance.diagonal(), torch.full((30,), 0.4**2).double(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("shape", [(2, 1, 8, 9), (2, 3, 4, 6, 5)])
def test_the_exact_denoiser_takes_a_level_a_sample_and_volumes(shape: tuple[int, ...], generator: torch.Generator) -> None:
    field = FIELDS["coloured"]
    x = torch.randn(shape, generator=generator)
    together = field(x, torch.tensor([0.1, 0.7]))
    torch.testing.assert_close(together, torch.cat([field(x[:1], 0.1), field(x[1:], 0.7)]))
