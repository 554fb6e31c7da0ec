import numpy as np
import pytest
from napari.layers import Image

from napari_tweedie.widgets.layers.contrast import fit_contrast, limits_within, look_of_both, sampled
from napari_tweedie.widgets.parts.derived import relative


def test_limits_are_those_of_the_image_within_those_of_its_input(rng: np.random.Generator) -> None:
    clean = rng.uniform(100, 200, 100_000)
    assert limits_within(clean, (0, 400)) == pytest.approx((100.1, 199.9), abs=0.05)
    assert limits_within(clean, (120, 180)) == (120, 180)
    assert limits_within(clean, (120, 180), brighter=True) == pytest.approx((120, 199.9), abs=0.05)
    assert limits_within(clean, (0, 10)) == (0, 10), "beside all that there is"
    assert limits_within([], (3, 4)) == (3, 4)


def test_what_is_finer_than_the_noise_is_not_stretched(rng: np.random.Generator) -> None:
    low, high = limits_within(100 + 0.1 * rng.standard_normal(1000), (50, 150), least=12)
    assert high - low == pytest.approx(12)
    assert (low + high) / 2 == pytest.approx(100, abs=0.1)


def test_an_input_of_far_stronger_noise_is_shown_in_a_third_of_its_range() -> None:
    source = Image(np.zeros((4, 4)), contrast_limits=(0, 300))
    weak, strong = (Image(np.zeros((4, 4)), contrast_limits=limits, gamma=0.5) for limits in ((90, 250), (140, 160)))
    assert look_of_both(weak, source) == ((90, 250), 0.5)
    assert look_of_both(strong, source) == ((100, 200), 0.5)


def test_what_is_infinite_or_still_to_come_does_not_count_in_contrasts() -> None:
    data = np.zeros((20, 20), np.float32)
    data[:5], data[0, 0], data[0, 1] = -3, np.inf, np.nan
    layer = Image(data, contrast_limits=(0, 1))
    fit_contrast(layer)
    assert layer.contrast_limits == [-3, 3]
    assert sampled(data).size == 398


def test_few_pixels_of_a_large_array_are_looked_at() -> None:
    assert 1000 <= sampled(np.ones((30, 300, 200)), 10_000).size <= 10_000


def test_a_relative_spread_is_empty_on_ground() -> None:
    found = relative(np.array([2.0, 2.0, 2.0, 2.0]), np.array([20.0, 1.0, 0.0, -1.0]))
    np.testing.assert_array_equal(found, np.array([0.1, np.nan, np.nan, np.nan], np.float32))


def test_booleans_have_limits() -> None:
    assert limits_within(sampled(np.eye(8) > 0), (0, 1)) == (0, 1)
