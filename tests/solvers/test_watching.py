"""What every solver gets from its base: bookkeeping, stopping, and the options of plug-and-play."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.solvers.solver import watch

FIELD = denoisers.load("gaussian", std=0.5)
BLUR = degradations.load("gaussian-blur", std=0.8, boundary="circular")


@pytest.fixture
def problem(generator: torch.Generator) -> Problem:
    y = BLUR(0.5 * torch.randn(1, 1, 16, 20, generator=generator))
    return Problem(y + 0.1 * torch.randn(y.shape, generator=generator), BLUR, Gaussian(sigma=0.1))


def test_a_state_holds_the_residual_and_the_relative_change(problem: Problem) -> None:
    states = list(solvers.load("red-fp", iterations=3, stop=0)(problem, FIELD))
    assert states[0].change == pytest.approx(1)
    for before, state in pairwise(states):
        change = np.linalg.norm(state.estimate - before.estimate) / np.linalg.norm(state.estimate)
        assert state.change == pytest.approx(change, rel=1e-4)
        assert state.residual == pytest.approx(np.sqrt(np.mean(np.square(problem.residual(state.estimate).numpy()))), rel=1e-4)


@pytest.mark.parametrize("name", ["pnp-pgd", "red-gd"])
def test_divergence_is_stopped_with_the_best_estimate_and_a_note(name: str, problem: Problem) -> None:
    """A denoiser that triples its input makes both iterations explode."""
    weights = {"red-gd": {"strength": 0.02, "regularisation": 5}}.get(name, {})
    states = list(solvers.load(name, iterations=1000, stop=0, **weights)(problem, lambda x, sigma: 3 * x))
    assert len(states) < 100
    assert "diverged" in states[-1].note
    assert states[-1].iteration == states[-1].total == len(states)
    lowest = min(states[:-1], key=lambda state: state.residual)
    assert states[-1].residual == pytest.approx(lowest.residual)
    torch.testing.assert_close(states[-1].estimate, lowest.estimate)


def test_an_estimate_that_is_not_finite_is_never_the_result(problem: Problem) -> None:
    def estimates() -> Iterator[torch.Tensor]:
        yield torch.full_like(problem.measurement, torch.nan)

    (state,) = watch(estimates(), problem, 5)
    torch.testing.assert_close(state.estimate, problem.start())
    assert "diverged" in state.note
    assert np.isfinite(state.residual)


def test_a_good_run_has_no_note_and_counts_to_its_end(problem: Problem) -> None:
    states = list(solvers.load("pnp-admm")(problem, FIELD))
    assert not any(state.note for state in states)
    assert [state.iteration for state in states] == list(range(1, 25))


def test_it_stops_once_the_residual_is_at_the_noise_level_and_the_estimate_stands_still(problem: Problem) -> None:
    full = list(solvers.load("red-fp", iterations=200, stop=0)(problem, FIELD))
    states = list(solvers.load("red-fp", iterations=200, stop=1e-3)(problem, FIELD))
    last = states[-1]
    assert last.iteration == last.total == len(states) < len(full)
    assert last.change < 1e-3 <= states[-2].change
    assert last.residual <= 1.1 * 0.1


def test_it_does_not_stop_above_the_noise_level(problem: Problem) -> None:
    """A strong prior stands still far from the data."""
    states = list(solvers.load("red-fp", iterations=50, strength=1.0, regularisation=100, stop=0.01)(problem, FIELD))
    assert states[-1].change < 0.01
    assert states[-1].residual > 1.1 * 0.1
    assert len(states) == 50


@pytest.mark.parametrize("weight", [0.2, 5.0])
def test_an_adaptive_strength_brings_the_residual_to_the_noise_level(weight: float, problem: Problem) -> None:
    """Whether the given weight removes too little or too much."""
    options = {"iterations": 300, "start": 1e-3, "regularisation": weight, "stop": 0}
    fixed = list(solvers.load("pnp-pgd", **options)(problem, FIELD))[-1]
    adapted = list(solvers.load("pnp-pgd", adaptive=True, **options)(problem, FIELD))[-1]
    assert abs(fixed.residual / 0.1 - 1) > 0.05
    assert adapted.residual == pytest.approx(0.1, rel=0.02)


def test_averaging_is_the_relaxed_denoiser(problem: Problem) -> None:
    relaxed = solvers.load("pnp-pgd", iterations=20, averaging=0.4, stop=0)(problem, FIELD)
    expected = solvers.load("pnp-pgd", iterations=20, stop=0)(problem, lambda x, sigma: 0.6 * x + 0.4 * FIELD(x, sigma))
    torch.testing.assert_close(list(relaxed)[-1].estimate, list(expected)[-1].estimate)


def test_averaging_tames_an_expansive_denoiser(problem: Problem) -> None:
    """f = −1.2 I diverges with γ = 1 on what A does not see; half of it with I does not."""

    def expansive(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return -1.2 * x

    assert "diverged" in list(solvers.load("pnp-pgd", iterations=500, stop=0)(problem, expansive))[-1].note
    assert not list(solvers.load("pnp-pgd", iterations=500, stop=0, averaging=0.5)(problem, expansive))[-1].note


@pytest.mark.parametrize("shape", [(2, 1, 9, 14), (1, 2, 4, 6, 5)])
def test_equivariance_transforms_and_comes_back(shape: tuple[int, ...], generator: torch.Generator) -> None:
    """The exact denoiser of a white field commutes with every flip; one that marks a corner shows where it went."""
    x = torch.randn(shape, generator=generator)
    stated = Problem(x, degradations.load("identity"), Gaussian(sigma=0.1))
    solver = solvers.load("hqs", equivariant=True)
    plain = list(solvers.load("hqs")(stated, FIELD))[-1].estimate
    torch.testing.assert_close(list(solver(stated, FIELD))[-1].estimate, plain)

    corners = set()

    def marking(image: torch.Tensor, sigma: float) -> torch.Tensor:
        marked = torch.zeros_like(image)
        marked[(..., *[0] * (image.ndim - 2))] = 1
        return marked

    for state in solvers.load("hqs", equivariant=True, iterations=60)(stated, marking):
        assert float(state.estimate[0, 0].sum()) == 1
        corners.add(tuple(state.estimate[0, 0].nonzero()[0].tolist()))
    assert len(corners) == 2 ** (len(shape) - 2)


def test_a_generator_determines_the_result(scene: np.ndarray) -> None:
    x = torch.from_numpy(scene).float()[None, None]
    stated = Problem(x, degradations.load("identity"), Gaussian(sigma=0.1))
    shift = lambda image, sigma: image.roll(1, -1)  # noqa: E731

    def run(seed: int) -> torch.Tensor:
        solver = solvers.load("hqs", equivariant=True)
        return list(solver(stated, shift, torch.Generator().manual_seed(seed)))[-1].estimate

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@pytest.mark.parametrize("averaging", [1.0, 0.6])
@pytest.mark.parametrize("name", ["red-gd", "red-fp"])
def test_red_lowers_its_objective_where_the_denoiser_is_symmetric(name: str, averaging: float, problem: Problem) -> None:
    solver = solvers.load(name, iterations=30, strength=0.3, averaging=averaging, stop=0)
    states = list(solver(problem, FIELD))
    for before, state in pairwise(states):
        assert state.objective <= before.objective * (1 + 1e-6)
    x = states[-1].estimate
    sigma_f, rho = solver.weights(problem)
    expected = 0.5 * problem.residual(x).square().sum() + 0.5 * averaging * rho * (x * (x - FIELD(x, sigma_f))).sum()
    assert states[-1].objective == pytest.approx(float(expected), rel=1e-5)


def test_no_objective_is_stated_where_none_is_known(problem: Problem) -> None:
    assert list(solvers.load("red-fp", iterations=2)(problem, lambda x, sigma: 0.9 * x))[-1].objective is None
    assert list(solvers.load("red-fp", iterations=2, adaptive=True)(problem, FIELD))[-1].objective is None
    assert list(solvers.load("hqs", iterations=2)(problem, FIELD))[-1].objective is None


def test_richardson_lucy_lowers_the_divergence_in_every_update(scene: np.ndarray) -> None:
    clean = torch.from_numpy(scene).float()[None, None]
    stated = Problem(BLUR(clean), BLUR, Gaussian(sigma=0.0))
    states = list(solvers.load("richardson-lucy", iterations=20, smoothing=0, accelerated=False)(stated, FIELD))
    for before, state in pairwise(states):
        assert 0 <= state.objective < before.objective
    fit = BLUR(states[-1].estimate)
    expected = torch.nn.functional.kl_div(fit.log(), stated.measurement, reduction="sum")
    assert states[-1].objective == pytest.approx(float(expected), rel=0.02)  # both sums are equal
