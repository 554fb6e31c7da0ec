import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_tweedie.analysis.detail import measure_detail


@pytest.mark.parametrize(("std", "level"), [(1.5, 0.05), (3.0, 0.05), (1.5, 0.5)])
def test_detail_ends_where_a_blurred_spectrum_meets_the_noise(rng: np.random.Generator, std: float, level: float) -> None:
    clean = gaussian_filter(rng.normal(0, 10, (256, 256)), std, mode="wrap")
    found = measure_detail(clean + rng.normal(0, level, clean.shape), level)
    frequency = np.sqrt(np.log(100 / level**2)) / (2 * np.pi * std)  # where 10² exp(−4π²f²std²) is level²
    assert found.finest == pytest.approx(1 / frequency, rel=0.06)


def test_noise_alone_has_no_detail(rng: np.random.Generator) -> None:
    assert measure_detail(rng.normal(100, 5, (128, 96)), 5.0).finest == np.inf


def test_white_noise_without_a_known_level_has_detail_down_to_the_pixel(rng: np.random.Generator) -> None:
    assert measure_detail(rng.normal(100, 5, (64, 64)), 0.0).finest == pytest.approx(2)


def test_small_and_empty_planes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 pixels"):
        measure_detail(np.zeros((8, 64)), 1.0)
    with pytest.raises(ValueError, match="no numbers"):
        measure_detail(np.full((32, 32), np.nan), 1.0)
