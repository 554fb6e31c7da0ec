"""Is the noise of sinograms and of images at low resolution measured as it was drawn?"""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

import napari_tweedie
from napari_tweedie import degradations
from napari_tweedie.engine import measure
from napari_tweedie.engine.channel import Channel
from napari_tweedie.recipe import Recipe

CELLS = Path(napari_tweedie.__file__).parent / "sample_data" / "fluorescence_truth.tif"


@pytest.fixture
def few_pixels() -> np.ndarray:
    """Cells at half their resolution, from 0 to 1, shape (64, 64)."""
    cells = np.squeeze(tifffile.imread(CELLS)).astype(float)
    top, left = ((length - 128) // 2 for length in cells.shape)
    cells = cells[top : top + 128, left : left + 128].reshape(64, 2, 64, 2).mean((1, 3))
    return (cells - cells.min()) / np.ptp(cells)


def level_of(image: np.ndarray, degradation: object, **noise: object) -> Channel:
    known = {"noise": noise} if noise else {}
    return measure(Recipe(job="restore", degradation=degradation, axes="yx", **known), image)[0]


def test_detail_as_small_as_the_pixels_of_low_resolution_is_not_taken_for_noise_that_they_share(few_pixels: np.ndarray) -> None:
    light = 500 * few_pixels
    rng = np.random.default_rng(0)
    seen = 100 + rng.poisson(light) + rng.normal(0, 2, light.shape)
    drawn = np.sqrt(light.mean() + 4)
    assert level_of(seen, "identity").sigma > 2 * drawn
    assert level_of(seen, "downsample").sigma == pytest.approx(drawn, rel=0.4)
    assert level_of(seen, degradations.load("downsample") @ degradations.load("gaussian-blur", std=1.0)).sigma < 1.4 * drawn


def test_noise_that_pixels_of_low_resolution_are_said_to_share_is_measured_so(few_pixels: np.ndarray) -> None:
    seen = 500 * few_pixels + np.random.default_rng(0).normal(0, 5, few_pixels.shape)
    assert level_of(seen, "downsample", name="auto", correlation="correlated").correlation is not None


@pytest.mark.parametrize("turned", [False, True])
def test_noise_of_photons_in_a_sinogram_is_not_measured_in_the_air_alone(turned: bool) -> None:
    rows, columns = np.indices((128, 128)) - 64
    disc = torch.from_numpy((np.hypot(rows, columns) < 11).astype(np.float32))[None, None]
    light = 20 * degradations.load("radon")(disc)[0, 0].numpy().astype(float)
    rng = np.random.default_rng(0)
    seen = rng.poisson(np.maximum(light, 0)) + rng.normal(0, 2, light.shape)
    found = level_of(seen.T if turned else seen, "radon").sigma
    assert found == pytest.approx(np.sqrt(light.mean() + 4), rel=0.15)


def test_even_noise_of_a_sinogram_is_measured_as_before_where_borders_are_abrupt() -> None:
    rows, columns = np.indices((128, 128)) - 64
    disc = torch.from_numpy((np.hypot(rows, columns) < 11).astype(np.float32))[None, None]
    radon = degradations.load("radon", angles=30)
    seen = radon(disc)[0, 0].numpy() + np.random.default_rng(0).normal(0, 0.1, (128, 30))
    own = radon.model_error(torch.from_numpy(seen.astype(np.float32))[None, None])
    assert level_of(seen, radon).sigma == pytest.approx(np.hypot(0.1, own), rel=0.15)
