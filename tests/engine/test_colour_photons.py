"""Is photon noise of colour found and removed as well as that of its channels?"""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

import napari_tweedie as nt
from napari_tweedie.engine.channel import Channel
from napari_tweedie.engine.gate import json_ready
from napari_tweedie.images.colour_stabilisation import StabilisedColour
from napari_tweedie.images.files import read, write
from napari_tweedie.images.stabilisation import Anscombe

GAINS = np.array([4.0, 3.0, 6.0])
SMALL = "unet-small"


@pytest.fixture(scope="module")
def light() -> np.ndarray:
    """Photons of a cat in colour, up to 40 in each pixel."""
    return 40 * data.chelsea()[80:208, 120:248].astype(float) / 255


@pytest.fixture(scope="module")
def counted(light: np.ndarray) -> np.ndarray:
    """What a camera counts of it, with a gain for every colour, above an offset of 10."""
    return GAINS * np.random.default_rng(0).poisson(light) + 10


def psnr(image: np.ndarray, light: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((image - GAINS * light - 10) ** 2)))


def test_it_is_no_worse_than_channel_by_channel_with_the_right_model(counted: np.ndarray, light: np.ndarray) -> None:
    result = nt.denoise(counted, SMALL, axes="yxs")
    models = [{"name": "poisson", "gain": gain, "offset": 10, "read_noise": 0} for gain in GAINS]
    by_hand = [nt.denoise(counted[..., n], SMALL, noise=model).image for n, model in enumerate(models)]
    assert psnr(result.image, light) > psnr(np.stack(by_hand, -1), light) - 0.1
    (noise,) = result.provenance["noise"]
    assert [colour["gain"] for colour in noise["colours"]] == pytest.approx(GAINS, rel=0.3)  # texture counts a little
    assert any("red / green / blue" in note for note in result.notes)


def test_8_bit_counts_stay_8_bit_and_keep_their_light(counted: np.ndarray, light: np.ndarray) -> None:
    image = np.clip(np.rint(counted), 0, 255).astype(np.uint8)
    result = nt.denoise(image, SMALL, axes="yxs").image
    assert result.dtype == np.uint8
    assert psnr(result, light) > psnr(image, light) + 5
    np.testing.assert_allclose(result.mean((0, 1)), image.mean((0, 1)), atol=0.6)


def test_one_gain_that_is_given_holds_for_all_colours(light: np.ndarray, rng: np.random.Generator) -> None:
    image = 5.0 * rng.poisson(light) + 10
    given = {"name": "poisson", "gain": 5, "offset": 10, "read_noise": 0}
    result = nt.denoise(image, SMALL, axes="yxs", noise=given)
    assert [colour["gain"] for colour in result.provenance["noise"][0]["colours"]] == [5, 5, 5]
    assert np.sqrt(np.mean((result.image - 5 * light - 10) ** 2)) < 0.5 * np.sqrt(np.mean((image - 5 * light - 10) ** 2))


def test_gaussian_noise_of_colour_stays_that(light: np.ndarray, rng: np.random.Generator) -> None:
    image = 5 * light + rng.normal(0, 15, light.shape)
    (noise,) = nt.denoise(image, SMALL, axes="yxs").provenance["noise"]
    assert noise["name"] == "gaussian"
    assert noise["sigma"] == pytest.approx(15, rel=0.1)


def test_a_colour_without_light_does_not_hide_the_others(
    counted: np.ndarray, light: np.ndarray, rng: np.random.Generator
) -> None:
    image = counted.copy()
    image[..., 2] = 10 + rng.normal(0, 2, light.shape[:2])
    result = nt.denoise(image, SMALL, axes="yxs").image
    truth = GAINS * light + 10
    error = [np.sqrt(np.mean((part - truth)[..., :2] ** 2)) for part in (result, image)]
    assert error[0] < 0.5 * error[1]
    assert result[..., 2].mean() == pytest.approx(10, abs=0.2)
    assert result[..., 2].std() < 1.5


def test_the_transform_makes_the_noise_the_same_and_is_undone(rng: np.random.Generator) -> None:
    colours = tuple(Anscombe(gain, 10.0, 1.0) for gain in GAINS)
    flat = np.stack([gain * rng.poisson(30.0, (64, 64)) + 10 + rng.normal(0, 1, (64, 64)) for gain in GAINS])
    intensity = StabilisedColour.of_stacks(colours, [flat])
    opponents = intensity.forward(flat)
    np.testing.assert_allclose(opponents.std((1, 2)) * intensity.scale, 1, rtol=0.05)
    means = np.tile(opponents.mean((1, 2), keepdims=True), (1, 2, 2))
    np.testing.assert_allclose(intensity.back(means)[:, 0, 0], GAINS * 30 + 10, rtol=0.01)


def test_regions_of_a_file_have_the_noise_of_the_whole(counted: np.ndarray, tmp_path: Path) -> None:
    small = {"name": SMALL, "precision": "float32"}
    whole = nt.denoise(counted.astype(np.float32), small, axes="yxs")
    (report,) = whole.provenance["noise"]
    channel = Channel.restored((0.0, 1.0), whole.provenance["noise_levels"][0], report, True)
    assert json_ready(channel.report()) == report
    from napari_tweedie.files.run_to_file import run_to_file
    from napari_tweedie.recipe import Recipe

    write(tmp_path / "in.tif", counted.astype(np.float32), "yxs")
    list(run_to_file(Recipe(denoiser=small, tile=64), tmp_path / "in.tif", tmp_path / "out.zarr"))
    picture = read(tmp_path / "out.zarr")
    result = np.moveaxis(np.asarray(picture.data), picture.axes.index("s"), -1)
    np.testing.assert_allclose(result, whole.image, atol=0.5)


@pytest.mark.parametrize("photons", [True, False])
def test_colours_that_have_nothing_in_common_are_denoised_apart(photons: bool, rng: np.random.Generator) -> None:
    cells = [gaussian_filter((gaussian_filter(rng.standard_normal((96, 96)), 4) > 0.02).astype(float), 1) for _ in range(3)]
    light = 30 * np.stack(cells, -1) + 3
    image = 4.0 * rng.poisson(light) if photons else 4 * light + rng.normal(0, 20, light.shape)
    result = nt.denoise(image, SMALL, axes="yxs")
    assert result.provenance["noise"][0]["separate"]
    one = {"name": "poisson", "gain": 4, "offset": 0, "read_noise": 0} if photons else {"sigma": 20}
    by_hand = np.stack([nt.denoise(image[..., n], SMALL, noise=one).image for n in range(3)], -1)
    errors = [np.sqrt(np.mean((part - 4 * light) ** 2)) for part in (result.image, by_hand)]
    assert 20 * np.log10(errors[0] / errors[1]) < 0.1
