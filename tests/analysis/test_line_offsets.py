"""Are offsets of whole lines, and hum, found and taken off, and the structures of an image left alone?"""

import numpy as np
import pytest
from skimage import data

from napari_tweedie.analysis.line_offsets import LineOffsets, Offsets

LINES = np.arange(256)


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return data.camera()[128:384, 128:384].astype(float)


def left(found: LineOffsets, clean: np.ndarray, offsets: np.ndarray, sigma: float) -> float:
    """Return which share of the offsets stays, as a ratio of standard deviations."""
    noisy = clean + np.random.default_rng(1).normal(0, sigma, clean.shape) + offsets
    taken = noisy - found.without(noisy)
    return float(np.std(taken - offsets) / np.std(offsets))


@pytest.mark.parametrize("axis", [0, 1])
def test_offsets_of_lines_are_measured_and_taken_off(clean: np.ndarray, axis: int) -> None:
    offsets = np.moveaxis(np.random.default_rng(0).normal(0, 4, (256, 1)), 0, axis) + np.zeros((256, 256))
    found = LineOffsets.measured([clean + np.random.default_rng(1).normal(0, 10, clean.shape) + offsets])
    lines = (found.rows, found.columns)
    assert lines[axis].level == pytest.approx(4, rel=0.25)
    assert not lines[1 - axis]
    assert left(found, clean, offsets, 10) < 0.7  # slow changes from line to line stay with the image


@pytest.mark.parametrize("period", [2.0, 4.0, 5.7])
def test_hum_is_found_at_its_frequency_and_taken_off(clean: np.ndarray, period: float) -> None:
    hum = 5 * np.sin(2 * np.pi * LINES / period + 1)[None] + np.zeros((256, 1))
    found = LineOffsets.measured([clean + np.random.default_rng(1).normal(0, 10, clean.shape) + hum])
    assert not found.rows
    assert found.columns.waves == pytest.approx((1 / period,), abs=2e-4)
    assert left(found, clean, hum - hum.mean(), 10) < 0.15


@pytest.mark.parametrize("image", [data.camera, data.brick, data.gravel, data.text, data.page])
@pytest.mark.parametrize("sigma", [0.5, 5.0, 25.0])
def test_structures_of_an_image_are_not_offsets(image, sigma: float) -> None:
    plane = image()[:256, :256].astype(float)
    assert not LineOffsets.measured([plane + np.random.default_rng(0).normal(0, sigma, plane.shape)])


@pytest.mark.parametrize("shape", [(1, 1), (63, 500), (64, 64)])
def test_little_is_left_as_it_is(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).normal(size=shape)
    found = LineOffsets.measured([plane])
    assert not found
    np.testing.assert_array_equal(found.without(plane), plane)


@pytest.mark.parametrize("plane", [np.zeros((80, 80)), np.full((80, 80), np.nan), np.eye(80), np.tile([0, 255], (80, 40))])
def test_planes_without_noise_hold_none(plane: np.ndarray) -> None:
    assert not LineOffsets.measured([plane.astype(float)])


def test_missing_pixels_stay_missing_and_the_mean_stays(clean: np.ndarray) -> None:
    plane = clean + 3 * np.random.default_rng(0).normal(size=(256, 1))
    plane[20:40, 30:60] = np.nan
    without = LineOffsets(rows=Offsets(3.0)).without(plane)
    np.testing.assert_array_equal(np.isnan(without), np.isnan(plane))
    assert np.nanmean(without) == pytest.approx(np.nanmean(plane), abs=0.1)


def test_what_was_found_is_stored_and_restored() -> None:
    lines = LineOffsets(Offsets(2.5, (0.25, 0.397)), Offsets(0.0, (0.5,)))
    assert LineOffsets.restored(lines.describe()) == lines
    assert lines.words() == (
        "rows are shifted by 2.5 and rows share a wave with a period of 4, 2.52 pixels and columns share a wave with a period of "
        "2 pixels"
    )
