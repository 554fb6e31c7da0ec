"""Do regions of a file follow noise that differs between frames, and is a thin specimen seen?"""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt
from napari_tweedie.engine.channel import Channel
from napari_tweedie.engine.gate import json_ready
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images.axes import Layout
from napari_tweedie.images.files import read, write
from napari_tweedie.large import patches
from napari_tweedie.large.regions import Regions
from napari_tweedie.recipe import Recipe

LEVELS = np.array([5.0, 10.0, 20.0, 40.0])
SMALL = {"name": "unet-small", "precision": "float32"}


@pytest.fixture
def movie(rng: np.random.Generator) -> np.ndarray:
    """Four frames of the same cells, each twice as noisy as the one before."""
    cells = 1000 + 300 * (gaussian_filter(rng.standard_normal((128, 136)), 6) > 0)
    return (cells + LEVELS[:, None, None] * rng.standard_normal((4, 128, 136))).astype(np.float32)


def measured(image: np.ndarray, axes: str) -> Channel:
    recipe = Recipe(axes=axes)
    return Regions.of(recipe, Layout(axes, image.shape), 64).measure(recipe, image)[0]


def test_regions_denoise_each_frame_at_its_own_level(movie: np.ndarray, tmp_path: Path) -> None:
    whole = nt.denoise(movie, SMALL, axes="tyx", neighbours="none")
    write(tmp_path / "in.tif", movie, "tyx")
    recipe = Recipe(denoiser=SMALL, neighbours="none", tile=64)
    list(run_to_file(recipe, tmp_path / "in.tif", tmp_path / "out.zarr"))
    picture = read(tmp_path / "out.zarr")
    np.testing.assert_allclose(np.asarray(picture.data).reshape(movie.shape), whole.image, atol=0.5)
    assert any("noise differs between frames" in note for note in picture.metadata["notes"])
    (report,) = picture.metadata["noise"]
    again = Channel.restored((0.0, 1.0), picture.metadata["noise_levels"][0], report, True)
    assert json_ready(again.report()) == report
    assert [again.in_frame(n).sigma for n in range(4)] == pytest.approx(LEVELS, rel=0.15)


def test_levels_between_frames_that_were_looked_at_lie_between_theirs() -> None:
    from napari_tweedie.degradations.noise import Gaussian
    from napari_tweedie.images.intensity import Intensity

    channel = Channel(Intensity(), 10.0, Gaussian(sigma=10.0), levels=((0, 10.0), (10, 20.0)))
    assert channel.in_frame(5).sigma == channel.in_frame(5).noise.level(0) == 15
    assert channel.beginning(5).in_frame(0).sigma == 15
    assert channel.in_frame(99).sigma == 20


def test_frames_of_files_too_large_to_be_looked_at_whole_have_levels_too(
    movie: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, "WHOLE", 0)
    found = measured(movie, "tyx")
    assert [found.in_frame(n).sigma for n in range(4)] == pytest.approx(LEVELS, rel=0.2)


def test_light_that_fades_leaves_one_gain_and_no_levels(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = 60.0 * gaussian_filter((gaussian_filter(rng.standard_normal((128, 128)), 6) > 0).astype(float), 2) + 5
    movie = np.stack([3.0 * rng.poisson(cells * fading) + 100 for fading in (1, 0.7, 0.5, 0.3)])
    monkeypatch.setattr(patches, "WHOLE", 0)
    found = measured(movie, "tyx")
    assert found.noise.name == "poisson"
    assert found.noise.gain == pytest.approx(3, rel=0.15)
    assert not found.levels


def test_a_thin_specimen_in_a_large_stack_is_seen(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    light = np.full((40, 128, 128), 4.0)
    light[17] += 80.0 * gaussian_filter((gaussian_filter(rng.standard_normal((128, 128)), 5) > 0).astype(float), 2)
    monkeypatch.setattr(patches, "WHOLE", 0)
    monkeypatch.setattr(patches, "PATCH", 64)
    found = measured(2.0 * rng.poisson(light) + 100, "zyx")
    assert found.noise.name == "poisson"
    assert found.noise.gain == pytest.approx(2, rel=0.2)


def test_patches_of_a_camera_with_maps_are_evened(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = np.stack([rng.normal(100, 5, (96, 96)), np.full((96, 96), 2.0), np.full((96, 96), 9.0)])
    recipe = Recipe(axes="yx", noise={"name": "camera", "maps": maps})
    monkeypatch.setattr(patches, "WHOLE", 0)
    monkeypatch.setattr(patches, "PATCH", 32)
    found = Regions.of(recipe, Layout("yx", (96, 96)), 64).measure(recipe, maps[0] + 2.0 * rng.poisson(20.0, (96, 96)))[0]
    assert (found.noise.name, found.noise.gain) == ("poisson", 2)
    assert found.is_stabilised
