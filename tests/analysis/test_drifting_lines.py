"""Noise that the pixels of a line share for a while, as amplifiers drift, is told from offsets of whole lines."""

import numpy as np
import pytest
import torch

from napari_tweedie.analysis.noise_spectrum import NoiseSpectrum
from napari_tweedie.degradations.correlation import REACH, Correlation, draw_noise
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe
from napari_tweedie.widgets.sample_data import low_dose_tem

SIDE, SHARE = 384, 0.14


def noise(length: float, seed: int = 0) -> np.ndarray:
    """Return white noise of variance 1 − SHARE and, of variance SHARE, an autoregressive process along each row, of its own."""
    rng = np.random.default_rng(seed)
    white = rng.normal(0, (1 - SHARE) ** 0.5, (SIDE, SIDE))
    if not length:
        return white + rng.normal(0, SHARE**0.5, (SIDE, 1))
    kept = np.exp(-1 / length)
    line = np.empty((SIDE, SIDE))
    line[:, 0] = rng.normal(size=SIDE)
    for x in range(1, SIDE):
        line[:, x] = kept * line[:, x - 1] + (1 - kept**2) ** 0.5 * rng.normal(size=SIDE)
    return white + SHARE**0.5 * line


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    y, x = np.indices((SIDE, SIDE)) / SIDE
    return 10 * (np.sin(30 * x * y) > 0) + 4 * np.sin(9 * x)


@pytest.mark.parametrize("length", [10.0, 24.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_over_how_many_pixels_lines_share_noise_is_found(length: float, axis: int, scene: np.ndarray) -> None:
    noisy = scene + noise(length)
    spectrum = NoiseSpectrum.of([noisy if axis == 1 else noisy.T])
    assert spectrum is not None
    found, level = spectrum.correlation()
    lines = (found.columns, found.rows)[axis]
    assert (found.lengths[1], found.lengths[0])[axis] == pytest.approx(length, rel=0.25)
    assert (found.lengths[1], found.lengths[0])[1 - axis] == 0
    assert lines[0] == pytest.approx(SHARE, rel=0.2)
    assert level == pytest.approx(1.0, rel=0.1)


def test_whole_lines_share_theirs_all_along(scene: np.ndarray) -> None:
    spectrum = NoiseSpectrum.of([scene + noise(0.0)])
    assert spectrum is not None
    found, _ = spectrum.correlation()
    assert found.lengths == (0.0, 0.0)
    assert found.rows[0] == pytest.approx(SHARE, rel=0.25)
    assert found.words() == "whole rows share some of it"


@pytest.mark.parametrize("length", [0.0, 5.0])
def test_noise_is_drawn_with_the_correlation_that_is_stored(length: float) -> None:
    near = np.zeros((REACH + 1, REACH + 1))
    near[0, 0] = 0.6
    correlation = Correlation(tuple(map(tuple, near.tolist())), (0.4, *(0.0,) * REACH), (), (length, 0.0))
    assert Correlation.restored(correlation.describe()) == correlation
    drawn = draw_noise(torch.zeros(1, 1, 512, 512), correlation, torch.Generator().manual_seed(0))[0, 0].numpy()
    for distance in (1, 4, REACH):
        measured = float(np.mean(drawn[:, distance:] * drawn[:, :-distance]))
        assert measured == pytest.approx(0.4 * (np.exp(-distance / length) if length else 1.0), abs=0.03)
        assert correlation.autocorrelation()[REACH, REACH + distance] == pytest.approx(measured, abs=0.03)
    assert correlation.spectrum((64, 48)).mean() == pytest.approx(1.0)


def test_the_micrograph_of_low_dose_comes_out_without_streaks() -> None:
    """Its means of rows change no more from one to the next than its means of columns do."""
    ((image, _, _),) = low_dose_tem()
    result = last(run(Recipe(job="denoise", denoiser="unet-small", axes="yx"), image)).image
    across, along = (float(np.std(np.diff(result.mean(axis)))) for axis in (1, 0))
    assert across < 1.5 * along
