"""Is it seen that an image was compressed in squares, and the noise found that it had before?"""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from napari_tweedie.analysis.compression import is_compressed
from napari_tweedie.analysis.noise_kind import identify_noise


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Return an image as it comes back from a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).astype(np.float32)


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    clean = data.camera()[128:384, 128:384].astype(float)
    return clean + np.random.default_rng(0).normal(0, 10, clean.shape)


@pytest.mark.parametrize("first", [0, 3])
def test_compression_is_seen_wherever_the_squares_begin(noisy: np.ndarray, first: int) -> None:
    assert is_compressed([jpeg(noisy, 50)[first:, first:]])
    assert not is_compressed([noisy[first:, first:]])


@pytest.mark.parametrize("image", [data.brick, data.text, data.coins, data.moon])
def test_other_images_are_not_taken_for_compressed(image) -> None:
    plane = image()[:256, :256].astype(float)
    assert not is_compressed([plane + np.random.default_rng(0).normal(0, 5, plane.shape)])


def test_patterns_of_columns_are_no_squares(noisy: np.ndarray) -> None:
    assert not is_compressed([noisy + 20 * (np.arange(256) % 8 == 0)])


@pytest.mark.parametrize("plane", [np.zeros((64, 64)), np.full((64, 64), np.nan), np.zeros((5, 200))])
def test_planes_without_content_are_not(plane: np.ndarray) -> None:
    assert not is_compressed([plane])


def test_noise_is_found_as_strong_as_before_compression(noisy: np.ndarray) -> None:
    assert identify_noise([jpeg(noisy, 50)]).noise.level(100.0) == pytest.approx(10, rel=0.35)
