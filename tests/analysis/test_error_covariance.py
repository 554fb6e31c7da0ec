"""Are the errors of sums of pixels of a denoised image those that linear algebra says?"""

import numpy as np
import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.analysis.error_covariance import ErrorCovariance
from napari_tweedie.degradations.correlation import Correlation
from napari_tweedie.images.stabilisation import keep_light, window_mean

SHAPE = (40, 48)
SUPPORT = (slice(12, 24), slice(10, 30))
RNG = np.random.default_rng(0)
X = torch.from_numpy(RNG.normal(0.5, 0.3, (1, 1, *SHAPE)).astype(np.float32))
WHOLE = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))


def weights_of(support: tuple[slice, slice]) -> np.ndarray:
    weights = np.zeros(SHAPE)
    weights[support] = RNG.uniform(0.5, 1.5, weights[support].shape)
    return weights


def test_a_gaussian_prior_has_its_posterior_covariance() -> None:
    """Prior N(0, s²) pixel by pixel: the covariance is s²σ²/(s² + σ²), in grey levels times both slopes."""
    slope, weights = RNG.uniform(1, 9, SHAPE), weights_of(SUPPORT)
    found = ErrorCovariance(denoisers.load("gaussian", std=0.5), X, 0.2, slope).times(weights, WHOLE)
    np.testing.assert_allclose(found, 0.25 * 0.04 / 0.29 * slope**2 * weights, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("rows", [(), (0.2, *(0.0,) * 7)], ids=["near", "rows"])
def test_noise_that_correlates_does_so_in_a_sum(rows: tuple[float, ...]) -> None:
    """What is left as it is errs as the noise does: the variance of the sum is that of noise drawn with its autocovariance."""
    near = np.zeros((8, 8))
    near[:2, :2] = np.outer([1, 0.45], [1, 0.45]) * (1 - sum(rows[:1]))
    correlation = Correlation(tuple(map(tuple, near.tolist())), rows)
    weights = weights_of(SUPPORT)
    law = ErrorCovariance(lambda x, sigma: x, X, 0.2, np.ones(SHAPE), correlation)
    pixels = np.argwhere(weights > 0)
    down, across = (np.abs(np.subtract.outer(axis, axis)) for axis in pixels.T)
    autocovariance = np.pad(near, ((0, 40), (0, 40)))[down, across] + sum(rows[:1]) * (down == 0)
    values = weights[weights > 0]
    expected = 0.04 * values @ autocovariance @ values
    assert (weights * law.times(weights, WHOLE)).sum() == pytest.approx(expected, rel=0.02)


def test_light_that_is_kept_brings_its_noise_into_a_sum() -> None:
    """A denoiser that returns black keeps the light alone; the sum varies as it does over noisy images."""
    weights, light = weights_of(SUPPORT), RNG.uniform(2, 8, SHAPE)
    law = ErrorCovariance(lambda x, sigma: 0 * x, X, 0.2, np.ones(SHAPE), light=light)
    noisy = np.sqrt(light) * RNG.standard_normal((4000, *SHAPE))
    sums = np.array([(weights * keep_light(np.zeros(SHAPE), y)).sum() for y in noisy])
    assert (weights * law.times(weights, WHOLE)).sum() == pytest.approx(sums.var(), rel=0.1)


def test_what_is_kept_of_the_light_is_not_what_the_denoiser_knows() -> None:
    """The estimate's own error, here all of the noise, is left but for its smooth part, which comes again with the noise."""
    weights = weights_of(SUPPORT)
    kept = ErrorCovariance(lambda x, sigma: x, X, 1.0, np.ones(SHAPE), light=np.ones(SHAPE)).times(weights, WHOLE)
    smooth = window_mean(weights)
    own = weights - smooth
    np.testing.assert_allclose(kept, own - window_mean(own) + window_mean(smooth), rtol=1e-4, atol=1e-5)


def test_a_part_of_the_image_suffices() -> None:
    """The network looks no further than around the weights."""
    f = denoisers.load("unet-small", precision="float32")
    x = torch.from_numpy(RNG.normal(0.5, 0.1, (1, 1, 160, 160)).astype(np.float32))
    law = ErrorCovariance(f, x, 0.1, np.ones(x.shape[2:]))
    support = (slice(70, 78), slice(76, 86))
    place = law.around(support)
    whole, part = np.zeros(x.shape[2:]), np.zeros([s.stop - s.start for s in place])
    whole[support] = 1
    part[tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(support, place, strict=True))] = 1
    everything = (slice(0, 160), slice(0, 160))
    assert part.size < 0.7 * whole.size
    with torch.no_grad():
        cut, all_ = (part * law.times(part, place)).sum(), (whole * law.times(whole, everything)).sum()
    assert cut == pytest.approx(all_, rel=0.03)
