"""Steadier noise in the dark: found where there is some, and never more than the level of the image."""

import numpy as np
import pytest
from skimage import data

from napari_tweedie.analysis.dark_noise import levels_by_brightness

SIGMA = 0.1


def test_the_level_of_every_brightness_is_found() -> None:
    rng = np.random.default_rng(0)
    clean = np.repeat(np.linspace(0, 1, 8), 32)[None] * np.ones((256, 1))
    true = SIGMA * np.where(clean < 0.3, 0.5, np.where(clean < 0.5, 0.7, 1.0))
    found = levels_by_brightness(clean + true * rng.standard_normal(clean.shape), SIGMA)
    assert found is not None
    inside = np.abs(np.arange(256) % 32 - 16) < 8  # away from steps
    assert found[:, inside] == pytest.approx(true[:, inside], rel=0.12)


def test_counts_that_were_cut_off_at_zero_are_steadier_there() -> None:
    rng = np.random.default_rng(1)
    clean = np.kron([[0.0, 5.0], [5.0, 0.0]], np.ones((100, 100)))
    noisy = np.maximum(clean + rng.standard_normal(clean.shape), 0)
    found = levels_by_brightness(noisy, 1.0)
    assert found is not None
    expected = np.sqrt(0.5 - 1 / (2 * np.pi))  # of max(n, 0), n standard normal
    assert found[10:90, 10:90].mean() == pytest.approx(expected, rel=0.08)
    assert found[10:90, 110:190].mean() == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("clean", [np.full((128, 128), 0.4), data.camera()[::4, ::4] / 255, data.brick()[:128, :128] / 255])
def test_even_noise_is_left_even_on_any_image(clean: np.ndarray) -> None:
    noisy = clean + SIGMA * np.random.default_rng(2).standard_normal(clean.shape)
    assert levels_by_brightness(noisy, SIGMA) is None


def test_images_that_are_too_small_or_hold_no_noise_say_nothing() -> None:
    assert levels_by_brightness(np.random.default_rng(3).standard_normal((30, 30)), 1.0) is None
    assert levels_by_brightness(np.zeros((128, 128)), 1.0) is None
