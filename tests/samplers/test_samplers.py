"""What every sampler keeps: numbered randomness, states, refusals; and what the implicit prior does."""

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, samplers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.samplers.sampler import WhiteNoise

FIELD = denoisers.load("gaussian", std=0.3, slope=1)
MASK = degradations.load("mask", mask=torch.rand(8, 10, generator=torch.Generator().manual_seed(2)) < 0.4)
STATED = ((degradations.load("identity"), 0.1), (MASK, 0.1), (MASK, 0.0))


def problem(name: str) -> Problem:
    """A problem that the sampler of this name can treat: gaps rather than noise alone, noise rather than none."""
    generator = torch.Generator().manual_seed(4)
    image = 0.5 + FIELD(torch.randn((1, 1, 8, 10), generator=generator), 0.5)
    noise = torch.randn(image.shape, generator=generator)
    stated = [Problem(A(image + sigma * noise), A, Gaussian(sigma=sigma)) for A, sigma in STATED]
    treated = [each for each in stated if not samplers.load(name).obstacle(each, FIELD)]
    return next((each for each in reversed(treated) if each.noise_level > 0), treated[-1])


def short(name: str) -> dict[str, int]:
    """Enough iterations to see what all samplers keep; those that stop by themselves need more."""
    return {"iterations": 300 if name == "implicit-prior" else 10}


def draws(name: str, seed: int = 0, numbers: range | None = None, **parameters: int) -> torch.Tensor:
    sampler = samplers.load(name, **short(name), **parameters)
    *_, state = sampler(problem(name), FIELD, torch.Generator().manual_seed(seed), numbers)
    return state.estimate


