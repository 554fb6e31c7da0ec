"""With exact denoisers the posterior is known: do the samples have its mean and its variance, in how many denoisings?

Ratio: the samples' variance over the posterior's, both averaged over pixels. Slope: of the samples' mean against the
posterior mean, by least squares over pixels. Both are 1 for a perfect sampler.
"""

import math

import pytest
import torch

from napari_tweedie import degradations, denoisers, samplers
from napari_tweedie.degradations.complex_fourier import ComplexFourier
from napari_tweedie.degradations.linear_algebra import fourier_filter
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.exact import Gaussian as GaussianField
from napari_tweedie.samplers.sampler import local_gaussian

pytestmark = pytest.mark.slow

SIDE = 12
FIELDS = {"white": denoisers.load("gaussian", std=0.5), "coloured": denoisers.load("gaussian", std=0.5, slope=2)}
MASK = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(3)) < 0.5
OPERATORS = {
    "identity": degradations.load("identity"),
    "blur": degradations.load("gaussian-blur", std=1.0, boundary="circular"),
    "mask": degradations.load("mask", mask=MASK),
    "downsample": degradations.load("downsample", factor=2),
    "padded blur": degradations.load("gaussian-blur", std=0.5, boundary="pad"),
}


class Counted:
    """A denoiser that counts the images it was given."""

    def __init__(self, denoiser: denoisers.Denoiser) -> None:
        self.denoiser, self.images = denoiser, 0

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        self.images += len(x)
        return self.denoiser(x, sigma)


def field_problem(field: GaussianField, degradation: degradations.Degradation, sigma: float) -> Problem:
    generator = torch.Generator().manual_seed(1)
    white = torch.randn((1, 1, SIDE, SIDE), generator=generator)
    y = degradation(fourier_filter(white, field.spectrum(white).sqrt()))
    return Problem(y + sigma * torch.randn(y.shape, generator=generator), degradation, Gaussian(sigma=sigma))


