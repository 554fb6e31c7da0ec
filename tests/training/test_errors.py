"""The network of errors in training: its loss, what it learns, runs that go on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie.training.errors import Errors, ErrorTraining, error_of, negative_log_likelihood, quantile_loss, train_errors
from napari_tweedie.training.noises import photons
from napari_tweedie.training.synthetic import Even

CPU = torch.device("cpu")
SOURCES = [Even(1.0)]
SMALL = {"denoisers": ("unet-small",), "patches": 16, "patch": 48, "batch": 4}


def nothing(what: str, done: int, loss: float) -> None:
    """Be told of progress."""


def test_the_loss_is_least_where_the_variance_is_the_mean_square(generator: torch.Generator) -> None:
    squared = 0.3 * torch.randn(20000, generator=generator).square()
    guesses = torch.linspace(-3, 1, 401)
    losses = torch.stack([negative_log_likelihood(guess.expand(squared.shape), squared) for guess in guesses])
    assert float(guesses[losses.argmin()].exp()) == pytest.approx(float(squared.mean()), rel=0.03)


def test_the_other_loss_is_least_where_the_interval_holds_nine_in_ten(generator: torch.Generator) -> None:
    """Of Gaussian errors that is their variance, too; of those with rare large ones, less."""
    errors = torch.randn(40000, generator=generator)
    errors[:400] *= 20
    guesses = torch.linspace(-1, 2, 301)
    losses = torch.stack([quantile_loss(guess.expand(errors.shape), errors.square()) for guess in guesses])
    best = float(guesses[losses.argmin()].exp()) ** 0.5
    assert float((errors.abs() <= 1.645 * best).float().mean()) == pytest.approx(0.9, abs=0.005)
    assert best < 0.6 * float(errors.square().mean()) ** 0.5


def test_the_error_of_counted_light_is_that_of_the_result_in_grey_levels() -> None:
    """Of a perfect estimate nothing is left but the noise of the light that is kept."""
    light = np.clip(np.random.default_rng(0).random((48, 48)), 0.1, 1)
    example = photons(light, 0.1, np.random.default_rng(1))
    assert example.counted is not None
    sigma, counted = np.full((48, 48), example.levels[0]), example.counted
    error = error_of(example, example.clean, sigma)
    kept = gaussian_filter(counted.measured - counted.light, 6.0)
    one_level = counted.map.back(example.clean + sigma / 2) - counted.map.back(example.clean - sigma / 2)
    np.testing.assert_allclose(error * one_level, kept, rtol=0.01, atol=0.01 * counted.light.max())


def test_one_enormous_error_is_no_enormous_loss() -> None:
    variance, squared = torch.zeros(100), torch.ones(100)
    before = negative_log_likelihood(variance, squared)
    squared[0] = 1e12
    assert float(negative_log_likelihood(variance, squared) - before) < 30


def test_it_learns_to_tell_errors_better_than_one_level_for_all(tmp_path: Path, generator: torch.Generator) -> None:
    """On the patches that it saw; the best single variance is that of them all."""
    settings = ErrorTraining(**SMALL, steps=100, learning_rate=8e-3, average=0.9, squares=1.0)
    network = train_errors(settings, SOURCES, tmp_path, CPU, nothing)
    shown, which, shape, squared = Errors(settings, SOURCES, tmp_path).batch(np.random.default_rng(5), CPU)
    with torch.no_grad():
        learnt = float(negative_log_likelihood(network(shown, which, shape), squared))
    constant = float(1 + squared.mean().log())
    assert learnt < constant - 0.2


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_tweedie.training.rehearsal.SAVE_SECONDS", 0.0)
    settings = ErrorTraining(**SMALL, steps=100)

    def cut(what: str, done: int, loss: float) -> None:
        if what == "learn":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_errors(settings, SOURCES, tmp_path / "cut", CPU, cut)
    resumed = train_errors(settings, SOURCES, tmp_path / "cut", CPU, nothing)
    straight = train_errors(settings, SOURCES, tmp_path / "straight", CPU, nothing)
    for one, other in zip(resumed.parameters(), straight.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_other_settings_are_no_reason_to_go_on(tmp_path: Path) -> None:
    train_errors(ErrorTraining(**SMALL, steps=1), SOURCES, tmp_path, CPU, nothing)
    with pytest.raises(ValueError, match="other settings"):
        train_errors(ErrorTraining(**SMALL, steps=2), SOURCES, tmp_path, CPU, nothing)
