"""Is noise told from texture by how their spectra fall?"""

import numpy as np
import pytest
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter, zoom
from skimage import data

from napari_tweedie.analysis.noise_beneath import RINGS, noise_beneath
from napari_tweedie.analysis.noise_kind import identify_noise

EVEN = np.ones(RINGS)
FREQUENCY = np.hypot(*np.indices((16, 16))) / 32  # cycles a pixel


def blurred(std: float) -> np.ndarray:
    """Return the mean power of the blocks of noise that a Gaussian blurred, as simulated."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(1024, 1024)), std, mode="wrap")
    blocks = noise.reshape(64, 16, 64, 16).swapaxes(1, 2)
    return (dctn(blocks, axes=(2, 3), norm="ortho") ** 2).mean((0, 1))


@pytest.mark.parametrize("std", [0.5, 0.7, 1.0])
def test_the_power_of_noise_that_was_blurred_stays(std: float) -> None:
    power = blurred(std)
    np.testing.assert_array_equal(noise_beneath(power, EVEN), power)


def test_the_power_of_noise_of_lines_stays() -> None:
    along = 1 / (1.2 - np.cos(2 * np.pi * np.arange(16) / 32))
    power = np.tile(along, (16, 1))
    np.testing.assert_array_equal(noise_beneath(power, EVEN), power)


@pytest.mark.parametrize("std", [0.5, 0.7])
def test_texture_is_left_out(std: float) -> None:
    noise = blurred(std)
    texture = 0.02 * np.maximum(FREQUENCY, 1 / 32) ** -2.5 * noise  # what was resampled has little at its finest
    found = noise_beneath(noise + texture, EVEN)
    middle = (FREQUENCY > 0.15) & (FREQUENCY < 0.4)
    np.testing.assert_allclose(found[middle].mean(), noise[middle].mean(), rtol=0.5)
    assert found[FREQUENCY < 0.15].mean() < 0.7 * (noise + texture)[FREQUENCY < 0.15].mean()


@pytest.mark.parametrize("image", [data.grass, data.gravel])
def test_texture_does_not_count_as_noise_of_an_enlarged_image(image) -> None:
    clean = image()[160:320, 160:320].astype(float)
    noisy = clean + np.random.default_rng(0).normal(0, 15, clean.shape)
    enlarged = zoom(noisy, 1.5, order=1)
    left = (enlarged - zoom(clean, 1.5, order=1)).std()
    assert 0.5 * left < identify_noise([enlarged]).noise.level(100.0) < 1.5 * left


@pytest.mark.parametrize(("image", "std", "most"), [(data.grass, 5, 10), (data.brick, 5, 8), (data.gravel, 15, 20)])
def test_white_noise_on_texture_all_over_the_image_is_not_taken_for_much_more(image, std: float, most: float) -> None:
    """Where the texture reaches far, or both axes look alike since the noise is white; grass had been 40."""
    clean = image()[176:336, 176:336].astype(float)
    noisy = clean + np.random.default_rng(0).normal(0, std, clean.shape)
    assert identify_noise([noisy]).noise.level(100.0) < most


def test_offsets_of_lines_beside_white_noise_stay() -> None:
    """They are even along an axis, in which texture is not."""
    power = np.ones((16, 16))
    power[0] = 20
    np.testing.assert_array_equal(noise_beneath(power, EVEN), power)
