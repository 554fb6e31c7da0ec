"""Is the estimated noise level that of the noise which was added?"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_tweedie.analysis.noise_level import estimate_noise_level, estimate_stack_noise_level

SIDE = 256
y, x = np.mgrid[:SIDE, :SIDE] / SIDE
BACKGROUNDS: dict[str, NDArray[Any]] = {
    "flat": np.full((SIDE, SIDE), 0.5),
    "gradient": x + 0.5 * y,
    "smooth": np.sin(5 * x) * np.cos(7 * y),
    "waves": np.sin(2 * np.pi * SIDE * x / 6),
    "edges": (np.hypot(x - 0.5, y - 0.5) < 0.3) + (x > 0.8).astype(float),
    "half texture": np.where(x < 0.5, 0.2, np.random.default_rng(3).random((SIDE, SIDE))),
}


def noise(shape: tuple[int, ...], sigma: float = 1.0, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, sigma, shape)


@pytest.mark.parametrize("sigma", [0.02, 0.1])
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_white_noise_is_measured_whatever_lies_below(background: str, sigma: float) -> None:
    noisy = BACKGROUNDS[background] + noise((SIDE, SIDE), sigma)
    assert estimate_noise_level(noisy) == pytest.approx(sigma, rel=0.05)


def test_pure_noise_has_no_bias() -> None:
    estimates = [estimate_noise_level(noise((64, 64), seed=seed)) for seed in range(30)]
    assert np.mean(estimates) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("factor", "offset"), [(100.0, 0.0), (1e-6, 3e-6), (-3.0, 1e4)])
def test_scaling_scales_and_shifting_leaves_it(factor: float, offset: float) -> None:
    image = BACKGROUNDS["smooth"] + noise((SIDE, SIDE), 0.1)
    assert estimate_noise_level(factor * image + offset) == pytest.approx(abs(factor) * estimate_noise_level(image), rel=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float16", "float32"])
def test_any_real_dtype(dtype: str) -> None:
    counts = (100 + 40 * BACKGROUNDS["gradient"] + noise((SIDE, SIDE), 4)).round().astype(dtype)
    assert estimate_noise_level(counts) == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 3), (64, 64)])
@pytest.mark.parametrize("value", [0, 7.5, True])
def test_constant_image_has_no_noise(shape: tuple[int, int], value: float) -> None:
    assert estimate_noise_level(np.full(shape, value)) == 0


def test_clean_step_has_no_noise() -> None:
    assert estimate_noise_level((x > 0.5).astype(np.uint8)) == pytest.approx(0, abs=1e-6)


def test_few_non_finite_pixels_are_set_aside() -> None:
    image = noise((SIDE, SIDE), 3)
    rng = np.random.default_rng(1)
    for value in (np.nan, np.inf, -np.inf):
        image[rng.random(image.shape) < 0.005] = value
    assert estimate_noise_level(image) == pytest.approx(3, rel=0.05)


def test_image_without_finite_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        estimate_noise_level(np.full((8, 8), np.nan))
    with pytest.raises(ValueError, match="finite"):
        estimate_noise_level(np.empty((0, 8)))


def test_stack_is_refused_as_a_plane() -> None:
    with pytest.raises(ValueError, match=r"\(3, 8, 8\)"):
        estimate_noise_level(np.zeros((3, 8, 8)))


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 2), (1, 50), (5, 5), (9, 9), (12, 40), (20, 20)])
def test_tiny_images_give_an_estimate_of_the_right_order(shape: tuple[int, int]) -> None:
    estimates = [estimate_noise_level(noise(shape, 2, seed)) for seed in range(50)]
    assert all(np.isfinite(estimates))
    assert np.median(estimates) == pytest.approx(2, rel=0.5 if min(shape) < 3 else 0.1)


@pytest.mark.parametrize("background", [0.0, 0.3])
def test_constant_half_does_not_count(background: float) -> None:
    image = 0.5 + noise((SIDE, SIDE), 0.1)
    image[:, SIDE // 2 :] = background
    assert estimate_noise_level(image) == pytest.approx(0.1, rel=0.05)


def test_constant_surround_of_a_round_object_does_not_count() -> None:
    image = np.where(np.hypot(x - 0.5, y - 0.5) < 0.3, 100 + noise((SIDE, SIDE), 5), 0).round().astype(np.uint8)
    assert estimate_noise_level(image) == pytest.approx(5, rel=0.05)


def test_saturated_and_clipped_regions_do_not_count() -> None:
    image = np.clip(4 * x - 1.5 + noise((SIDE, SIDE), 0.1), 0, 1)
    assert np.mean((image == 0) | (image == 1)) > 0.5
    assert estimate_noise_level(image) == pytest.approx(0.1, rel=0.05)


def test_stack_has_the_noise_of_its_planes_whatever_is_blank() -> None:
    stack = noise((40, 64, 64), 2)
    stack[30:] = 0
    stack[0] = np.nan
    assert estimate_stack_noise_level(stack) == pytest.approx(2, rel=0.03)
    assert estimate_stack_noise_level(np.zeros((3, 8, 8))) == 0


def test_stack_without_finite_planes_is_refused() -> None:
    with pytest.raises(ValueError, match="2 planes"):
        estimate_stack_noise_level([np.full((8, 8), np.nan)] * 2)
    with pytest.raises(ValueError, match="0 planes"):
        estimate_stack_noise_level([])


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, napari_tweedie.analysis.noise_level; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("background", ["flat", "gradient", "smooth", "edges"])
def test_noise_that_may_be_correlated_but_is_not_is_measured_as_well(background: str) -> None:
    noisy = BACKGROUNDS[background] + noise((SIDE, SIDE), 0.1)
    assert estimate_noise_level(noisy, correlated=True) == pytest.approx(0.1, rel=0.05)


def test_noise_of_enlarged_pixels_is_that_of_white_noise_as_strong_at_their_size() -> None:
    """Noise of σ on squares of 2 × 2 pixels has the spectrum of white noise of 2 σ at low frequencies."""
    enlarged = BACKGROUNDS["gradient"] + np.kron(noise((SIDE // 2, SIDE // 2), 0.1), np.ones((2, 2)))
    assert estimate_noise_level(enlarged) < 0.05
    assert estimate_noise_level(enlarged, correlated=True) == pytest.approx(0.2, rel=0.05)
    assert estimate_stack_noise_level([enlarged], correlated=True) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (2, 2), (3, 3)])
def test_tiny_images_may_have_correlated_noise(shape: tuple[int, int]) -> None:
    assert np.isfinite(estimate_noise_level(noise(shape), correlated=True))