@pytest.mark.parametrize("name", [name for name in samplers.names() if name != "trained"])  # which needs what was trained
def test_a_seed_determines_the_stack_and_a_stack_can_be_extended(name: str) -> None:
    """A sample depends on its number, not on the others that are drawn with it."""
    stack = draws(name, samples=5)
    assert stack.shape == (5, 1, 8, 10)
    assert torch.equal(stack, draws(name, samples=5))
    torch.testing.assert_close(draws(name, numbers=range(3, 6))[:2], stack[3:], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(stack, draws(name, seed=1, samples=5), atol=0.01)


@pytest.mark.parametrize("name", ["split-gibbs", "moment-matched", "snips", "langevin"])
def test_draws_leave_a_residual_of_the_noise_level(name: str) -> None:
    stated = problem(name)
    *_, state = samplers.load(name, samples=50)(stated, FIELD)
    assert state.residual == pytest.approx(0.1, rel=0.3)


def test_samplers_that_draw_from_the_posterior_are_those_measured_to() -> None:
    drawing = {name for name in samplers.names() if samplers.registry.method(name).draws_from_posterior}
    assert drawing == {"langevin", "moment-matched", "snips", "split-gibbs", "trained"}  # the last by its own calibration


def test_samples_that_diverge_end_with_those_before_and_a_note() -> None:
    sampler = samplers.load("langevin", samples=2, iterations=60)
    states = list(sampler(problem("langevin"), lambda x, sigma: 1e4 * x))
    assert "diverged" in states[-1].note
    assert bool(torch.isfinite(states[-1].estimate).all())
    assert states[-1].iteration == states[-1].total == len(states) < 60


def test_samples_that_are_never_finite_are_an_error() -> None:
    with pytest.raises(ValueError, match="not finite after the first step"):
        next(samplers.load("langevin")(problem("langevin"), lambda x, sigma: x / 0))


@pytest.mark.parametrize(
    ("name", "operator", "sigma", "message"),
    [
        ("moment-matched", MASK, 0.1, "noise alone; for 'mask' choose split-gibbs"),
        ("langevin", MASK, 0.1, "noise alone; for 'mask' choose snips or split-gibbs"),
        (
            "snips",
            degradations.load("gaussian-blur", std=0.5),
            0.1,
            "needs singular values, but .gaussian-blur. has .*boundary=.circular. only: choose split-gibbs",
        ),
        (
            "ddrm",
            degradations.load("gaussian-blur", std=0.5),
            0.1,
            "needs singular values, but .gaussian-blur. has .*boundary=.circular. only: choose split-gibbs",
        ),
        ("implicit-prior", MASK, 0.1, r"without noise, at most of level 0.01 \(got 0.1\)"),
        ("implicit-prior", degradations.load("gaussian-blur", boundary="circular"), 0.0, "equally strong in all directions"),
    ],
)
def test_what_cannot_be_treated_is_refused_at_once(
    name: str, operator: degradations.Degradation, sigma: float, message: str
) -> None:
    stated = Problem(torch.zeros(1, 1, 8, 10), operator, Gaussian(sigma=sigma))
    with pytest.raises(ValueError, match=message):
        samplers.load(name)(stated, FIELD)


def test_a_denoiser_without_a_derivative_is_refused_by_the_sampler_that_needs_it() -> None:
    with pytest.raises(ValueError, match="dps needs the derivative of the denoiser, which 'wavelet' has none of: choose another"):
        samplers.load("dps")(problem("dps"), denoisers.load("wavelet"))


def test_a_batch_of_measurements_is_refused() -> None:
    stated = Problem(torch.zeros(2, 1, 8, 10), degradations.load("identity"), Gaussian(sigma=0.1))
    with pytest.raises(ValueError, match=r"one measurement at a time \(got a batch of 2\)"):
        samplers.load("moment-matched")(stated, FIELD)


def test_pairs_see_opposite_noise_and_all_else_is_independent(generator: torch.Generator) -> None:
    white = WhiteNoise(generator, range(6))
    noise = torch.stack([white(torch.zeros(1, 1, 50, 50)) for _ in range(2)], 1).flatten(2)
    assert torch.equal(noise[0::2], -noise[1::2])
    independent = noise[0::2].flatten(0, 1)
    torch.testing.assert_close(independent @ independent.T / 2500, torch.eye(6), rtol=0, atol=0.1)


def test_unpaired_noise_is_independent(generator: torch.Generator) -> None:
    noise = WhiteNoise(generator, range(4), paired=False)(torch.zeros(1, 1, 50, 50)).flatten(1)
    torch.testing.assert_close(noise @ noise.T / 2500, torch.eye(4), rtol=0, atol=0.1)


def test_the_implicit_prior_keeps_what_is_measured_and_stops_by_itself() -> None:
    stated = problem("implicit-prior")
    *_, state = samplers.load("implicit-prior", samples=3)(stated, FIELD)
    torch.testing.assert_close(stated.degradation(state.estimate), stated.measurement.expand(3, -1, -1, -1), rtol=0, atol=1e-5)
    assert state.iteration < 1000


@pytest.mark.parametrize("cap", [5, 30])
def test_the_implicit_prior_never_exceeds_its_cap(cap: int) -> None:
    """A denoiser that moves the image by as much as ever never lets the noise level fall."""
    sampler = samplers.load("implicit-prior", samples=1, iterations=cap)
    states = list(sampler(problem("implicit-prior"), lambda x, sigma: x + 1))
    assert len(states) == cap


@pytest.mark.parametrize("name", ["implicit-prior", "moment-matched"])
def test_prior_samples_need_under_100_steps(name: str) -> None:
    sampler = samplers.load(name, samples=4, **({"beta": 0.5} if name == "implicit-prior" else {"iterations": 40}))
    states = list(sampler.prior(FIELD, torch.zeros(1, 1, 40, 40)))
    assert states[-1].iteration == states[-1].total == len(states) < 100


def test_prior_samples_of_moment_matching_have_the_variance_of_the_prior() -> None:
    """White pixels of variance 0.3²; the noise they begin with is ten times as wide."""
    field = denoisers.load("gaussian", std=0.3)
    *_, state = samplers.load("moment-matched", samples=40, iterations=40, start=3.0).prior(field, torch.zeros(1, 1, 20, 20))
    assert float(state.estimate.std()) == pytest.approx(0.3, rel=0.03)


@pytest.mark.slow
def test_four_fold_super_resolution_by_the_implicit_prior_takes_a_few_hundred_steps(scene: np.ndarray) -> None:
    """Published: 215; each step is a denoiser call. The result keeps the measurement and is nearer to the truth than it."""
    truth = torch.from_numpy(scene[:60, :60]).float()[None, None]
    operator, unet = degradations.load("downsample", factor=4), denoisers.load("unet-small", precision="float32")
    stated = Problem(operator(truth), operator, Gaussian(sigma=0.0))
    *_, state = samplers.load("implicit-prior", samples=1, beta=0.01)(stated, unet)
    assert 100 < state.iteration < 400
    torch.testing.assert_close(operator(state.estimate), stated.measurement, rtol=0, atol=1e-5)
    blocks = stated.measurement.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert (state.estimate - truth).square().mean() < (blocks - truth).square().mean()


def test_waves_that_a_denoiser_does_not_know_are_drawn_from_the_measurement() -> None:
    """Long ones then vary as the noise does, about those of the measurement; the others are what they were without."""
    from scipy.fft import dctn

    class Unaware:
        longest_wave = 16.0

        def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
            return FIELD(x, sigma)

    stated, sampler = problem("moment-matched"), samplers.load("moment-matched", iterations=6, samples=400)
    (*_, with_own), (*_, drawn) = (sampler(stated, f, torch.Generator().manual_seed(0)) for f in (FIELD, Unaware()))
    waves = [dctn(state.estimate[:, 0].numpy(), axes=(1, 2), norm="ortho") for state in (with_own, drawn)]
    measured = dctn(stated.measurement[0, 0].numpy(), norm="ortho")
    squared = (np.arange(8)[:, None] / 16) ** 2 + (np.arange(10)[None] / 20) ** 2
    is_long = squared <= (1 / 16) ** 2
    assert is_long.sum() == 3
    np.testing.assert_allclose(waves[1][:, ~is_long], waves[0][:, ~is_long], atol=1e-5)
    np.testing.assert_allclose(waves[1].mean(0)[is_long], measured[is_long], atol=1e-5)  # noise comes in opposite pairs
    np.testing.assert_allclose(waves[1].std(0)[is_long], stated.noise_level, rtol=0.2)
    assert waves[0].std(0)[is_long].max() < 0.99 * stated.noise_level
