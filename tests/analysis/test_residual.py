"""Is structure found in what was removed where there is some, and nowhere else?"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_tweedie import denoisers
from napari_tweedie.analysis.noise_level import estimate_noise_level
from napari_tweedie.analysis.residual import check_residual, mean_check

IMAGES = {
    "camera": data.camera()[100:228, 200:328] / 255,
    "coins": data.coins()[100:228, 100:228] / 255,
    "moon": data.moon()[100:228, 100:228] / 255,
    "cell": data.cell()[200:328, 200:328] / 255,
}


def noise(sigma: float, blur: float = 0.0) -> np.ndarray:
    white = np.random.default_rng(0).normal(size=(128, 128))
    correlated = gaussian_filter(white, blur, mode="wrap") if blur else white
    return sigma * correlated / correlated.std()


def note(noisy: np.ndarray, sigma: float | None) -> str:
    x = torch.from_numpy(noisy).float()[None, None]
    with torch.no_grad():
        clean = denoisers.load("unet")(x, sigma or estimate_noise_level(noisy))[0, 0].numpy()
    check = check_residual(noisy, clean, sigma is None)
    assert check is not None
    return check.note()


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.2])
@pytest.mark.parametrize("name", IMAGES)
def test_white_noise_of_the_right_level_raises_no_alarm(name: str, sigma: float) -> None:
    assert note(IMAGES[name] + noise(sigma), sigma) == ""


@pytest.mark.parametrize("name", ["camera", "coins"])
def test_a_level_twice_too_high_is_told(name: str) -> None:
    assert "noise level is too high" in note(IMAGES[name] + noise(0.1), 0.2)


@pytest.mark.parametrize("name", IMAGES)
def test_correlated_noise_is_told_whether_its_level_is_given_or_estimated(name: str) -> None:
    noisy = IMAGES[name] + noise(0.1, 0.7)
    assert "neighbouring residuals correlate by 0." in note(noisy, 0.1)
    assert "times as strong as white noise would be" in note(noisy, None)


@pytest.mark.parametrize("axis", [0, 1])
def test_noise_of_a_line_wise_scan_is_told_where_its_level_is_estimated(axis: int) -> None:
    """Noise averaged over two neighbours along one axis correlates by a half there, and not at all along the other."""
    white = np.random.default_rng(0).normal(size=(128, 128))
    noisy = IMAGES["coins"] + 0.1 * (white + np.roll(white, 1, axis)) / 2**0.5
    check = check_residual(noisy, IMAGES["coins"], estimated=True)
    assert check.stripes == pytest.approx(0.5 if axis == 0 else -0.5, abs=0.1)
    assert check_residual(noisy, IMAGES["coins"], estimated=False).stripes == 0
    alone = replace(check, correlation=0.0, coarseness=0.0)
    assert f"correlate by {abs(check.stripes):.2f} more than along the other" in alone.note()


def test_correlated_noise_that_was_told_of_is_not_told_again() -> None:
    noisy = IMAGES["camera"] + noise(0.1, 0.7)
    assert check_residual(noisy, IMAGES["camera"], estimated=True, white=False).note() == ""
    assert check_residual(noisy, IMAGES["camera"], estimated=True).note() != ""


def test_the_correlation_is_that_of_the_residual() -> None:
    """White noise blurred by a Gaussian of std s has the correlation exp(−1 / 4s²) between neighbours."""
    check = check_residual(noise(1.0, 1.0), np.zeros((128, 128)), False)
    assert check is not None
    assert check.correlation == pytest.approx(np.exp(-1 / 4), abs=0.05)


def test_a_residual_at_edges_follows_the_image() -> None:
    image = np.kron(np.random.default_rng(1).random((4, 4)), np.ones((32, 32)))
    at_edges = gaussian_filter(np.hypot(*np.gradient(image)), 2) * noise(1.0)
    check = check_residual(image + at_edges, image, False)
    assert check is not None
    assert check.edges > 0.6
    assert "with edges" in check.note()


def test_checks_are_averaged_and_small_or_untouched_planes_left_out() -> None:
    first, second = (check_residual(noise(1.0, blur), np.zeros((128, 128)), False) for blur in (0.0, 1.0))
    assert first is not None
    assert second is not None
    assert mean_check([first, second]).correlation == pytest.approx((first.correlation + second.correlation) / 2)
    assert check_residual(noise(1.0)[:20], np.zeros((20, 128)), False) is None
    assert check_residual(noise(1.0), noise(1.0), False) is None
