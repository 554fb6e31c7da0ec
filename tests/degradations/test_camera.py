"""Are images of a camera whose pixels differ brought to those of an even one, without bias and without more noise?"""

import numpy as np
import pytest
import torch

from napari_tweedie.degradations.noise import Camera, build
from napari_tweedie.images.camera import EvenCamera

SHAPE = (24, 20)


@pytest.fixture
def maps(rng: np.random.Generator) -> np.ndarray:
    """Offset, gain and read variance of 24 × 20 pixels, some with much read noise."""
    read = rng.lognormal(0.5, 0.3, SHAPE)
    read[rng.random(SHAPE) < 0.05] = 12.0
    gain = rng.normal(2, 0.1, SHAPE)
    return np.stack([rng.normal(100, 5, SHAPE), gain, (gain * read) ** 2])


def test_images_of_an_even_camera_stay_as_they_are(rng: np.random.Generator) -> None:
    even = np.ones((3, *SHAPE)) * np.array([100.0, 2.0, 9.0])[:, None, None]
    image = rng.poisson(40.0, (3, *SHAPE)).astype(np.uint16)
    np.testing.assert_allclose(Camera(maps=even).evened(image), image, rtol=1e-6)


def test_mean_and_noise_are_those_of_the_even_camera(rng: np.random.Generator, maps: np.ndarray) -> None:
    light, count = 6.0, 4000
    images = maps[1] * rng.poisson(light, (count, *SHAPE)) + maps[0] + np.sqrt(maps[2]) * rng.standard_normal((count, *SHAPE))
    camera = Camera(maps=maps)
    model, found = camera.remaining(), camera.evened(images)
    expected = model.gain * light + model.offset
    error = found.std(0) / np.sqrt(count)
    assert np.abs(found.mean(0) - expected).max() < 5 * error.max()
    most = (model.gain**2 * light + model.read_noise**2) ** 0.5
    assert found.std(0).max() < 1.05 * most
    usual = np.sqrt(maps[2]) / maps[1] < 1.1 * np.median(np.sqrt(maps[2]) / maps[1])
    assert found.std(0)[usual].min() > 0.8 * most  # ordinary pixels are hardly touched
    assert (np.sqrt(maps[2]) / maps[1]).max() > 3 * most / model.gain  # which was much noisier


def test_simulated_images_come_back_without_bias(maps: np.ndarray) -> None:
    camera = Camera(maps=maps)
    clean = torch.full((2000, *SHAPE), 130.0)
    noisy = camera.add(clean, torch.Generator().manual_seed(0))
    pixels = noisy.numpy().mean(0)
    assert np.abs(pixels - maps[0] - maps[1] * 15.0).max() < 5 * noisy.numpy().std(0).max() / 2000**0.5 + 0.5
    assert abs(camera.evened(noisy.numpy()).mean() - 130) < 0.1


def test_missing_pixels_stay_missing_and_do_not_spread(rng: np.random.Generator, maps: np.ndarray) -> None:
    image = rng.normal(120, 3, SHAPE)
    image[4:6, 7:9] = np.nan
    found = Camera(maps=maps).evened(image)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(image))


def test_a_part_of_the_camera_takes_its_part_of_the_maps(rng: np.random.Generator, maps: np.ndarray) -> None:
    image = rng.normal(120, 3, SHAPE)
    camera = Camera(maps=maps)
    part = camera.beginning(3, 5).evened(image[3:, 5:])
    np.testing.assert_allclose(part[12:, 12:], camera.evened(image)[15:, 17:], rtol=1e-6)  # away from the new borders
    again = camera.beginning(2, 1).beginning(1, 4).evened(image[3:, 5:])
    np.testing.assert_array_equal(again, part)


def test_maps_of_another_size_are_refused_unless_it_is_said_where_the_image_begins(maps: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"24 × 20 pixels, the image has 10 × 10.*top and left"):
        Camera(maps=maps).evened(np.zeros((10, 10)))
    with pytest.raises(ValueError, match="give top and left"):
        Camera(maps=maps, top=20, left=0).evened(np.zeros((10, 10)))
    assert Camera(maps=maps, top=0, left=0).evened(np.full((10, 10), 100.0)).shape == (10, 10)


@pytest.mark.parametrize(
    ("plane", "value", "told"), [(1, 0.0, "gain of every pixel .* above 0"), (2, -1.0, "read variance .* at least 0")]
)
def test_maps_that_no_camera_has_are_refused(maps: np.ndarray, plane: int, value: float, told: str) -> None:
    maps[plane, 3, 3] = value
    with pytest.raises(ValueError, match=told):
        Camera(maps=maps).evened(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="three planes"):
        Camera(maps=maps[:2]).remaining()


def test_the_description_names_the_maps_and_does_not_hold_them(maps: np.ndarray) -> None:
    described = Camera(maps=maps, top=3, left=4).describe()
    assert set(described["maps"]) == {"name", "sha256"}
    assert build(described).describe() == described


def test_the_even_camera_is_the_median_of_the_pixels(maps: np.ndarray) -> None:
    even = EvenCamera.of(maps)
    assert even.gain == np.median(maps[1])
    assert even.offset == np.median(maps[0])
    assert even.read_noise == pytest.approx(np.median(maps[1]) * np.median(np.sqrt(maps[2]) / maps[1]))
