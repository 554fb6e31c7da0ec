import numpy as np
import pytest
from skimage import data

from napari_tweedie.engine import Result, last, run
from napari_tweedie.recipe import Recipe

SMALL = {"denoiser": "unet-small"}


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return 100 + 2.0 * data.camera()[100:228, 150:278]


@pytest.fixture(scope="module")
def hot(clean: np.ndarray) -> np.ndarray:
    return np.random.default_rng(3).random(clean.shape) < 1e-3


@pytest.fixture(scope="module")
def camera(clean: np.ndarray, hot: np.ndarray) -> np.ndarray:
    """Photon noise of gain 2 and read noise 3 above an offset of 100; hot pixels at 60,000."""
    rng = np.random.default_rng(4)
    counts = 100 + 2 * rng.poisson((clean - 100) / 2) + rng.normal(0, 3, clean.shape)
    return np.where(hot, 60_000, np.rint(counts)).astype(np.uint16)


def result(image: np.ndarray, **fields: object) -> Result:
    return last(run(Recipe(**{**SMALL, **fields}), image))


def test_hot_pixels_spoil_neither_the_image_nor_what_is_measured(camera: np.ndarray, clean: np.ndarray, hot: np.ndarray) -> None:
    found = result(camera)
    error = found.image - clean
    assert np.isfinite(found.image).all()
    assert found.provenance["noise"][0]["gain"] == pytest.approx(2, rel=0.3)
    healthy = np.where(hot, clean, camera).astype(np.uint16)
    expected = result(healthy).image - clean
    assert np.sqrt((error[~hot] ** 2).mean()) < 1.1 * np.sqrt((expected[~hot] ** 2).mean())
    assert np.abs(error[hot]).max() < 200
    assert any(note.startswith(f"{hot.sum()} pixels that neither") for note in found.notes)


def test_they_stay_where_they_are_the_image(camera: np.ndarray, hot: np.ndarray) -> None:
    found = result(camera, outliers="keep", noise={"sigma": 20.0})
    assert (found.image[hot] > 30_000).all()
    assert not any("neither their neighbours" in note for note in found.notes)


def test_they_are_left_out_of_restorations_and_stacks(camera: np.ndarray, clean: np.ndarray, hot: np.ndarray) -> None:
    restored = result(camera, job="restore", degradation="gaussian-blur", solver={"name": "wiener"}, noise={"sigma": 20.0})
    assert restored.image.max() < 2000
    stack = result(np.stack([camera[:64], camera[64:]]), axes="zyx")
    assert stack.image.max() < 1000


def test_the_result_says_which_pixels_they_are(camera: np.ndarray, clean: np.ndarray, hot: np.ndarray) -> None:
    dead = np.zeros_like(hot)
    dead[40, 50] = True
    found = result(
        np.where(dead, 0, camera).astype(np.uint16), noise={"name": "poisson", "gain": 2, "offset": 100, "read_noise": 3}
    )
    expected = np.where(hot, 1, 0)
    assert found.outliers is not None
    np.testing.assert_array_equal(np.where(dead, 1, found.outliers), np.where(dead, 1, expected))
    assert found.outliers[40, 50] in (0, 2)  # where it is dark around, nothing tells
    assert any(f"({hot.sum()} hot" in note for note in found.notes)
    assert result(clean.astype(np.float32), noise={"sigma": 5.0}).outliers is None


def test_frames_tell_hot_pixels_from_cosmic_rays_and_blinking_ones(rng: np.random.Generator) -> None:
    movie = rng.normal(500, 10, (6, 48, 48))
    movie[:, 10, 10] += 1000
    movie[:, 20, 30] -= 450
    movie[2, 30, 12] += 2000
    movie[1::3, 40, 40] += 800
    found = result(movie.astype(np.float32), axes="tyx", neighbours="none").outliers
    assert found is not None
    expected = np.zeros_like(found)
    expected[:, 10, 10], expected[:, 20, 30], expected[2, 30, 12], expected[1::3, 40, 40] = 1, 2, 4, 3
    np.testing.assert_array_equal(found, expected)


def test_planes_of_a_volume_are_no_frames(rng: np.random.Generator) -> None:
    stack = rng.normal(500, 10, (6, 48, 48)).astype(np.float32)
    stack[2, 30, 12] += 2000
    for volume, kind in ((True, 1), (False, 4)):
        found = result(stack, axes="zyx", volume=volume, neighbours="none", denoiser="tikhonov").outliers
        assert found is not None
        assert found[2, 30, 12] == kind


def test_salt_and_pepper_cost_hardly_more_than_the_pixels_that_they_hide(rng: np.random.Generator) -> None:
    clean = data.camera()[150:278, 150:278].astype(np.float32)
    noisy = clean + rng.normal(0, 10, clean.shape).astype(np.float32)
    chance = rng.random(clean.shape)
    salted = np.where(chance < 0.05, 0, np.where(chance > 0.95, 255, noisy)).astype(np.float32)
    without, found = (result(image) for image in (noisy, salted))
    errors = [float(np.mean((each.images["denoised"] - clean) ** 2)) for each in (without, found)]
    assert errors[1] < 1.35 * errors[0]
    assert found.outliers is not None
    assert np.count_nonzero(found.outliers) > 0.85 * (np.abs(salted - clean) > 50).sum()
    assert not any("changed the mean" in note for note in found.notes)
    again = last(run(Recipe.model_validate(found.provenance["recipe"]), salted))
    assert np.array_equal(again.images["denoised"], found.images["denoised"])


def test_frames_with_salt_and_pepper_are_denoised_at_the_level_of_their_noise(rng: np.random.Generator) -> None:
    clean = np.stack([data.camera()[150:214, 150:214].astype(np.float32)] * 3)
    film = clean + rng.normal(0, 10, clean.shape).astype(np.float32)
    film[rng.random(clean.shape) < 0.1] = 255
    found = result(film, axes="tyx", neighbours="none")
    assert float(np.mean((found.images["denoised"] - clean) ** 2)) < 0.45 * 100
    assert not any("differs between frames" in note for note in found.notes)
