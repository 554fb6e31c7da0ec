import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie.denoisers.levels import SCALES, level_maps, levels_of_autocovariance, levels_of_spectrum


def measured(noise: np.ndarray) -> np.ndarray:
    """Return the standard deviations of means over all scales, times the roots of their sizes."""
    found = []
    for m, n in SCALES:
        y, x = (length // size for length, size in zip(noise.shape, (m, n), strict=True))
        means = noise[: y * m, : x * n].reshape(y, m, x, n).mean((1, 3))
        found.append(means.std() * np.sqrt(m * n))
    return np.array(found)


def test_white_noise_has_one_level() -> None:
    autocovariance = np.zeros((3, 5))
    autocovariance[1, 2] = 9.0
    np.testing.assert_allclose(levels_of_autocovariance(autocovariance), 3.0)
    np.testing.assert_allclose(levels_of_spectrum(np.full((24, 40), 9.0)), 3.0)


@pytest.mark.parametrize("std", [(0.8, 0.8), (0.0, 2.0), (1.5, 0.8)])
def test_levels_are_those_measured_on_noise_of_the_spectrum(std: tuple[float, float]) -> None:
    v, u = np.fft.fftfreq(1024)[:, None], np.fft.fftfreq(1024)
    spectrum = np.exp(-((2 * np.pi) ** 2) * ((std[0] * v) ** 2 + (std[1] * u) ** 2))
    noise = gaussian_filter(np.random.default_rng(0).standard_normal((1024, 1024)), std, mode="wrap")
    np.testing.assert_allclose(levels_of_spectrum(spectrum), measured(noise), rtol=0.05)


def test_spectrum_and_autocovariance_tell_the_same() -> None:
    spectrum = np.random.default_rng(0).random((63, 33))
    spectrum += np.roll(spectrum[::-1, ::-1], (1, 1), (0, 1))  # of a real field
    autocovariance = np.fft.fftshift(np.fft.ifft2(spectrum).real)
    np.testing.assert_allclose(levels_of_autocovariance(autocovariance), levels_of_spectrum(spectrum))


def test_an_offset_for_every_row_counts_along_the_rows_only() -> None:
    levels = dict(zip(SCALES, levels_of_autocovariance(np.ones((1, 15))), strict=True))
    assert levels[1, 8] == pytest.approx(8**0.5)
    assert levels[8, 1] == pytest.approx(1)
    assert levels[8, 8] == pytest.approx(8**0.5)


def test_an_autocovariance_needs_a_middle() -> None:
    with pytest.raises(ValueError, match="odd lengths"):
        levels_of_autocovariance(np.ones((4, 5)))


@pytest.mark.parametrize("shape", [(2, 1, 4), (2, 3, 8, 8), (1, 1, 7, 8), (3, 1, 8, 8), (1, 10, 8, 8, 8)])
def test_levels_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="noise levels of images"):
        level_maps(torch.ones(shape), torch.zeros(2, 1, 8, 8))
