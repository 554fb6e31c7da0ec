import pytest
import torch
from scipy import stats

from napari_tweedie import denoisers
from napari_tweedie.analysis.uncertainty import (
    area_of,
    hidden_light,
    hidden_variance,
    local_mean,
    of_fused,
    posterior_components,
    posterior_variance,
)
from napari_tweedie.degradations.linear_algebra import fourier_filter, smoothed

FIELD = denoisers.load("gaussian", std=0.5, slope=2)


def jacobian(shape: tuple[int, ...], sigma: float) -> torch.Tensor:
    """J of the exact denoiser of the field, as a matrix."""
    count = shape[0] * shape[1]
    impulses = torch.eye(count).view(count, 1, *shape)
    spectrum = FIELD.spectrum(impulses)
    return fourier_filter(impulses, spectrum / (spectrum + sigma**2)).view(count, count)


def test_the_variance_of_a_field_is_that_of_its_posterior(generator: torch.Generator) -> None:
    """It is the same for all pixels, so that the mean over squares and probes has one value to reach."""
    x = torch.randn((1, 1, 32, 32), generator=generator)
    clean, variance = posterior_variance(FIELD, x, 0.3, generator, probes=64)
    torch.testing.assert_close(clean, FIELD(x, 0.3))
    expected = float(0.3**2 * jacobian((32, 32), 0.3)[0, 0])
    assert float(variance.mean()) == pytest.approx(expected, rel=0.02)
    assert float(variance.std()) < 0.25 * expected


def test_without_correlation_one_probe_is_exact(generator: torch.Generator) -> None:
    """Pixels that are shrunk one by one, each by its own factor."""
    factor = torch.rand((1, 1, 9, 8), generator=generator)
    x = torch.randn((1, 1, 9, 8), generator=generator)
    _, variance = posterior_variance(lambda x, sigma: factor * x, x, 0.2, generator, probes=1, smooth=1)
    torch.testing.assert_close(variance, 0.2**2 * factor, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 7, 9), (1, 2, 5, 6, 7)])
def test_the_local_mean_leaves_out_what_is_outside(shape: tuple[int, ...], generator: torch.Generator) -> None:
    x = torch.rand(shape, generator=generator)
    mean = local_mean(x, 3)
    corner = (0, 0, *[slice(0, 2)] * (len(shape) - 2))
    middle = (0, 0, *[slice(1, 4)] * (len(shape) - 2))
    assert float(mean[(0, 0, *[0] * (len(shape) - 2))]) == pytest.approx(float(x[corner].mean()))
    assert float(mean[(0, 0, *[2] * (len(shape) - 2))]) == pytest.approx(float(x[middle].mean()))
    with pytest.raises(ValueError, match=r"must be odd \(got 4\)"):
        local_mean(x, 4)


@pytest.mark.parametrize("region", [(), (slice(2, 9), slice(1, 8))])
def test_components_are_the_top_eigenvectors_of_the_covariance(region: tuple[slice, ...], generator: torch.Generator) -> None:
    shape, sigma = (10, 9), 0.3
    inside = torch.zeros(shape)
    inside[(..., *region)] = 1
    covariance = sigma**2 * inside.flatten() * jacobian(shape, sigma) * inside.flatten()[:, None]
    expected = torch.linalg.eigvalsh(covariance).flip(0)[:3].sqrt()
    x = torch.randn((1, 1, *shape), generator=generator)
    directions, stds = posterior_components(FIELD, x, sigma, generator, count=6, iterations=60, region=region)
    torch.testing.assert_close(stds[:3], expected, rtol=0.01, atol=0)
    v = directions.flatten(1)
    torch.testing.assert_close(v @ v.T, torch.eye(6), rtol=0, atol=1e-3)
    for vector, std in zip(v[:3], stds[:3], strict=True):
        assert float((covariance @ vector - std**2 * vector).norm()) < 0.05 * float(std**2)
    assert float((directions * (1 - inside)).abs().max()) < 1e-6


@pytest.mark.parametrize("function", [posterior_variance, posterior_components])
def test_a_noise_level_of_zero_is_refused(function: object, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match=r"sigma must be > 0 \(got 0"):
        function(FIELD, torch.zeros(1, 1, 4, 4), 0.0, generator)  # type: ignore[operator]


def test_a_mean_over_many_pixels_is_never_certain(generator: torch.Generator) -> None:
    """J of the mean over 9 × 9 pixels is 1/81 everywhere, far below the noise of 8 probes; its squares tell."""
    x = torch.randn((1, 1, 64, 64), generator=generator)
    _, variance = posterior_variance(lambda x, sigma: local_mean(x, 9), x, 0.5, generator)
    inner = variance[..., 6:-6, 6:-6] / (0.25 / 81)
    assert float(inner.mean()) == pytest.approx(1, rel=0.1)
    assert float(inner.min()) > 0.1
    assert float(inner.max()) < 3


@pytest.mark.parametrize("size", [1.0, 2.0])
def test_the_area_is_that_which_divides_the_variance_of_white_noise(size: float, generator: torch.Generator) -> None:
    white = torch.randn((40, 1, 32, 32), generator=generator)
    assert float(smoothed(white, size)[..., 8:-8, 8:-8].var()) == pytest.approx(1 / area_of(size, 2), rel=0.05)


def test_what_stands_out_of_the_residual_makes_uncertain_and_noise_alone_does_not(generator: torch.Generator) -> None:
    noise = 0.1 * torch.randn((1, 1, 64, 64), generator=generator)
    even = torch.zeros_like(noise)
    assert float(hidden_variance(even, even, 0.1).max()) == 0
    assert float(hidden_variance(noise, even, 0.1).mean()) < 0.01 * 0.1**2
    y, x = torch.meshgrid(torch.arange(64) - 30.0, torch.arange(64) - 30.0, indexing="ij")
    bead = 0.4 * torch.exp(-(y**2 + x**2) / 8)
    found = hidden_variance(noise + bead, even, 0.1)[0, 0]
    assert 0.4 < float(found[30, 30].sqrt()) < 0.7
    assert float(found[:16].mean()) < 0.02 * 0.1**2


def test_evidence_of_hidden_light_is_the_ratio_of_poissons_law() -> None:
    """Counts that are even, a fifth more than expected, so that all that the widest filter covers is one number of counts."""
    area = area_of(2.0, 2)
    expected = 40 / area
    counted, clean = torch.full((1, 1, 24, 24), 1.2 * expected), torch.full((1, 1, 24, 24), expected)
    odds = 1e-3 * stats.poisson(48).pmf(48) / stats.poisson(40).pmf(48)
    variance = odds / (1 + odds) * (2 * 0.2 * expected) ** 2
    assert float(hidden_light(counted, clean)[0, 0, 12, 12]) == pytest.approx(variance, rel=0.01)


def test_a_plane_into_which_nothing_was_fused_keeps_its_variance() -> None:
    variance, level = torch.rand(1, 1, 8, 8), torch.full((1, 1, 8, 8), 0.3)
    torch.testing.assert_close(of_fused(variance, level, 0.3), variance)
    assert bool((of_fused(variance, level / 2, 0.3) > variance).all())
