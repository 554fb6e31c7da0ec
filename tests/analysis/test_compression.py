"""Is it read from an image that it was compressed, and how strong its noise was before?"""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from napari_tweedie.analysis.compression import Compression
from napari_tweedie.analysis.noise_kind import identify_noise
from napari_tweedie.degradations.noise import Gaussian


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Return an image as it comes back from a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def with_noise(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the middle of an image with white noise, rounded as files are."""
    clean = image[128:384, 64:320].astype(float)
    return np.clip(np.rint(clean + np.random.default_rng(0).normal(0, sigma, clean.shape)), 0, 255)


@pytest.mark.parametrize("first", [(0, 0), (3, 5)])
def test_the_steps_are_those_of_the_file_wherever_the_squares_begin(first: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.fromarray(with_noise(data.brick(), 15).astype(np.uint8)).save(file, "JPEG", quality=60)
    image = Image.open(file)
    table = np.array(image.quantization[0])  # rows of frequencies, as the library hands them out
    found = Compression.of([np.asarray(image)[first[0] :, first[1] :]])
    assert found is not None
    known = np.isfinite(found.steps)
    assert known.sum() >= 6
    assert (np.abs(found.steps[known] - table.reshape(8, 8)[known]) <= 1).mean() > 0.9


@pytest.mark.parametrize("image", [data.brick, data.coins, data.moon])
@pytest.mark.parametrize("sigma", [4.0, 10.0])
def test_images_that_were_not_compressed_after_their_noise_came_are_not_taken_for_it(image, sigma: float) -> None:
    assert Compression.of([with_noise(image(), sigma)]) is None


@pytest.mark.parametrize("plane", [np.zeros((64, 64)), np.full((64, 64), np.nan), np.zeros((5, 200)), np.full((99, 99), 7)])
def test_planes_without_content_were_not(plane: np.ndarray) -> None:
    assert Compression.of([plane]) is None


@pytest.mark.parametrize("image", [data.brick, data.coins])
@pytest.mark.parametrize(("quality", "sigma"), [(50, 10), (75, 10), (90, 10), (50, 25)])
def test_noise_is_found_as_strong_as_before_compression(image, quality: int, sigma: float) -> None:
    found = identify_noise([jpeg(with_noise(image(), sigma), quality)])
    assert isinstance(found.noise, Gaussian)
    assert found.correlation is None
    assert found.noise.sigma == pytest.approx(sigma, rel=0.35)


@pytest.mark.parametrize("image", [data.camera, data.grass])
def test_clean_copies_are_not_smoothed_beyond_what_rounding_changed(image) -> None:
    clean = image()[128:384, 64:320].astype(float)
    copy = jpeg(clean, 60)
    assert identify_noise([copy]).noise.level(100.0) < 1.2 * (copy - clean).std()


def test_missing_pixels_do_not_hide_compression() -> None:
    copy = jpeg(with_noise(data.brick(), 10), 50).astype(np.float32)
    copy[100, 100] = np.nan
    assert Compression.of([copy]) is not None
