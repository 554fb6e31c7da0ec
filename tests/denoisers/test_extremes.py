"""Do few pixels far beyond all others leave the rest of an image as it would be without them?"""

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from napari_tweedie import denoisers
from napari_tweedie.denoisers.extremes import range_by_range

SIGMA = 2.6
SIZE = 96


@pytest.fixture(scope="module")
def background() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    return 100 + 8 * np.sin(x / 9) * np.cos(y / 7)


@pytest.fixture
def noise(background: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).normal(0, SIGMA, background.shape)


def denoised(image: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    x = torch.from_numpy(image.astype(np.float32))[None, None]
    return denoisers.load("unet-small", precision="float32")(x, sigma)[0, 0].numpy()


def cells(height: float) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE]
    distances = [np.hypot(y - row, x - column) for row, column in ((25, 30), (60, 70), (70, 25))]
    return sum(height / (1 + np.exp((distance - 6) / 0.7)) for distance in distances)


def error(found: np.ndarray, wanted: np.ndarray, where: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - wanted)[where] ** 2)))


@pytest.mark.parametrize("height", [5e3, 5e4, 5e6, -5e4])
def test_the_surroundings_of_a_few_bright_cells_are_denoised_as_without_them(
    background: np.ndarray, noise: np.ndarray, height: float
) -> None:
    clean = background + cells(height)
    found, alone = denoised(clean + noise), denoised(background + noise)
    distance = distance_transform_edt(np.abs(clean - background) < 0.1 * SIGMA)
    near = (distance > 0) & (distance <= 12)
    assert error(found, clean, near) < 0.5 * SIGMA
    assert error(found, clean, near) < 2 * error(alone, background, near)
    middle = np.abs(cells(height)) > 0.9 * abs(height)
    assert error(found, clean, middle) < 5e-3 * abs(height)


def test_hot_pixels_leave_what_is_further_away_alone(background: np.ndarray, noise: np.ndarray) -> None:
    hot = np.zeros(background.shape)
    hot.flat[np.random.default_rng(1).choice(hot.size, 12, replace=False)] = 1000 * SIGMA
    far = distance_transform_edt(hot == 0) > 12
    with_them, without = denoised(background + noise + hot), denoised(background + noise)
    assert error(with_them, background, far) < 1.2 * error(without, background, far)


def test_units_do_not_matter(background: np.ndarray, noise: np.ndarray) -> None:
    image = background + cells(5e4) + noise
    np.testing.assert_allclose(denoised(1e-3 * image, 1e-3 * SIGMA), 1e-3 * denoised(image), rtol=1e-3, atol=1e-3)


def test_a_plane_without_extremes_is_denoised_once_and_others_with_it_as_alone(background: np.ndarray, noise: np.ndarray) -> None:
    asked: list[int] = []

    def network(planes: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        asked.append(len(planes))
        return planes - 0.1 * level

    plain = torch.from_numpy(background + noise)[None, None].float()
    bright = plain + torch.from_numpy(cells(5e3))[None, None].float()
    level = torch.full((1, 1, 1, 1), SIGMA)
    range_by_range(network, plain, level)
    assert asked == [1]
    both = range_by_range(network, torch.cat([plain, bright]), level.expand(2, -1, -1, -1))
    torch.testing.assert_close(both, torch.cat([range_by_range(network, each, level) for each in (plain, bright)]))
    torch.testing.assert_close(both, torch.cat([plain, bright]) - 0.1 * SIGMA, rtol=1e-6, atol=1e-3)
