import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.analysis.uncertainty import local_mean, posterior_components, posterior_variance
from napari_tweedie.degradations.linear_algebra import fourier_filter

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
