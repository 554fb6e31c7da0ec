"""Does the deconvolution of a stack of counted light stop before it sharpens noise, without a truth to tell it?"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.degradations.photons import LocalGaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.tiling import Tiled, Volume
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
    part, distance = divided(problem, torch.Generator().manual_seed(0))
    assert isinstance(part, LocalGaussian)
    left, y, weights = (
        part.counted.measurement,
        problem.counted.measurement,
        part.weighted.of_measured(torch.ones_like(part.measurement)),
    )
    held = (y - left) * (1 - SHARE) / SHARE
    clean = (1 - SHARE) * BLUR(scene())
    correlation = torch.corrcoef(torch.stack([(left - clean).flatten(), (held - clean).flatten()]))[0, 1]
    assert abs(float(correlation)) < 4 / y.numel() ** 0.5
    assert abs(float((held - clean).mean())) < 4 * float(held.std()) / y.numel() ** 0.5
    assert distance(0 * y) == pytest.approx(float((weights * held).square().sum()), rel=1e-3)


def test_gaussian_noise_is_split_without_correlation() -> None:
    clean, sigma = BLUR(scene()), 0.1
    noisy = clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(3))
    part, distance = divided(Problem(noisy, BLUR, Gaussian(sigma=sigma)), torch.Generator().manual_seed(4))
    n, level = clean.numel(), sigma / (1 - SHARE) ** 0.5
    assert float((part.measurement - clean).std()) == pytest.approx(level, rel=4 / n**0.5)
    assert part.noise_level == pytest.approx(level)
    assert distance(scene()) / n == pytest.approx(sigma**2 / SHARE, rel=6 / n**0.5)


@pytest.mark.parametrize("photons", [20, 500])
def test_denoised_richardson_lucy_is_better_than_the_plain_one_at_its_best(photons: int) -> None:
    blur = degradations.load("gaussian-blur", std=1.5, axial_std=2.0)
    shape = (12, 48, 48)
    places = np.random.default_rng(3).uniform(0, 1, (8, 3)) * shape
    distance = np.min([np.linalg.norm((np.indices(shape).T - place) * (2, 1, 1), axis=-1).T for place in places], axis=0)
    truth = torch.from_numpy(gaussian_filter((distance < 6).astype(np.float32), (0.5, 1, 1)))[None, None]
    noise = Poisson(gain=1 / photons, offset=0.0, read_noise=1 / photons)
    problem = Problem(noise.add(blur(blur.extend(truth)), torch.Generator().manual_seed(0)), blur, noise)
    plain = solvers.load("richardson-lucy", iterations=60, smoothing=0.0, early=False, accelerated=False)
    best = min(float((blur.crop(state.estimate) - truth).square().mean()) for state in plain(problem, unused))
    network = denoisers.load("unet-small")
    *_, last = solvers.load("denoised-richardson-lucy")(problem, Volume(Tiled(network, 512, network.halo)))
    assert float((blur.crop(last.estimate) - truth).square().mean()) < 0.95 * best
    assert float(blur(last.estimate).sum()) == pytest.approx(float(problem.measurement.sum()), rel=5e-3)
    assert float(last.estimate.min()) >= 0


@pytest.mark.parametrize("sigma", [0.02, 0.1])
def test_denoised_richardson_lucy_of_gaussian_noise_stops_close_to_its_best(sigma: float) -> None:
    truth, network = scene(), denoisers.load("unet-small")
    y = BLUR(truth) + sigma * torch.randn(truth.shape, generator=torch.Generator().manual_seed(5))
    problem, volume = Problem(y, BLUR, Gaussian(sigma=sigma)), Volume(Tiled(network, 512, network.halo))

    def errors(early: bool) -> list[float]:
        states = solvers.load("denoised-richardson-lucy", early=early)(problem, volume)
        return [float((state.estimate - truth).square().mean()) for state in states]

    assert 10 * np.log10(errors(True)[-1] / min(errors(False))) < 0.3


def test_an_iteration_ends_where_it_foretells_best() -> None:
    foresight = Foresight(iter([torch.tensor(float((k - 20) ** 2)) for k in range(1, 100)]), float)
    ends = next(k for k in range(1, 100) if foresight.ends_at(k))
    assert ends == 20
    assert foresight.done == 20 + PATIENCE


def test_an_iteration_that_gets_better_to_its_end_is_not_ended() -> None:
    foresight = Foresight(iter([torch.tensor(1.0 / k) for k in range(1, 11)]), float)
    assert not any(foresight.ends_at(k) for k in range(1, 11))


def test_points_that_a_denoiser_takes_for_noise_are_deconvolved_from_light_as_it_was_measured() -> None:
    rng, points = np.random.default_rng(2), np.zeros((16, 32, 32), np.float32)
    points[tuple(rng.integers(3, (13, 29, 29), (15, 3)).T)] = rng.uniform(3, 10, 15)
    truth = torch.from_numpy(gaussian_filter(points, 0.8))[None, None]
    noise = Poisson(gain=0.02, offset=0.0, read_noise=0.0)
    problem = Problem(noise.add(BLUR(truth), torch.Generator().manual_seed(0)), BLUR, noise)
    *_, plain = solvers.load("richardson-lucy", early=True, iterations=80)(problem, unused)
    *_, last = solvers.load("denoised-richardson-lucy")(problem, lambda x, sigma: BLUR(x))
    assert float((last.estimate - truth).square().mean()) < 0.8 * float((problem.measurement - truth).square().mean())
    assert float((last.estimate - truth).square().mean()) < 1.1 * float((plain.estimate - truth).square().mean())
