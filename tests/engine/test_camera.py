"""Are the pixels of a camera evened wherever a recipe runs: in memory, by region, on a part, restored, from the command line?"""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import napari_tweedie as nt
from napari_tweedie.cli import app
from napari_tweedie.core.array_input import MissingInput
from napari_tweedie.images.files import read, write
from napari_tweedie.recipe import Recipe
from napari_tweedie.recipe.export import as_command_line

SHAPE = (96, 112)
PHOTONS = 12.0
SMALL = {"name": "unet-small", "precision": "float32"}


@pytest.fixture
def maps(rng: np.random.Generator) -> np.ndarray:
    """Offset, gain and read variance of 96 × 112 pixels."""
    read = 1.4 * np.exp(0.3 * rng.standard_normal(SHAPE))
    read[rng.random(SHAPE) < 0.01] = 10.0
    gain = 2 * (1 + 0.03 * rng.standard_normal(SHAPE))
    return np.stack([100 + 3 * rng.standard_normal(SHAPE), gain, (gain * read) ** 2]).astype(np.float32)


@pytest.fixture
def light(rng: np.random.Generator) -> np.ndarray:
    """Photons of cells on a dark ground."""
    cells = gaussian_filter(rng.standard_normal(SHAPE), 5)
    return PHOTONS * gaussian_filter((cells > 0).astype(float), 1.0)


@pytest.fixture
def noisy(rng: np.random.Generator, maps: np.ndarray, light: np.ndarray) -> np.ndarray:
    """What the camera sees of it."""
    signal = maps[1] * rng.poisson(light) + maps[0] + np.sqrt(maps[2]) * rng.standard_normal(SHAPE)
    return np.clip(np.rint(signal), 0, 65535).astype(np.uint16)


def error(image: np.ndarray, light: np.ndarray) -> float:
    return float(np.sqrt(np.mean((image - 2 * light - 100) ** 2)))


def test_maps_bring_a_decibel_and_more(noisy: np.ndarray, maps: np.ndarray, light: np.ndarray) -> None:
    ignored = nt.denoise(noisy, "unet-small").image
    told = nt.denoise(noisy, "unet-small", noise={"name": "camera", "maps": maps})
    assert 20 * np.log10(error(ignored, light) / error(told.image, light)) > 1
    assert abs(told.image.mean() - (2 * light + 100).mean()) < 0.3
    (noise,) = told.provenance["noise"]
    assert noise["name"] == "poisson"
    assert (noise["gain"], noise["offset"]) == pytest.approx((2, 100), rel=0.01)


@pytest.mark.slow
def test_posterior_mean_and_restoration_use_them_too(noisy: np.ndarray, maps: np.ndarray, light: np.ndarray) -> None:
    blurred = {"degradation": "gaussian-blur", "std": 0.7, "denoiser": "unet-small"}
    camera = {"name": "camera", "maps": maps}
    sharp = nt.restore(noisy, **blurred, noise=camera).image
    ignored = nt.restore(noisy, **blurred).image
    assert error(gaussian_filter(sharp, 0.7), light) < error(gaussian_filter(ignored, 0.7), light)
    mean = nt.sample(noisy, samples=2, denoiser="unet-small", noise=camera).image
    assert error(mean, light) < error(nt.sample(noisy, samples=2, denoiser="unet-small").image, light)


def test_regions_have_their_part_of_the_maps(noisy: np.ndarray, maps: np.ndarray, tmp_path: Path) -> None:
    whole = nt.denoise(noisy, SMALL, noise={"name": "camera", "maps": maps}).image
    write(tmp_path / "in.tif", noisy, "yx")
    write(tmp_path / "maps.tif", maps, "cyx")
    words = [str(tmp_path / "in.tif"), str(tmp_path / "out.zarr"), "--camera", str(tmp_path / "maps.tif")]
    options = ["--set", "tile=64", "--set", "denoiser.precision=float32", "--denoiser", "unet-small"]
    done = CliRunner().invoke(app, ["denoise", *words, *options])
    assert done.exit_code == 0, done.output
    result = read(tmp_path / "out.zarr")
    np.testing.assert_allclose(np.asarray(result.data), whole, atol=0.05)
    replayed = Recipe.model_validate(result.metadata["recipe"])
    with pytest.raises(MissingInput, match="maps"):
        replayed.with_inputs()
    assert "--camera" in as_command_line(replayed)


def test_a_part_of_the_camera_is_told_by_its_corner(noisy: np.ndarray, maps: np.ndarray) -> None:
    part = noisy[16:80, 24:100]
    cut = nt.denoise(part, SMALL, noise={"name": "camera", "maps": maps[:, 16:80, 24:100]}).image
    told = nt.denoise(part, SMALL, noise={"name": "camera", "maps": maps, "top": 16, "left": 24}).image
    np.testing.assert_allclose(told, cut, atol=0.3)  # whose medians are those of the part
    with pytest.raises(ValueError, match="give top and left"):
        nt.denoise(part, noise={"name": "camera", "maps": maps})


def test_frames_of_a_movie_share_the_maps(noisy: np.ndarray, maps: np.ndarray) -> None:
    camera = {"name": "camera", "maps": maps}
    movie = nt.denoise(np.stack([noisy, noisy]), SMALL, axes="tyx", neighbours="none", noise=camera).image
    np.testing.assert_allclose(movie[1], nt.denoise(noisy, SMALL, noise=camera).image, atol=0.05)


def test_colour_has_no_camera_maps(maps: np.ndarray) -> None:
    with pytest.raises(ValueError, match="camera maps are those of grey images"):
        nt.denoise(np.zeros((*SHAPE, 3), np.uint8), axes="yxs", noise={"name": "camera", "maps": maps})


def test_a_camera_is_calibrated_from_the_command_line(tmp_path: Path, rng: np.random.Generator) -> None:
    for name, light in (("dark", 0.0), ("flat", 200.0)):
        write(tmp_path / f"{name}.tif", (2 * rng.poisson(light, (20, 24, 32)) + 100).astype(np.uint16), "tyx")
    words = ["camera", str(tmp_path / "maps.tif"), "--dark", str(tmp_path / "dark.tif"), "--flat", str(tmp_path / "flat.tif")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "Gain 2" in done.output
    found = read(tmp_path / "maps.tif")
    assert found.data.shape == (3, 24, 32)
    np.testing.assert_allclose(np.asarray(found.data[0]), 100)
    assert np.median(np.asarray(found.data[1])) == pytest.approx(2, rel=0.05)
