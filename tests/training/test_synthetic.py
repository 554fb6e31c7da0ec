import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from napari_tweedie.training import synthetic
from napari_tweedie.training.data import draw_batch
from napari_tweedie.training.synthetic import Synthetic, cells, dead_leaves, filaments, membranes, phantom, power_law_field, spots

ALL = (dead_leaves, filaments, spots, membranes, cells, phantom)


def slope(images: list[np.ndarray]) -> float:
    """Fall of the power with frequency, fitted below half of the highest frequency; a window hides the borders."""
    size = images[0].shape[0]
    window = np.hanning(size)[:, None] * np.hanning(size)
    power = np.mean([np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2 for image in images], axis=0)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size))
    band = (frequency > 4 / size) & (frequency < 0.25)
    return -float(np.polyfit(np.log(frequency[band]), np.log(power[band]), 1)[0])


@pytest.mark.parametrize("draw", ALL)
def test_images_are_seeded_in_range_and_differ(draw: synthetic.Scene) -> None:
    first, again = (draw(48, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    rng = np.random.default_rng(3)
    for image in (draw(size, rng) for size in (16, 33, 64)):
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1.5
        assert image.std() > 0
    assert not np.array_equal(draw(48, rng), first)


@pytest.mark.parametrize("wanted", [1.0, 2.0, 3.0])
def test_the_power_of_a_field_falls_as_asked(wanted: float) -> None:
    rng = np.random.default_rng(0)
    fields = [power_law_field(128, wanted, rng) for _ in range(8)]
    assert slope(fields) == pytest.approx(wanted, abs=0.15)
    assert fields[0].std() == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_dead_leaves_have_the_spectrum_of_photographs() -> None:
    rng = np.random.default_rng(0)
    images = [dead_leaves(96, rng) for _ in range(8)]
    assert 1.4 < slope(images) < 2.8
    differences = np.concatenate([np.diff(image).ravel() for image in images])
    kurtosis = np.mean(differences**4) / np.mean(differences**2) ** 2
    assert kurtosis > 6  # edges between flat regions; 3 for a Gaussian field


@pytest.mark.parametrize("draw", [filaments, spots, cells])
def test_fluorescence_is_dark_with_few_bright_pixels(draw: synthetic.Scene) -> None:
    rng = np.random.default_rng(0)
    images = np.stack([draw(96, rng) for _ in range(24)])
    assert np.median(images) < 0.25 * np.percentile(images, 99)


def test_patches_are_recorded_through_optics() -> None:
    rng = np.random.default_rng(0)
    sharp = np.stack([spots(64, rng) for _ in range(10)])
    recorded = np.stack([synthetic.as_recorded(image, np.random.default_rng(5)) for image in sharp])

    def finest(images: np.ndarray) -> float:
        low = uniform_filter(images, (0, 3, 3))
        return float((images - low).std() / images.std())

    assert finest(recorded) < 0.8 * finest(sharp)


def test_every_batch_is_noise_free_and_has_dim_images() -> None:
    batch = draw_batch([Synthetic(1.0)], 60, 32, np.random.default_rng(0))
    assert batch.shape == (60, 1, 32, 32)
    assert np.isfinite(batch).all()
    assert batch.min() >= 0
    assert batch.max() <= 1
    brightest = batch.max(axis=(1, 2, 3))
    assert 0.1 < np.mean(brightest < 0.5) < 0.6
