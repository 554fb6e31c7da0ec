"""Are grey levels and colours read as light, however a TIFF stores them, and is it told where they were changed?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from skimage.color import rgb2lab, rgb2ycbcr

from napari_tweedie.images.files import names, read
from napari_tweedie.images.picture import Picture

RAMP = np.arange(256, dtype=np.uint16) * 257


@pytest.fixture
def levels(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (20, 24)).astype(np.uint8)


def stored(path: Path, data: np.ndarray, **options: Any) -> Picture:
    tifffile.imwrite(path / "in.tif", data, **{"metadata": None, **options})
    described = read(path / "in.tif", pixels=False)
    found = read(path / "in.tif")
    assert (described.axes, described.data.shape, described.data.dtype) == (found.axes, found.data.shape, found.data.dtype)
    return found


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_negative_without_black_is_told_and_left(tmp_path: Path, levels: np.ndarray, dtype: type) -> None:
    found = stored(tmp_path, levels.astype(dtype), photometric="miniswhite")
    assert_array_equal(found.data, levels)
    assert "Zero is white" in found.notes[0]
    assert "dark may stand for bright" in found.notes[0]


@pytest.mark.parametrize("green", [RAMP, RAMP // 2])
def test_a_table_that_only_tints_leaves_the_grey_levels(tmp_path: Path, levels: np.ndarray, green: np.ndarray) -> None:
    table = np.stack([np.zeros_like(green), green, np.zeros_like(green)])
    found = stored(tmp_path, levels, photometric="palette", colormap=table)
    assert found.axes == "yx"
    assert_array_equal(found.data, levels)
    assert "only show its grey levels" in found.notes[0]


def test_colours_of_a_table_are_looked_up(tmp_path: Path, levels: np.ndarray, rng: np.random.Generator) -> None:
    table = (rng.integers(0, 256, (3, 256)) * 257).astype(np.uint16)
    stack = np.stack([levels, levels[::-1]])
    found = stored(tmp_path, stack, photometric="palette", colormap=table)
    assert (found.axes, found.data.dtype) == ("qyxs", np.uint8)
    assert_array_equal(found.data, np.moveaxis(table[:, stack] // 257, 0, -1))
    assert "palette" in found.notes[0]


def test_a_table_of_greys_upside_down_is_a_negative(tmp_path: Path, levels: np.ndarray) -> None:
    found = stored(tmp_path, levels, photometric="palette", colormap=np.tile(RAMP[::-1], (3, 1)))
    assert_array_equal(found.data, 255 - levels)
    assert found.axes == "yx"


def test_the_table_of_an_imagej_file_means_nothing(tmp_path: Path, levels: np.ndarray, rng: np.random.Generator) -> None:
    table = rng.integers(0, 65536, (3, 256)).astype(np.uint16)
    found = stored(tmp_path, levels, imagej=True, colormap=table, metadata={"unit": "um"})
    assert_array_equal(found.data, levels)


@pytest.fixture
def rgb(rng: np.random.Generator) -> np.ndarray:
    return rng.random((20, 24, 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cielab_becomes_red_green_blue(tmp_path: Path, rgb: np.ndarray, dtype: type) -> None:
    whole, step = np.iinfo(dtype).max, 256 ** (np.dtype(dtype).itemsize - 1)
    lab = rgb2lab(rgb)
    differences = np.rint(lab[..., 1:] * step).astype(dtype(0).dtype.str.replace("u", "i")).view(dtype)
    data = np.concatenate([np.rint(lab[..., :1] / 100 * whole).astype(dtype), differences], axis=-1)
    found = stored(tmp_path, data, photometric="cielab")
    assert found.axes == "yxs"
    assert_allclose(found.data / whole, rgb, atol=0.08 / step + 1e-4)
    assert "CIELAB" in found.notes[0]


def test_luminance_and_colour_differences_become_red_green_blue(tmp_path: Path) -> None:
    grey = np.linspace(0, 255, 20 * 24).reshape(20, 24)
    found = stored(tmp_path, np.stack([grey, 0 * grey + 128, 0 * grey + 128], -1).astype(np.uint8), photometric="ycbcr")
    assert_allclose(found.data, np.stack([np.floor(grey)] * 3, -1))
    red = rgb2ycbcr(np.array([1.0, 0, 0]))  # of studio range, 16 to 235 and 16 to 240
    full = np.array([(red[0] - 16) * 255 / 219, *(128 + (red[1:] - 128) * 255 / 224)])
    found = stored(tmp_path, np.tile(np.rint(full).clip(0, 255).astype(np.uint8), (8, 8, 1)), photometric="ycbcr")
    assert_allclose(found.data[0, 0], [255, 0, 0], atol=2)


def test_a_mosaic_of_colours_is_told(tmp_path: Path, levels: np.ndarray) -> None:
    assert "mosaic" in stored(tmp_path, levels, photometric="cfa").notes[0]


def test_a_transparency_mask_is_no_image_of_its_own(tmp_path: Path, rgb: np.ndarray) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write((255 * rgb).astype(np.uint8), photometric="rgb", metadata=None)
        file.write(rgb[..., 0] > 0.5, photometric="mask", subfiletype=4, metadata=None)
    assert len(names(tmp_path / "in.tif")) == 1
    assert read(tmp_path / "in.tif").notes == ("It holds a transparency mask: left out.",)


def test_the_transparency_of_inks_is_told(tmp_path: Path, rng: np.random.Generator) -> None:
    inks = rng.integers(0, 256, (20, 24, 5)).astype(np.uint8)
    found = stored(tmp_path, inks, photometric="separated", extrasamples=["unassalpha"])
    assert found.data.shape == (20, 24, 3)
    assert "transparency" in found.notes[0]


@pytest.mark.parametrize("photometric", ["miniswhite", "palette"])
def test_a_large_file_is_changed_where_it_is_looked_at(
    tmp_path: Path, levels: np.ndarray, photometric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_tweedie.images.tiff_series.LAZY", 100)
    options = {"colormap": np.stack([RAMP[::-1], RAMP, RAMP])} if photometric == "palette" else {}
    found = stored(tmp_path, levels, photometric=photometric, **options)
    assert hasattr(found.data, "dask")
    first = np.asarray(found.data)[..., 0] if photometric == "palette" else np.asarray(found.data)
    assert_array_equal(first, 255 - levels)
