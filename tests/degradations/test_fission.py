"""Are the two sides of a noisy image independent, and do they tell which of two estimates is nearer to the truth?"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie.degradations.correlation import Correlation, draw_noise
from napari_tweedie.degradations.fission import split_gaussian, split_photons
from napari_tweedie.degradations.noise import Poisson

SHARE = 0.2
ALONG_X = Correlation(tuple(tuple(0.6**dx if dy == 0 else 0.0 for dx in range(8)) for dy in range(8)))


def correlation_of(left: np.ndarray, held: np.ndarray, clean: np.ndarray) -> float:
    return float(np.corrcoef((left - clean).ravel(), (held - clean).ravel())[0, 1])


@pytest.mark.parametrize("read", [0.0, 3.0])
@pytest.mark.parametrize("photons", [1, 4, 50])
def test_thinned_photons_are_independent_and_keep_mean_and_variance(photons: int, read: float) -> None:
    rng, gain, offset = np.random.default_rng(photons), 2.5, 100.0
    shape = (400, 400)
    image = gain * rng.poisson(photons, shape) + offset + read * rng.standard_normal(shape)
    left, held = split_photons(image, Poisson(gain=gain, offset=offset, read_noise=read), SHARE, rng)
    mean = (1 - SHARE) * gain * photons + offset
    variance = (1 - SHARE) * (gain**2 * photons + read**2)
    assert left.mean() == pytest.approx(mean, abs=4 * variance**0.5 / 400)
    assert left.var() == pytest.approx(variance, rel=0.03)
    assert held.mean() == pytest.approx(mean, abs=4 * (variance * (1 - SHARE) / SHARE) ** 0.5 / 400)
    few = read > 0 and photons == 1  # negative numbers are no photons
    assert abs(correlation_of(left, held, np.full(shape, mean))) < (0.05 if few else 0.012)


@pytest.mark.parametrize("correlation", [None, ALONG_X])
def test_split_gaussian_noise_is_uncorrelated_also_between_neighbours(correlation: Correlation | None) -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.zeros(1, 1, 400, 400)
    noisy = clean + 0.3 * draw_noise(clean, correlation, generator)
    left, held = split_gaussian(noisy, 0.3, SHARE, generator, correlation)
    assert float(left.std()) == pytest.approx(0.3 / (1 - SHARE) ** 0.5, rel=0.02)
    assert float(held.std()) == pytest.approx(0.3 / SHARE**0.5, rel=0.02)
    assert correlation_of(left.numpy(), held.numpy(), clean.numpy()) == pytest.approx(0, abs=0.015)
    assert correlation_of(left[..., 1:].numpy(), held[..., :-1].numpy(), clean[..., 1:].numpy()) == pytest.approx(0, abs=0.015)


def test_the_held_side_tells_the_difference_of_errors() -> None:
    rng = np.random.default_rng(0)
    clean = 20 + 60 * gaussian_filter(rng.standard_normal((300, 300)), 4)
    clean = np.clip(clean, 1, None)
    left, held = split_photons(rng.poisson(clean), Poisson(gain=1, offset=0, read_noise=0), SHARE, rng)
    truth = (1 - SHARE) * clean
    sharp, smooth = gaussian_filter(left, 1), gaussian_filter(left, 5)
    true = np.mean((sharp - truth) ** 2 - (smooth - truth) ** 2)
    seen = np.mean((sharp - held) ** 2 - (smooth - held) ** 2)
    assert seen == pytest.approx(true, rel=0.1)
