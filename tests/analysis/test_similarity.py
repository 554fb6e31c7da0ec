import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal.windows import tukey
from skimage.metrics import peak_signal_noise_ratio

from napari_tweedie.analysis.similarity import (
    TAPER,
    _taper,
    fourier_ring_correlation,
    line_profile,
    power_spectrum,
    psnr,
    ssim,
)

SIDE = 256


def band_limited(rng: np.random.Generator, limit: float) -> NDArray[np.float64]:
    """White noise of unit power below `limit` cycles per pixel, nothing above."""
    spectrum = np.fft.fft2(rng.normal(size=(SIDE, SIDE)))
    f = np.fft.fftfreq(SIDE)
    return np.fft.ifft2(spectrum * (np.hypot(f[:, None], f) < limit)).real


def test_psnr_is_that_of_scikit_image(rng: np.random.Generator) -> None:
    reference = (255 * rng.random((32, 40))).astype(np.uint8)
    image = np.clip(reference + rng.normal(0, 9, reference.shape), 0, 255).astype(np.uint8)
    assert psnr(image, reference, 255) == pytest.approx(peak_signal_noise_ratio(reference, image))
    assert psnr(reference, reference) == float("inf")


def test_psnr_of_a_known_error() -> None:
    reference = np.linspace(0, 4, 100).reshape(10, 10)
    assert psnr(reference + 0.4, reference) == pytest.approx(20)


def test_ssim_of_a_change_of_contrast_is_its_formula(rng: np.random.Generator) -> None:
    """Of two images of which one is the other times 3 plus noise-free offset zero, with means close to zero."""
    reference = rng.normal(0, 1, (64, 64))
    assert ssim(reference, reference) == pytest.approx(1)
    tiny = 1e-6  # range so small that the constants of the formula vanish: 2·3 / (1 + 9) in luminance and in contrast
    assert ssim(3 * reference, reference, tiny) == pytest.approx(0.6**2, abs=1e-6)


def test_images_of_different_shape_or_constant_references_are_refused() -> None:
    with pytest.raises(ValueError, match="must be equal"):
        psnr(np.zeros((4, 4)), np.zeros((4, 5)))
    with pytest.raises(ValueError, match="must be > 0"):
        psnr(np.ones((4, 4)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="at least 16"):
        fourier_ring_correlation(np.zeros((8, 64)), np.zeros((8, 64)))


def test_an_image_correlates_with_itself_at_every_frequency(rng: np.random.Generator) -> None:
    image = rng.random((64, 96))
    rings = fourier_ring_correlation(image, 3 * image + 7, pixel_size=0.1)
    np.testing.assert_allclose(rings.correlation, 1)
    assert rings.frequency[-1] == pytest.approx(5)
    assert rings.resolution == pytest.approx(0.2)


def test_independent_noise_has_no_resolution(rng: np.random.Generator) -> None:
    rings = fourier_ring_correlation(rng.normal(size=(SIDE, SIDE)), rng.normal(size=(SIDE, SIDE)))
    assert np.abs(rings.correlation[10:]).max() < 0.25
    assert rings.resolution > 30


@pytest.mark.parametrize("limit", [0.1, 0.3])
def test_the_resolution_of_two_noisy_frames_is_the_band_limit(limit: float, rng: np.random.Generator) -> None:
    signal = band_limited(rng, limit)
    frames = [signal + rng.normal(0, 0.3, signal.shape) for _ in range(2)]
    rings = fourier_ring_correlation(*frames, pixel_size=(65.0, 65.0))
    three_rings = 3 / SIDE  # the window and the smoothing blur the edge of the band by that
    assert 65 / rings.resolution == pytest.approx(limit, abs=three_rings)


def test_the_correlation_is_the_share_of_the_signal_in_the_power(rng: np.random.Generator) -> None:
    """FRC = S / (S + N) for two frames with the spectrum S of the signal and N of the noise."""
    signal = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 1.0, mode="wrap")
    sigma = 0.2
    rings = fourier_ring_correlation(*(signal + rng.normal(0, sigma, signal.shape) for _ in range(2)))
    power = np.exp(-((2 * np.pi * rings.frequency) ** 2))
    expected = power / (power + sigma**2)
    assert np.abs(rings.correlation - expected)[20:].max() < 0.15
    assert np.abs(rings.correlation - expected)[20:].mean() < 0.04
    crossing = np.interp(1 / 7, expected[::-1], rings.frequency[::-1])
    assert rings.resolution == pytest.approx(1 / crossing, rel=0.03)


def test_borders_of_a_drifting_background_do_not_correlate(rng: np.random.Generator) -> None:
    """Frames of nothing but a ramp and independent noise have no fine detail in common, although both jump at the borders."""
    ramp = 20 * np.linspace(0, 1, SIDE)
    frames = [ramp + rng.normal(size=(SIDE, SIDE)) for _ in range(2)]
    assert fourier_ring_correlation(*frames).resolution > 20


def test_anisotropic_pixels_give_rings_in_units_of_length(rng: np.random.Generator) -> None:
    """A wave along Y, whose pixels are twice as long, is found at its frequency per unit of length."""
    y = 2.0 * np.arange(128)[:, None] + np.zeros(128)
    frequency, power = power_spectrum(np.sin(2 * np.pi * y / 16) + rng.normal(0, 0.01, y.shape), pixel_size=(2.0, 1.0))
    assert frequency[power.argmax()] == pytest.approx(1 / 16)
    assert frequency[-1] == pytest.approx(0.25)


def test_white_noise_has_a_flat_spectrum_of_its_variance(rng: np.random.Generator) -> None:
    frequency, power = power_spectrum(rng.normal(5, 3, (SIDE, SIDE)))
    assert power[10:].mean() == pytest.approx(9, rel=0.05)
    assert np.abs(np.polyfit(frequency[10:], power[10:], 1)[0]) < 3


def test_the_profile_of_a_ramp_is_the_ramp() -> None:
    plane = np.arange(20.0) + np.zeros((10, 1))
    np.testing.assert_allclose(line_profile(plane, (2, 3), (2, 12)), np.arange(3, 13))
    np.testing.assert_allclose(line_profile(plane, (4, 3), (4, 12), width=3), np.arange(3, 13))


@pytest.mark.parametrize("length", [1, 2, 3, 16, 255])
def test_planes_are_tapered_by_the_window_of_tukey(length: int) -> None:
    np.testing.assert_allclose(_taper(length), tukey(length, 2 * TAPER), atol=1e-12)