def exact_posterior(field: GaussianField, problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of every pixel, from the matrices of A and of the prior's covariance."""
    impulses = torch.eye(SIDE**2).view(-1, 1, SIDE, SIDE)
    prior = fourier_filter(impulses, field.spectrum(impulses)).flatten(1).double()
    a = problem.degradation(impulses).flatten(1).T.double()
    covariance = torch.linalg.inv(torch.linalg.inv(prior) + a.T @ a / problem.noise_level**2)
    return covariance @ a.T @ problem.measurement.flatten().double() / problem.noise_level**2, covariance.diagonal()


def ratio_and_slope(samples: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor) -> tuple[float, float]:
    pixels = samples.flatten(1).double()
    centred = mean - mean.mean()
    slope = (pixels.mean(0) * centred).sum() / centred.square().sum()
    return float(pixels.var(0, correction=0).mean() / variance.mean()), float(slope)


def measured(
    name: str, field: GaussianField, operator: str, sigma: float, samples: int, **parameters: int
) -> tuple[float, float, float]:
    """Return ratio, slope, and denoiser evaluations a sample."""
    problem = field_problem(field, OPERATORS[operator], sigma)
    counted = Counted(field)
    *_, state = samplers.load(name, samples=samples, **parameters)(problem, counted)
    return *ratio_and_slope(state.estimate, *exact_posterior(field, problem)), counted.images / samples


@pytest.mark.parametrize("sigma", [0.1, 0.3])
@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_moment_matched_draws_from_the_posterior_of_a_noisy_field(field: GaussianField, sigma: float) -> None:
    ratio, slope, evaluations = measured("moment-matched", field, "identity", sigma, samples=400)
    assert ratio == pytest.approx(1, abs=0.05)
    assert slope == pytest.approx(1, abs=0.02)
    assert evaluations <= 13


@pytest.mark.parametrize("sigma", [0.1, 0.3])
@pytest.mark.parametrize("operator", ["identity", "blur", "mask", "downsample"])
@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_split_gibbs_draws_from_the_posterior_of_a_degraded_field(field: GaussianField, operator: str, sigma: float) -> None:
    samples = 400 if operator == "mask" else 200  # its ratio is 1.03: fewer samples could not tell that from 1.05
    ratio, slope, evaluations = measured("split-gibbs", field, operator, sigma, samples=samples)
    assert ratio == pytest.approx(1, abs=0.05)
    assert slope == pytest.approx(1, abs=0.02)
    assert evaluations <= 60


@pytest.mark.parametrize("operator", ["blur", "mask", "downsample"])
def test_split_gibbs_draws_smooth_fields_as_well(operator: str) -> None:
    """Most directions vary by far less than the coupling: draws that end too early leave part of their variance out."""
    ratio, slope, _ = measured("split-gibbs", denoisers.load("gaussian", std=0.3, slope=3), operator, 0.2, samples=200)
    assert ratio == pytest.approx(1, abs=0.05)
    assert slope == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("sigma", [0.1, 0.3])
@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_langevin_is_right_to_a_tenth(field: GaussianField, sigma: float) -> None:
    ratio, slope, evaluations = measured("langevin", field, "identity", sigma, samples=60)
    assert ratio == pytest.approx(1, abs=0.1)
    assert slope == pytest.approx(1, abs=0.05)
    assert evaluations <= 300


@pytest.mark.parametrize("sigma", [0.1, 0.3])
@pytest.mark.parametrize("operator", ["identity", "blur", "mask", "downsample"])
def test_snips_is_right_to_a_tenth(operator: str, sigma: float) -> None:
    ratio, slope, evaluations = measured("snips", FIELDS["coloured"], operator, sigma, samples=60)
    assert ratio == pytest.approx(1, abs=0.1)
    assert slope == pytest.approx(1, abs=0.06)
    assert evaluations <= 300


def pixel_posterior(x: torch.Tensor, sigma: float, std: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, variance, and probability of 1, for independent pixels N(0, std²) or N(1, std²), equally often."""
    width = std**2 + sigma**2
    p = torch.sigmoid((x - 0.5) / width)
    means = [centre + (x - centre) * std**2 / width for centre in (0, 1)]
    return (1 - p) * means[0] + p * means[1], std**2 * sigma**2 / width + p * (1 - p) * (means[1] - means[0]) ** 2, p


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_moment_matched_decides_between_two_modes(sigma: float, generator: torch.Generator) -> None:
    """The hard case: noise as wide as the distance of the modes. Ambiguous pixels may be either at 20 to 80 %."""
    mixture = denoisers.load("mixture", dark=0, bright=1, std=0.05)
    clean = (torch.rand((1, 1, 32, 32), generator=generator) < 0.5) + 0.05 * torch.randn((1, 1, 32, 32), generator=generator)
    y = clean + sigma * torch.randn(clean.shape, generator=generator)
    sampler = samplers.load("moment-matched", samples=100, iterations=20)
    counted = Counted(mixture)
    *_, state = sampler(Problem(y, OPERATORS["identity"], Gaussian(sigma=sigma)), counted)
    mean, variance, p = (value.flatten().double() for value in pixel_posterior(y, sigma, 0.05))
    ratio, slope = ratio_and_slope(state.estimate, mean, variance)
    assert ratio == pytest.approx(1, abs=0.05)
    assert slope == pytest.approx(1, abs=0.03)
    ambiguous = (p > 0.2) & (p < 0.8)
    spread = state.estimate.flatten(1).double().var(0, correction=0)
    assert ambiguous.sum() > 200
    assert float(spread[ambiguous].mean() / variance[ambiguous].mean()) == pytest.approx(1, abs=0.1)
    assert counted.images / 100 <= 40


@pytest.mark.parametrize("rho", [0.05, 0.8])
@pytest.mark.parametrize("operator", OPERATORS)
def test_the_problem_draws_from_data_and_coupling(operator: str, rho: float, generator: torch.Generator) -> None:
    """Against mean and covariance σ_y² (AᵀA + ρ)⁻¹ from the matrix of A, direction by direction of AᵀA."""
    degradation, sigma, count = OPERATORS[operator], 0.2, 4000
    impulses = torch.eye(36).view(-1, 1, 6, 6)
    if operator == "mask":
        degradation = degradations.load("mask", mask=MASK[:6, :6])
    a = degradation(impulses).flatten(1).T.double()
    z, y = torch.randn((1, 1, 6, 6), generator=generator), degradation(torch.randn((1, 1, 6, 6), generator=generator))
    problem = Problem(y, degradation, Gaussian(sigma=sigma))
    x = problem.draw(z, rho, lambda like: torch.randn((count, *like.shape[1:]), generator=generator)).flatten(1).double()
    precision = a.T @ a + rho * torch.eye(36)
    mean = torch.linalg.solve(precision, a.T @ y.flatten().double() + rho * z.flatten().double())
    values, basis = torch.linalg.eigh(precision)
    standardised = (x - mean) @ basis * values.sqrt() / sigma
    torch.testing.assert_close(standardised.mean(0), torch.zeros(36).double(), rtol=0, atol=5 / math.sqrt(count))
    torch.testing.assert_close(standardised.T.cov(), torch.eye(36).double(), rtol=0, atol=7 / math.sqrt(count))


def counted(field: GaussianField, operator: str, photons: int) -> Problem:
    """A field above a light of 1.5 that is so many photons a pixel, counted by a camera with a little read noise."""
    generator, degradation = torch.Generator().manual_seed(1), OPERATORS[operator]
    white = torch.randn((1, 1, SIDE, SIDE), generator=generator)
    clean = degradation(fourier_filter(white, field.spectrum(white).sqrt()))
    noise = Poisson(gain=1.5 / photons, offset=-1.5, read_noise=0.02)
    return Problem(noise.add(clean, generator), degradation, noise)


@pytest.mark.parametrize("photons", [25, 150])
@pytest.mark.parametrize("operator", ["identity", "blur", "mask", "downsample"])
@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_split_gibbs_draws_from_the_posterior_of_counted_light(field: GaussianField, operator: str, photons: int) -> None:
    """Against the matrices of A, of the prior, and of noise whose variance is that of the light that the sampler expects."""
    problem = counted(field, operator, photons)
    *_, state = samplers.load("split-gibbs", samples=400 if operator == "mask" else 200)(problem, field)
    ratio, slope = ratio_and_slope(state.estimate, *exact_posterior(field, local_gaussian(problem, field)))
    assert ratio == pytest.approx(1, abs=0.05)
    assert slope == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("photons", [25, 150])
@pytest.mark.parametrize("operator", ["identity", "mask"])
def test_the_spread_of_counted_pixels_is_that_of_poissons_law(operator: str, photons: int) -> None:
    """Independent pixels: the posterior of each is summed up on a grid, with the law of photons itself and no read noise."""
    problem = counted(FIELDS["white"], operator, photons)
    noise = Poisson(gain=1.5 / photons, offset=-1.5, read_noise=0.0)
    counts = ((problem.measurement + 1.5) / noise.gain).round().clamp_min(0)
    problem = Problem((noise.gain * counts - 1.5) * (~MASK if operator == "mask" else 1), problem.degradation, noise)
    *_, state = samplers.load("split-gibbs", samples=400)(problem, FIELDS["white"])
    x = torch.linspace(-1.4999, 3, 4000).double()
    rate = (x + 1.5) / noise.gain
    logarithm = counts.flatten()[:, None].double() * rate.log() - rate
    if operator == "mask":
        logarithm = torch.where(~MASK.flatten()[:, None], logarithm, 0.0)
    density = torch.softmax(logarithm - 0.5 * (x / 0.5) ** 2, 1)
    mean = density @ x
    ratio, slope = ratio_and_slope(state.estimate, mean, density @ x**2 - mean**2)
    assert ratio == pytest.approx(1, abs=0.05)
    assert slope == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("name", ["moment-matched", "langevin"])
def test_samplers_of_white_noise_refuse_that_of_photons(name: str) -> None:
    problem = Problem(torch.ones(1, 1, 8, 8), OPERATORS["identity"], Poisson(gain=0.1, offset=0, read_noise=0))
    with pytest.raises(ValueError, match=r"needs noise that is the same everywhere.*choose split-gibbs"):
        samplers.load(name)(problem, FIELDS["white"])


@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_split_gibbs_draws_from_the_posterior_of_a_complex_image(sigma: float) -> None:
    """Real and imaginary part are fields of their own, seen by two coils at half of the frequencies."""
    field, generator = FIELDS["white"], torch.Generator().manual_seed(1)
    coils = torch.randn((2, SIDE, SIDE), generator=generator, dtype=torch.complex64)
    coils = coils / coils.abs().square().sum(0).sqrt()
    operator = ComplexFourier.of(coils, torch.zeros(SIDE, SIDE), MASK)
    y = operator(0.5 * torch.randn((1, 2, SIDE, SIDE), generator=generator))
    y = torch.where(operator.observed(y), y + sigma * torch.randn(y.shape, generator=generator), 0.0)
    problem = Problem(y, operator, Gaussian(sigma=sigma))
    impulses = torch.eye(2 * SIDE**2).view(-1, 2, SIDE, SIDE)
    a = operator(impulses).flatten(1).T.double()
    covariance = torch.linalg.inv(torch.eye(len(impulses)).double() / 0.5**2 + a.T @ a / sigma**2)
    mean = covariance @ a.T @ y.flatten().double() / sigma**2
    *_, state = samplers.load("split-gibbs", samples=200)(problem, field)
    ratio, slope = ratio_and_slope(state.estimate, mean, covariance.diagonal())
    assert ratio == pytest.approx(1, abs=0.05)
    assert slope == pytest.approx(1, abs=0.02)
