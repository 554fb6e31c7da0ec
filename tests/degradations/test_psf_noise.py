"""Is noise taken off a measured point-spread function, and its shape left?"""

import numpy as np
import pytest

from napari_tweedie import degradations
from napari_tweedie.degradations.psf_noise import noise, without_noise


def lobe(shape: tuple[int, ...], std: tuple[float, ...], centre: tuple[float, ...]) -> np.ndarray:
    grids = zip(np.indices(shape), std, centre, strict=True)
    return np.exp(-0.5 * sum(((grid - middle) / s) ** 2 for grid, s, middle in grids))


def error(psf: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(psf - truth) / np.linalg.norm(truth))


def noisy(truth: np.ndarray, sigma: float = 0.02, seed: int = 0) -> np.ndarray:
    return truth + sigma * np.random.default_rng(seed).standard_normal(truth.shape)


def test_a_symmetric_function_is_averaged_with_its_mirror_images() -> None:
    truth = lobe((31, 31), (2, 2), (15, 15))
    clean, alike = without_noise(noisy(truth), 0.02)
    assert alike == ["Y", "X", "its diagonal"]
    assert error(clean, truth) < 0.45 * error(np.where(clean > 0, noisy(truth), 0), truth)


def test_a_stack_is_averaged_along_each_axis_that_allows_it() -> None:
    truth = lobe((21, 23, 25), (3, 1.5, 1.5), (10, 11, 12.5)) + 0.5 * lobe((21, 23, 25), (2, 1.5, 1.5), (14, 11, 12.5))
    clean, alike = without_noise(noisy(truth), 0.02)
    assert alike == ["Y", "X"]
    assert error(clean, truth) < 0.05


def test_the_trace_of_a_motion_keeps_its_shape() -> None:
    truth = lobe((31, 31), (1, 1), (12, 10)) + 0.6 * lobe((31, 31), (1, 1), (15, 15)) + 0.3 * lobe((31, 31), (1, 1), (21, 16))
    clean, alike = without_noise(noisy(truth), 0.02)
    assert alike == []
    assert error(clean, truth) < error(np.where(clean != 0, noisy(truth), 0), truth)


@pytest.mark.parametrize("sigma", [0.01, 0.02, 0.05])
def test_a_border_tells_its_noise(sigma: float) -> None:
    assert noise(noisy(lobe((31, 31), (2, 2), (15, 15)), sigma)) == pytest.approx(sigma, rel=0.3)


def test_light_apart_from_a_measured_function_moves_it_no_more() -> None:
    """An uneven background at one side of the array, and specks, as around a bead under a light sheet."""
    random = np.random.default_rng(0)
    z, y, x = np.indices((25, 48, 48))
    bead = 3000 * np.exp(-((z - 12) ** 2 / 8 + ((y - 24) ** 2 + (x - 24) ** 2) / 5))
    uneven = np.where(x > 44, 10.0, 0.0) + np.where((y < 6) & (x < 6) & (z < 3), 70.0, 0.0)
    measured = 100 + bead + uneven + random.normal(0, 13, bead.shape)
    blur = degradations.load("psf-blur", psf=measured.astype(np.float32))
    kernel = blur.kernel(3)
    centre = np.array([(kernel * grid).sum() for grid in np.indices(kernel.shape)])
    assert np.abs(centre - np.array(kernel.shape) // 2).max() < 0.06
    middle = tuple(slice(n // 2 - 5, n // 2 + 6) for n in kernel.shape)
    expected = (bead / bead.sum())[7:18, 19:30, 19:30]
    assert np.linalg.norm(kernel[middle] - expected) < 0.05 * np.linalg.norm(expected)
    assert any("of the light of the point-spread function lies apart from it" in note for note in blur.notes(3))


def test_rings_of_a_function_are_no_stray_light() -> None:
    y, x = np.indices((41, 41)) - 20
    r = np.hypot(y, x)
    function = 1000 * np.exp(-(r**2) / 4) + 60 * np.exp(-((r - 12) ** 2) / 2)
    measured = function + np.random.default_rng(0).normal(0, 4, r.shape)
    kernel = degradations.load("psf-blur", psf=measured.astype(np.float32)).kernel(2)
    y, x = np.indices(kernel.shape) - np.array(kernel.shape)[:, None, None] // 2
    ring = function[abs(r - 12) < 4].sum() / function.sum()
    assert kernel[abs(np.hypot(y, x) - 12) < 4].sum() == pytest.approx(ring, rel=0.1)
