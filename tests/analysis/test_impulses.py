import numpy as np
import pytest
from skimage import data
from skimage.util import random_noise

from napari_tweedie.analysis.impulses import find_impulses, impulse_values, resampled

SIGMA = 10.0


@pytest.fixture
def scene() -> np.ndarray:
    return data.camera()[100:292, 140:332].astype(np.float64)


def salted(clean: np.ndarray, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return an image with noise and then salt and pepper, and where those are."""
    noisy = clean + rng.normal(0, SIGMA, clean.shape)
    chance = rng.random(clean.shape)
    noisy[chance < share / 2], noisy[chance > 1 - share / 2] = 0, 255
    return noisy, (chance < share / 2) | (chance > 1 - share / 2)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2, 0.4])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_salt_and_pepper_are_found_where_they_differ_by_more_than_noise(
    share: float, dtype: type, scene: np.ndarray, rng: np.random.Generator
) -> None:
    noisy, impulses = salted(scene, share, rng)
    noisy = np.clip(noisy.round(), 0, 255).astype(dtype) if dtype is np.uint8 else noisy.astype(dtype)
    assert impulse_values([noisy]) == (0.0, 255.0)
    found = find_impulses(noisy, (0.0, 255.0), lambda brightness: np.full(brightness.shape, SIGMA))
    matter = impulses & (np.abs(noisy - scene) > 5 * SIGMA)
    assert found[matter].mean() > 0.93
    assert not found[(noisy != 0) & (noisy != 255)].any()


def test_the_impulses_of_scikit_image_are_found(scene: np.ndarray) -> None:
    noisy = random_noise(scene / 255, "s&p", rng=1, amount=0.1)
    assert impulse_values([noisy]) == (0.0, 1.0)


def test_pixels_stuck_at_a_level_inside_the_range_are_found(scene: np.ndarray, rng: np.random.Generator) -> None:
    noisy = scene + rng.normal(0, SIGMA, scene.shape)
    stuck = rng.random(scene.shape) < 0.02
    noisy[stuck] = 250.0
    noisy[:4, :4] = 400.0
    assert 250.0 in impulse_values([noisy])


def test_what_is_cut_off_by_the_range_is_no_impulse(scene: np.ndarray, rng: np.random.Generator) -> None:
    for clean in (scene, scene / 20, data.page()[:128, :192], data.binary_blobs(128, rng=0) * 255, data.moon()[::4, ::4]):
        for sigma in (0, 5, 30, 100):
            noisy = np.clip(np.round(clean + rng.normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8)
            assert impulse_values([noisy]) == (), sigma
        assert impulse_values([rng.poisson(clean / 255 * 2)]) == ()


def test_planes_that_tell_nothing_have_no_impulses() -> None:
    for plane in (np.zeros((16, 16)), np.full((16, 16), np.nan), np.ones((2, 40)), np.eye(3)):
        assert impulse_values([plane]) == ()
        assert not find_impulses(plane, ()).any()


def test_resampled_impulses_leave_the_level_of_white_noise_as_it_is(rng: np.random.Generator) -> None:
    plane = rng.normal(100, SIGMA, (256, 256))
    impulses = rng.random(plane.shape) < 0.2
    plane[impulses] = 255
    made = resampled(plane, impulses)
    assert np.array_equal(made[~impulses], plane[~impulses])
    assert made.std() == pytest.approx(SIGMA, rel=0.03)
    beside = np.corrcoef(made[:, 1:].ravel(), made[:, :-1].ravel())[0, 1]
    assert abs(beside) < 0.1


def test_impulses_without_surroundings_are_missing_once_resampled() -> None:
    plane = np.full((12, 12), 255.0)
    plane[0, 0] = 3
    made = resampled(plane, plane == 255)
    assert made[0, 0] == 3
    assert np.isnan(made).sum() == 143
