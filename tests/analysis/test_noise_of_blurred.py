"""Is the noise of blurred images found, also where bright objects are few and small?"""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_tweedie.analysis.noise_of_blurred import detail, law_of_noise
from napari_tweedie.degradations import load


def kernel(std: float, ndim: int = 2) -> np.ndarray:
    return load("gaussian-blur", std=std, axial_std=std).kernel(ndim)


def few_discs(side: int = 128, std: float = 1.6) -> np.ndarray:
    """Return a blurred disc, a fiftieth of a dark field, of brightness 1."""
    disc = np.hypot(*(np.indices((side, side)) - side / 2)) < side / 12
    return gaussian_filter(disc.astype(float), std)


def camera(clean: np.ndarray, gain: float, offset: float, read_noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return offset + gain * rng.poisson(clean) + rng.normal(0, read_noise, clean.shape)


@pytest.mark.parametrize("photons", [20, 500, 5000])
def test_photon_noise_of_a_small_bright_disc_is_found_with_its_gain_and_offset(photons: int) -> None:
    law = law_of_noise([camera(photons * few_discs(), 2.0, 100.0, 3.0)], kernel(1.6))
    assert law is not None
    assert law.is_of_photons
    assert law.gain == pytest.approx(2.0, rel=0.35)
    assert 100 - 0.7 * 3 < law.offset < 100.5
    assert law.gain * (100 - law.offset) + law.read_noise**2 == pytest.approx(3.0**2, rel=0.25)


def test_a_ground_that_a_little_light_reaches_is_not_cut_off() -> None:
    """It has one photon a pixel, which read noise of two hides; a level without light above the true one loses what is dark."""
    law = law_of_noise([camera(1 + 20 * few_discs(), 1.0, 100.0, 2.0)], kernel(1.6))
    assert law is not None
    assert law.offset < 100.4


def test_equal_noise_is_told_from_photon_noise() -> None:
    noisy = 100 * few_discs() + np.random.default_rng(1).normal(0, 5, (128, 128))
    law = law_of_noise([noisy], kernel(1.6))
    assert law is not None
    assert not law.is_of_photons
    assert law.level == pytest.approx(5, rel=0.03)


def test_a_lit_ground_is_not_taken_for_dark() -> None:
    clean = 200 + 300 * gaussian_filter(np.random.default_rng(2).normal(size=(128, 128)), 6) * 12
    law = law_of_noise([camera(clean.clip(100), 1.0, 100.0, 2.0)], kernel(1.6))
    assert law is not None
    assert law.gain == pytest.approx(1, rel=0.15)
    assert law.offset < 160


def test_a_blur_that_leaves_detail_tells_nothing() -> None:
    assert law_of_noise([scene(64, 2)], kernel(0.3)) is None
    assert law_of_noise([scene(64, 2) + np.random.default_rng(5).normal(0, 9, (64, 64))], kernel(0.3)) is not None


def test_missing_pixels_are_left_out() -> None:
    image = camera(500 * few_discs(), 1.0, 100.0, 2.0)
    image[:, 40:44] = np.nan
    law = law_of_noise([image], kernel(1.6))
    assert law is not None
    assert law.gain == pytest.approx(1, rel=0.3)


def scene(n: int, ndim: int) -> np.ndarray:
    """Return a random field whose power falls as frequency to the power of −2.4 in the plane, of variance one."""
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*[np.fft.fftfreq(n)] * ndim, indexing="ij")))
    frequency.flat[0] = np.inf
    spectrum = np.fft.fftn(np.random.default_rng(4).normal(size=(n,) * ndim)) * frequency ** -((2.4 + ndim - 2) / 2)
    field = np.fft.ifftn(spectrum).real
    return field / field.std()


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_is_left_of_detail_is_the_variance_of_fourth_differences(ndim: int) -> None:
    """Against a random field of that spectrum, blurred and differenced."""
    n, blur = 64, kernel(0.6, ndim)
    grid = np.zeros((n,) * ndim)
    grid[tuple(slice(side) for side in blur.shape)] = blur
    blurred = np.fft.ifftn(np.fft.fftn(scene(n, ndim)) * np.fft.fftn(grid)).real
    for axis in (-2, -1):
        blurred = sum(w * np.roll(blurred, k, axis) for k, w in enumerate((1, -4, 6, -4, 1))) / 70**0.5
    assert detail(blur) == pytest.approx(blurred.var(), rel=0.1)
