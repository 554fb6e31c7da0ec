"""Unrolled solvers in training: exact derivatives of the data step, lower errors, runs that go on."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.file import of_safetensors
from napari_tweedie.denoisers.network import weights_file
from napari_tweedie.denoisers.schedule import FIRST
from napari_tweedie.training.data import Images, Source
from napari_tweedie.training.export import write_weights
from napari_tweedie.training.unrolling import DataStep, UnrolledNetwork, Unrolling, example, logarithmic_error, train_unrolled

CPU = torch.device("cpu")
BLUR = {"name": "gaussian-blur", "std": 1.2}
SMALL = {"degradation": BLUR, "turns": 2, "patch": 48, "batch": 2}


@pytest.fixture
def sources(scene: np.ndarray) -> list[Source]:
    return [Images([scene.astype(np.float32)], 1.0)]


@pytest.mark.parametrize("name", ["gaussian-blur", "downsample", "fourier-mask"])
def test_derivatives_of_the_data_step_are_those_of_finite_differences(name: str, generator: torch.Generator) -> None:
    degradation = degradations.load(name)
    x = torch.rand((1, 1, 24, 24), generator=generator)
    problem = Problem(degradation(x), degradation, Gaussian(sigma=0.05))
    z = torch.rand(problem.start().shape, generator=generator).requires_grad_()
    rho = torch.tensor(0.4, requires_grad=True)
    weight, direction = (torch.randn(z.shape, generator=generator) for _ in range(2))
    (DataStep.apply(z, rho, problem) * weight).sum().backward()

    def value(moved: float, changed: float) -> float:
        return float((problem.prox(z.detach() + moved * direction, 0.4 + changed).double() * weight).sum())

    assert float((z.grad * direction).sum()) == pytest.approx((value(0.05, 0) - value(-0.05, 0)) / 0.1, rel=0.01, abs=0.02)
    assert float(rho.grad) == pytest.approx((value(0, 0.02) - value(0, -0.02)) / 0.04, rel=0.03, abs=0.02)


@pytest.mark.slow
def test_training_lowers_the_error_below_that_of_its_start(sources: list[Source], tmp_path: Path) -> None:
    """On measurements that it has not seen, of the same image."""
    settings = Unrolling(**SMALL, steps=40, learning_rate=3e-4)
    network, schedule = train_unrolled(settings, sources, tmp_path, CPU, lambda step, loss: None)
    write_weights(network, tmp_path / "a.safetensors", unrolled=schedule.described())
    trained = solvers.load("unrolled", path=tmp_path / "a.safetensors")
    before = solvers.load("hqs", iterations=2, equivariant=False)
    small, errors = denoisers.load("unet-small", precision="float32"), []
    for step in range(1000, 1006):
        clean, problem = example(settings, sources, step, CPU)
        estimates = [list(solver(problem, small))[-1].estimate for solver in (before, trained)]
        errors.append([float((problem.degradation.crop(one) - clean).square().mean()) for one in estimates])
    assert np.mean(errors, 0)[1] < 0.9 * np.mean(errors, 0)[0]


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(
    sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Unrolling(**SMALL, steps=4)
    whole, schedule = train_unrolled(settings, sources, tmp_path / "whole", CPU, lambda step, loss: None)
    monkeypatch.setattr("napari_tweedie.training.unrolling.SAVE_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr("napari_tweedie.training.unrolling.example", _fails_at(2))
        with pytest.raises(KeyboardInterrupt):
            train_unrolled(settings, sources, tmp_path / "parts", CPU)
    resumed, same = train_unrolled(settings, sources, tmp_path / "parts", CPU, lambda step, loss: None)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    assert same.weights == pytest.approx(schedule.weights)
    with pytest.raises(ValueError, match="a training with other settings"):
        train_unrolled(settings.model_copy(update={"seed": 1}), sources, tmp_path / "parts", CPU)


def test_untrained_it_is_half_quadratic_splitting_and_all_its_numbers_get_a_derivative(sources: list[Source]) -> None:
    settings = Unrolling(**{**SMALL, "ranges": {"std": (0.8, 2.0)}, "turns": 3})
    network = copy.deepcopy(of_safetensors(weights_file("unet-small"), CPU))
    model = UnrolledNetwork(network, settings)
    clean, problem = example(settings, sources, 0, CPU)
    estimates = model(problem, torch.float32)
    hqs = solvers.load("hqs", iterations=3, start=FIRST, equivariant=False)
    states = list(hqs(problem, denoisers.load("unet-small", precision="float32")))
    for estimate, state in zip(estimates, states, strict=True):
        torch.testing.assert_close(estimate, state.estimate, rtol=1e-3, atol=1e-4)
    assert float(logarithmic_error(clean + 0.1, clean)) == pytest.approx(np.log(0.01), abs=1e-3)
    logarithmic_error(problem.degradation.crop(estimates[-1]), clean).backward()
    shares, weights, momenta, slopes = (numbers.grad for numbers in model.numbers())
    assert model.names == ["noise", "std"]
    assert (shares != 0).all()
    assert (weights != 0).all()
    assert momenta[0] == 0
    assert (momenta[1:] != 0).all()
    assert (slopes != 0).all()


def _fails_at(last: int) -> object:
    def failing(settings: Unrolling, sources: list[Source], step: int, device: torch.device) -> object:
        if step == last:
            raise KeyboardInterrupt
        return example(settings, sources, step, device)

    return failing


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"least_sigma": 0.5, "most_sigma": 0.1}, "least_sigma is at most most_sigma"),
        ({"degradation": {"name": "one-bit"}}, "not linear in the image"),
        ({"ranges": {"std": (2, 1)}}, "begins at or below its end"),
        ({"ranges": {"height": (1, 2)}}, "ranges are of numbers of 'gaussian-blur'"),
        ({"ranges": {"std": (0, 2)}}, "std"),
        ({"choices": ("std",)}, "choices are of 'gaussian-blur'"),
    ],
)
def test_settings_that_fit_nothing_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Unrolling(**{**SMALL, **wrong})


def test_widths_differ_from_step_to_step_within_their_range_and_are_written_down(sources: list[Source], tmp_path: Path) -> None:
    settings = Unrolling(**{**SMALL, "ranges": {"std": (0.8, 2.0)}, "steps": 1})
    widths = [example(settings, sources, step, CPU)[1].degradation.std for step in range(12)]
    assert min(widths) >= 0.8
    assert max(widths) <= 2
    assert len(set(widths)) == 12
    _, schedule = train_unrolled(settings, sources, tmp_path, CPU, lambda step, loss: None)
    assert schedule.ranges == {"std": (0.8, 2.0)}
    scan = Unrolling(degradation={"name": "fourier-mask"}, ranges={"seed": (0, 99)})
    seeds = [scan.drawn(np.random.default_rng(step)).seed for step in range(8)]
    assert all(isinstance(seed, int) for seed in seeds)
    assert len(set(seeds)) > 4


def test_training_goes_on_from_an_unrolled_solver_with_its_schedule(sources: list[Source], tmp_path: Path) -> None:
    from napari_tweedie.denoisers.schedule import schedule_of

    known = schedule_of(weights_file("unrolled-gaussian-blur"))
    further = {**SMALL, "start": "unrolled-gaussian-blur", "steps": 1, "learning_rate": 1e-9}
    _, schedule = train_unrolled(Unrolling(**{**further, "turns": 3}), sources, tmp_path / "a", CPU, lambda step, loss: None)
    assert schedule.shares == pytest.approx(known.shares, abs=1e-6)
    assert schedule.weights == pytest.approx(known.weights, rel=1e-6)
    with pytest.raises(ValueError, match="there are 2 turns, and the start has 3"):
        train_unrolled(Unrolling(**further), sources, tmp_path / "b", CPU)
