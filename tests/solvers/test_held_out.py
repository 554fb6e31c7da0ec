"""Does the deconvolution of a stack of counted light stop before it sharpens noise, without a truth to tell it?"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import degradations, solvers
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.degradations.photons import LocalGaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.solvers.held_out import PATIENCE, SHARE, Foresight, divided

BLUR = degradations.load("gaussian-blur", std=1.5, axial_std=2.0, boundary="circular")


def unused(x: torch.Tensor, sigma: float) -> torch.Tensor:
    raise AssertionError("Richardson–Lucy calls no denoiser")


def scene() -> torch.Tensor:
    """Return a stack of blobs with soft borders, from 0.02 to 1."""
    field = gaussian_filter(np.random.default_rng(1).normal(size=(16, 32, 32)), 2.5, mode="wrap")
    soft = gaussian_filter((field > field.std()).astype(np.float32), 0.7, mode="wrap")
    return torch.from_numpy(0.02 + 0.98 * soft)[None, None]


def counted(photons: float) -> Problem:
    noise = Poisson(gain=1 / photons, offset=0.0, read_noise=1 / photons)
    return Problem(noise.add(BLUR(scene()), torch.Generator().manual_seed(0)), BLUR, noise)


@pytest.mark.parametrize("photons", [10, 100, 1000])
def test_richardson_lucy_of_a_stack_ends_close_to_its_best_iteration(photons: int) -> None:
    problem, truth = counted(photons), scene()

    def errors(early: bool) -> list[float]:
        states = solvers.load("richardson-lucy", early=early)(problem, unused)
        return [float((state.estimate - truth).square().mean()) for state in states]

    stopped, every = errors(True), errors(False)
    assert stopped == pytest.approx(every[: len(stopped)])
    assert 10 * np.log10(stopped[-1] / min(every)) < 0.3
    assert every[-1] > 2 * min(every) or photons > 100


def test_the_last_state_says_that_it_is_the_last() -> None:
    *_, last = solvers.load("richardson-lucy")(counted(10), unused)
    assert last.iteration == last.total < 30


def test_light_that_is_held_back_has_the_mean_of_what_is_left_and_is_independent_of_it() -> None:
    problem = LocalGaussian.of(counted(20))
    part, held = divided(problem, torch.Generator().manual_seed(0))
    left, y = part.counted.measurement, problem.counted.measurement
    torch.testing.assert_close(left + held * SHARE / (1 - SHARE), y, rtol=1e-4, atol=1e-5)
    clean = (1 - SHARE) * BLUR(scene())
    correlation = torch.corrcoef(torch.stack([(left - clean).flatten(), (held - clean).flatten()]))[0, 1]
    assert abs(float(correlation)) < 4 / y.numel() ** 0.5


def test_an_iteration_ends_where_it_foretells_best() -> None:
    foresight = Foresight(iter([torch.tensor(float((k - 20) ** 2)) for k in range(1, 100)]), float)
    ends = next(k for k in range(1, 100) if foresight.ends_at(k))
    assert ends == 20
    assert foresight.done == 20 + PATIENCE


def test_an_iteration_that_gets_better_to_its_end_is_not_ended() -> None:
    foresight = Foresight(iter([torch.tensor(1.0 / k) for k in range(1, 11)]), float)
    assert not any(foresight.ends_at(k) for k in range(1, 11))
