import numpy as np
import pytest

from napari_tweedie.images.intensity import Intensity, from_opponent, to_opponent


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
def test_there_and_back(dtype: str, rng: np.random.Generator) -> None:
    image = (100 + 60 * rng.random((40, 50))).astype(dtype)
    intensity = Intensity.of([image])
    inside = intensity.forward(image)
    assert inside.dtype == np.float32
    assert -0.1 < inside.min() < inside.max() < 1.1
    np.testing.assert_allclose(intensity.back(inside), image, rtol=1e-6)


def test_a_large_offset_costs_no_precision() -> None:
    image = (2**24 + np.arange(100)).reshape(10, 10)
    intensity = Intensity.of([image])
    np.testing.assert_allclose(np.diff(intensity.forward(image).ravel()) * intensity.scale, 1, rtol=1e-3)


def test_constant_and_sparse_images_have_a_finite_map() -> None:
    assert Intensity.of([np.full((5, 5), 7.0)]).forward(np.full((5, 5), 7.0)).max() == 0
    sparse = np.zeros((100, 100))
    sparse[50, 50] = 9
    assert Intensity.of([sparse]).scale == 9


def test_opponent_colours_keep_white_noise_white(rng: np.random.Generator) -> None:
    noise = rng.normal(size=(3, 200, 200)).astype(np.float32)
    opponent = to_opponent(noise)
    covariance = np.cov(opponent.reshape(3, -1))
    np.testing.assert_allclose(covariance, np.eye(3), atol=0.03)
    np.testing.assert_allclose(from_opponent(opponent), noise, atol=1e-5)
    grey = np.full((3, 2, 2), 0.4, np.float32)
    np.testing.assert_allclose(to_opponent(grey)[1:], 0.5, atol=1e-6)
