import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_tweedie.analysis.outliers import find_outliers

SIGMA = 0.05


@pytest.fixture
def textured() -> np.ndarray:
    return data.camera()[::2, ::2] / 255


@pytest.mark.parametrize("height", [20, -20, 200])
def test_hot_and_dead_pixels_are_found_and_nothing_else(height: float, textured: np.ndarray, rng: np.random.Generator) -> None:
    marked = rng.random(textured.shape) < 1e-3
    noisy = textured + rng.normal(0, SIGMA, textured.shape) + height * SIGMA * marked
    found = find_outliers(noisy, SIGMA)
    assert found[marked].mean() >= 0.9
    assert (found & ~marked).mean() <= 1e-4


def test_white_noise_and_structures_are_left_alone(textured: np.ndarray, rng: np.random.Generator) -> None:
    assert not find_outliers(rng.normal(0, 1, (256, 256)), 1.0).any()
    spots = np.zeros((128, 128))
    spots[rng.integers(4, 124, 60), rng.integers(4, 124, 60)] = 1
    lines = np.zeros((64, 64))
    lines[30], lines[:, 20] = 1, 1
    np.fill_diagonal(lines[5:25, 30:50], 1)
    for clean, allowed in ((textured, 4), (60 * gaussian_filter(spots, 0.6), 2), (lines, 0)):
        found = find_outliers(clean + rng.normal(0, SIGMA, clean.shape), SIGMA)
        assert found.sum() <= allowed


def test_bad_pixels_at_a_border_are_found_and_two_side_by_side_may_be_a_structure() -> None:
    plane = np.random.default_rng(1).normal(10, 1, (32, 32))
    plane[5, 5:7] = 21
    plane[20, 5:7] = 100
    plane[0, 0] = plane[31, 12] = -80
    assert {tuple(place) for place in np.argwhere(find_outliers(plane, 1.0))} == {(0, 0), (31, 12), (20, 5), (20, 6)}


def test_missing_pixels_and_tiny_planes_say_nothing() -> None:
    plane = np.full((16, 16), np.nan)
    assert not find_outliers(plane, 1.0).any()
    plane[4:12, 4:12] = 1 + np.linspace(0, 0.1, 64).reshape(8, 8)
    plane[8, 8] = 50
    assert np.argwhere(find_outliers(plane, 1.0)).tolist() == [[8, 8]]
    assert not find_outliers(np.ones((2, 9)), 1.0).any()
    assert not find_outliers(plane, 0.0).any()


def test_photons_of_an_almost_empty_image_are_no_outliers(rng: np.random.Generator) -> None:
    for rate in (1e-3, 0.02, 0.2):
        assert not find_outliers(40 * rng.poisson(rate, (96, 96)), 1e-3).any()


def test_many_hot_pixels_of_any_height_are_found_side_by_side_too(textured: np.ndarray, rng: np.random.Generator) -> None:
    marked = rng.random(textured.shape) < 0.03
    noisy = textured + rng.normal(0, SIGMA, textured.shape) + marked * rng.exponential(20 * SIGMA, textured.shape)
    found = find_outliers(noisy, SIGMA)
    high = marked & (noisy - textured > 12 * SIGMA)
    assert found[high].mean() > 0.8
    assert (found & ~marked).mean() < 2e-3


def test_where_every_tenth_pixel_stands_alone_the_image_is_like_that(rng: np.random.Generator) -> None:
    grid = np.zeros((96, 96))
    grid[::3, ::3] = 1
    assert not find_outliers(grid + rng.normal(0, 0.01, grid.shape), 0.01).any()
