from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from napari_tweedie.denoisers.levels import SCALES, levels_of_spectrum
from napari_tweedie.images.stabilisation import Anscombe
from napari_tweedie.training import noises
from napari_tweedie.training.noises import Noise, coloured, correlated, photons, uneven, white


@pytest.fixture
def clean(scene: np.ndarray) -> np.ndarray:
    return np.tile(scene, (2, 2))[:128, :128].astype(np.float32)


@pytest.mark.parametrize("noise", [white, coloured, correlated, uneven, photons])
def test_the_levels_told_are_those_of_the_noise(noise: Noise, clean: np.ndarray) -> None:
    """At the size of a pixel, over many draws; maps are compared by what is left after dividing by them."""
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(60):
        example = noise(clean, 0.1, rng)
        assert example.noisy.shape == clean.shape
        ratios.append((example.noisy - example.clean) / (example.levels[0] * example.field))
    assert np.square(ratios).mean() ** 0.5 == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("draw", [noises._of_spectrum, noises._resampled])
def test_levels_of_coarse_scales_are_those_of_means(draw: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    rng = np.random.default_rng(0)
    told, found = np.zeros(len(SCALES)), np.zeros(len(SCALES))
    for _ in range(40):
        noise, spectrum = draw((128, 128), rng)
        means = [noise.reshape(128 // m, m, 128 // n, n).mean((1, 3)) for m, n in SCALES]
        found += [m * n * np.square(mean).mean() for (m, n), mean in zip(SCALES, means, strict=True)]
        told += levels_of_spectrum(spectrum) ** 2
    np.testing.assert_allclose(found, told, rtol=0.15)


def test_photon_noise_is_stabilised_around_what_is_to_be_found(clean: np.ndarray) -> None:
    """Over many draws of few photons the mean of the noisy patches is the clean one."""
    rng = np.random.default_rng(0)
    examples = [photons(clean, 0.3, rng) for _ in range(200)]
    errors = [(example.noisy - example.clean).mean() / (example.levels.max() * example.field.max()) for example in examples]
    assert abs(np.mean(errors)) < 0.01


@pytest.mark.parametrize("read_noise", [0.0, 1.5])
def test_the_expected_transform_of_photons_is_their_mean(read_noise: float) -> None:
    anscombe = Anscombe(2.0, 10.0, 2.0 * read_noise)
    photon_counts = np.array([0.0, 0.7, 5.0, 80.0, 400.0])
    counts = np.arange(800)
    normal = np.linspace(-6, 6, 601)
    of_counts = anscombe.forward(2 * (counts[:, None] + read_noise * normal) + 10) @ stats.norm.pdf(normal)
    expected = stats.poisson.pmf(counts, photon_counts[:, None]) @ of_counts / stats.norm.pdf(normal).sum()
    np.testing.assert_allclose(anscombe.expected(2 * photon_counts + 10), expected, atol=2e-3)
    np.testing.assert_allclose(anscombe.back(expected), 2 * photon_counts + 10, atol=0.1)


@pytest.mark.parametrize("noise", [coloured, uneven, photons])
def test_noises_are_seeded(noise: Noise, clean: np.ndarray) -> None:
    one, other = (noise(clean, 0.1, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.noisy, other.noisy)


def test_how_noise_correlates_is_told_with_what_lines_share() -> None:
    """Of what is drawn many times; white noise with offsets of rows as strong as it is half that of the rows."""
    products = np.zeros((2, 3))
    examples = [correlated(np.zeros((64, 64)), 1.0, np.random.default_rng((seed, 0))) for seed in range(40)]
    for example in examples:
        told, noise = example.correlation, example.noisy / example.noisy.std()
        assert told is not None
        r = told.autocorrelation()
        assert r[7, 7] == pytest.approx(1)
        beside = [noise[:, 1:] * noise[:, :-1], noise[1:] * noise[:-1], noise[1:, 1:] * noise[:-1, :-1]]
        products += [[r[7, 8], r[8, 7], r[8, 8]], [each.mean() for each in beside]]
    np.testing.assert_allclose(*products, atol=0.05 * len(examples))
    frequency = np.fft.fftfreq(256)
    lines = noises.correlation_of(1 + 256 * (frequency == 0) + 0 * frequency[:, None])
    assert lines.rows[0] == pytest.approx(0.5)
    assert lines.near[0][0] == pytest.approx(0.5)
    assert not lines.columns
