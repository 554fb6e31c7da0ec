from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm

from napari_tweedie import denoisers
from napari_tweedie.analysis.score import check_score, exact_score, score

FIELD = denoisers.load("gaussian", std=0.3, slope=1.5)
MIXTURE = denoisers.load("mixture", share=0.3)


@pytest.mark.parametrize("shape", [(4, 5), (4, 4)])
def test_the_density_of_the_gaussian_prior_is_that_of_its_covariance(shape: tuple[int, int]) -> None:
    """With the covariance found by filtering pulses, and SciPy's density."""
    pixels = shape[0] * shape[1]
    pulses = torch.eye(pixels).view(pixels, 1, *shape)
    sigma = 0.2
    shrinkage = FIELD(pulses, sigma).view(pixels, pixels).double().numpy()  # S (S + σ²)⁻¹
    covariance = sigma**2 * np.linalg.inv(np.eye(pixels) - shrinkage)  # S + σ²
    x = torch.randn(3, 1, *shape, generator=torch.Generator().manual_seed(1))
    expected = multivariate_normal.logpdf(x.flatten(1), cov=covariance)
    np.testing.assert_allclose(FIELD.log_density(x, sigma), expected, rtol=1e-4)


def test_drawn_fields_have_the_spectrum(generator: torch.Generator) -> None:
    like = torch.empty(400, 1, 12, 10)
    fields = FIELD.draw(like, generator)
    power = torch.fft.rfft2(fields, norm="ortho").abs().square().mean(0)[0]
    assert ((power / FIELD.spectrum(like) - 1).abs() < 0.35).all()
    assert fields.std() == pytest.approx(FIELD.std, rel=0.02)


def test_the_density_of_the_mixture_is_the_sum_of_both_kinds() -> None:
    x = torch.linspace(-0.5, 1.5, 30).view(5, 1, 2, 3)
    spread = np.hypot(MIXTURE.std, 0.2)
    density = sum(
        share * norm.pdf(x, mean, spread) for mean, share in ((MIXTURE.dark, 1 - MIXTURE.share), (MIXTURE.bright, MIXTURE.share))
    )
    np.testing.assert_allclose(MIXTURE.log_density(x, 0.2), np.log(density).sum((1, 2, 3)), rtol=1e-5)


def test_drawn_pixels_are_dark_or_bright(generator: torch.Generator) -> None:
    pixels = MIXTURE.draw(torch.empty(1, 1, 300, 300), generator)
    bright = pixels > 0.5
    assert bright.float().mean() == pytest.approx(MIXTURE.share, abs=0.01)
    assert pixels[bright].mean() == pytest.approx(MIXTURE.bright, abs=0.002)
    assert pixels[~bright].std() == pytest.approx(MIXTURE.std, rel=0.02)


@pytest.mark.parametrize("sigma", [0.05, 0.5])
@pytest.mark.parametrize("prior", [FIELD, MIXTURE], ids=["gaussian", "mixture"])
def test_the_score_of_an_exact_denoiser_is_the_gradient_of_its_density(
    prior: Any, sigma: float, generator: torch.Generator
) -> None:
    clean = prior.draw(torch.empty(4, 1, 24, 17), generator)
    x = clean + sigma * torch.randn(clean.shape, generator=generator)
    check = check_score(prior, prior, x, sigma)
    assert check.error < 1e-10
    assert check.correlation == pytest.approx(1, abs=1e-5)
    scale = exact_score(prior, x, sigma).abs().max()
    assert (score(prior, x, sigma) - exact_score(prior, x, sigma)).abs().max() < 1e-5 * scale


def test_the_check_finds_a_wrong_score(generator: torch.Generator) -> None:
    """A denoiser that believes in twice the noise level is off by a known amount for white fields."""
    white = denoisers.load("gaussian", std=1.0)
    x = torch.randn(2, 1, 16, 16, generator=generator)
    check = check_score(lambda image, sigma: white(image, 2 * sigma), white, x, 1.0)
    # s = −4/5 x where s* = −1/2 x
    assert check.error == pytest.approx(0.36, rel=1e-4)
    assert check.correlation == pytest.approx(1, abs=1e-6)


def test_an_offset_is_seen_by_the_denoiser_alone(generator: torch.Generator) -> None:
    x = FIELD.draw(torch.empty(1, 1, 16, 16), generator)
    check = check_score(lambda image, sigma: FIELD(image - 3, sigma) + 3, FIELD, x, 0.1, offset=3.0)
    assert check.error < 1e-8


def test_the_learned_score_agrees_with_that_of_fields_it_has_never_seen(generator: torch.Generator) -> None:
    """Its error is the excess of the denoiser's squared error over the best one's, in units of the mean square of σ s*."""
    fields = denoisers.load("gaussian", std=0.15, slope=2.0)
    clean = fields.draw(torch.empty(1, 1, 64, 64), generator)
    x = clean + 0.1 * torch.randn(clean.shape, generator=generator)
    check = check_score(denoisers.load("unet-small", precision="float32"), fields, x, 0.1, offset=0.5)
    assert check.correlation > 0.97
    assert check.error < 0.06


def test_without_noise_there_is_no_score() -> None:
    with pytest.raises(ValueError, match="sigma must be > 0"):
        score(FIELD, torch.zeros(1, 1, 4, 4), 0.0)
