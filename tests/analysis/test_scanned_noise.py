"""Noise that neighbours share along one axis is told from texture all over an image, and so is how it grows with light."""

import numpy as np
import pytest
from scipy.ndimage import convolve1d, gaussian_filter

from napari_tweedie.analysis.noise_kind import identify_noise
from napari_tweedie.analysis.noise_spectrum import NoiseSpectrum
from napari_tweedie.degradations.noise import Poisson

GAIN, BLACK, READ = 1.0, 100.0, 2.0


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    """Return light of 1 to about 200 photons a pixel that changes everywhere, smoothly."""
    pattern = gaussian_filter(np.random.default_rng(1).normal(size=(256, 256)), 3.0, mode="wrap")
    return np.asarray(30 * np.exp(0.7 * pattern / pattern.std()))


def _shared(axis: int, width: float = 1.0) -> np.ndarray:
    """Return noise of level 1 that is blurred along an axis."""
    kernel = np.exp(-(np.arange(-4, 5) ** 2) / (2 * width**2))
    white = np.random.default_rng(2).normal(size=(256, 256))
    return np.asarray(convolve1d(white, kernel / np.linalg.norm(kernel), axis=axis, mode="wrap"))


@pytest.mark.parametrize("axis", [0, 1])
def test_scanners_noise_on_texture_has_its_correlation_and_law(texture: np.ndarray, axis: int) -> None:
    noisy = BLACK + GAIN * texture + np.sqrt(GAIN * texture + READ**2) * _shared(axis)
    found = identify_noise([noisy])
    assert isinstance(found.noise, Poisson)
    assert found.correlation is not None
    near = np.array(found.correlation.near)
    along, across = (near[0, 1], near[1, 0]) if axis == 1 else (near[1, 0], near[0, 1])
    assert along == pytest.approx(np.exp(-1 / 4), abs=0.1)  # of white noise blurred by a Gaussian of this width
    assert across == pytest.approx(0.0, abs=0.1)
    for light in (15.0, 40.0, 100.0):
        assert found.noise.level(BLACK + light) == pytest.approx(np.sqrt(light + READ**2), rel=0.2)


def test_noise_that_is_the_same_along_both_axes_is_not_that_of_a_scanner(texture: np.ndarray) -> None:
    white = np.random.default_rng(3).normal(size=texture.shape)
    for noise in (white, 3 * gaussian_filter(white, 0.7)):
        spectrum = NoiseSpectrum.of([texture + 5 * noise])
        assert spectrum is not None
        assert spectrum.white_along is None


def test_a_scanners_noise_on_plain_ground_is_measured_as_any_other() -> None:
    spectrum = NoiseSpectrum.of([_shared(1)])
    assert spectrum is not None
    assert spectrum.white_along is None
