"""Is a point-spread function doubted where it is wrong, and only there, and is the width that is proposed a better one?"""

from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt
from napari_tweedie.analysis.blur_misfit import Implied, unexplained
from napari_tweedie.degradations import load
from napari_tweedie.engine.jobs.doubted_blur import LEFT, RISES

SIDE, STD, SIGMA = 96, 1.6, 2.0
restore = partial(nt.restore, denoiser="unet-small", noise={"name": "gaussian", "sigma": SIGMA})


def kernel(std: float) -> np.ndarray:
    return load("gaussian-blur", std=std).kernel(2)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """Overlapping rectangles of random grey levels, whose spectrum falls as that of things which hide each other."""
    rng, image = np.random.default_rng(1), np.zeros((SIDE, SIDE))
    for _ in range(150):
        (y, x), (height, width) = rng.integers(-8, SIDE, 2), rng.integers(3, 24, 2)
        image[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)] = rng.uniform(0, 200)
    return image


@pytest.fixture(scope="module")
def measured(scene: np.ndarray) -> np.ndarray:
    return gaussian_filter(scene, STD) + np.random.default_rng(0).normal(0, SIGMA, scene.shape)


def error(image: np.ndarray, scene: np.ndarray) -> float:
    inner = (slice(8, -8),) * 2
    return float(np.sqrt(((image - scene)[inner] ** 2).mean()))


def test_white_noise_leaves_nothing_unexplained_and_a_wave_is_found_with_its_period() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 1, (128, 128))
    assert unexplained(noise).ratio < 1.2
    wave = 0.5 * np.sin(2 * np.pi * np.arange(128) / 8)
    found = unexplained(noise + wave)
    assert found.ratio > LEFT[2]
    assert 6 < found.period < 11
    assert unexplained(rng.normal(0, 1, (16, 48, 48))).ratio < 1.5


@pytest.mark.parametrize("std", [1.0, STD, 2.5])
def test_an_implied_spectrum_rises_where_the_blur_is_too_wide(scene: np.ndarray, std: float) -> None:
    measured = gaussian_filter(scene, std) + np.random.default_rng(0).normal(0, 1, scene.shape)
    implied = Implied(measured, 1.0)
    rises = [implied.rise(kernel(factor * std)) for factor in (0.6, 1.0, 1.5, 2.0)]
    assert max(rises[:2]) < RISES < min(rises[2:])
    most = implied.widest(lambda factor: kernel(2 * std * factor), RISES)
    assert 0.5 <= most < 0.8  # the true one is half as wide


@pytest.mark.parametrize("factor", [0.7, 1.0])
def test_a_right_or_narrow_function_is_not_doubted(measured: np.ndarray, factor: float) -> None:
    result = restore(measured, "gaussian-blur", std=factor * STD)
    assert "fitting_width" not in result.provenance
    assert not any("point-spread function is wrong" in note for note in result.notes)


@pytest.mark.parametrize("solver", ["hqs", "tikhonov"])
def test_of_a_function_that_is_too_wide_the_width_is_told_with_which_the_result_is_better_than_its_measurement(
    scene: np.ndarray, measured: np.ndarray, solver: str
) -> None:
    wide = restore(measured, "gaussian-blur", std=2 * STD, solver=solver)
    assert error(wide.image, scene) > error(measured, scene)  # which is why it has to be told
    width = wide.provenance["fitting_width"]
    note = next(note for note in wide.notes if "point-spread function is wrong, too wide" in note)
    assert f"set its relative width to {width:.2g}" in note
    again = restore(measured, load("gaussian-blur", std=2 * STD, relative_width=width), solver=solver)
    assert error(again.image, scene) < 0.9 * error(measured, scene)


def test_of_a_stack_what_the_result_leaves_tells_that_its_function_is_too_wide() -> None:
    rng, shape = np.random.default_rng(3), (12, 40, 40)
    places = rng.uniform(0, 1, (8, 3)) * shape
    away = [np.linalg.norm((np.indices(shape) - place[:, None, None, None]).T * (1, 1, 3), axis=-1).T for place in places]
    light = gaussian_filter((np.min(away, 0) < 5).astype(float), 0.5)
    counts = rng.poisson(800 * gaussian_filter(light, (1, 1.5, 1.5)) + 5) + rng.normal(0, 2, shape) + 100
    noise = {"name": "poisson", "gain": 1.0, "offset": 100.0, "read_noise": 2.0}
    doubted = {}
    for factor in (1.0, 1.6):
        blur = load("gaussian-blur", std=1.5, axial_std=1.0, relative_width=factor)
        result = nt.restore(counts, blur, denoiser="unet-small", noise=noise, volume=True, axes="zyx")
        doubted[factor] = [note for note in result.notes if "point-spread function is wrong" in note]
    assert not doubted[1.0]
    assert len(doubted[1.6]) == 1
