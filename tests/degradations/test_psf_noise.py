"""Is noise taken off a measured point-spread function, and its shape left?"""

import numpy as np
import pytest

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
