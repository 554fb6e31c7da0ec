"""Does a layer that napari saves with our writer come back as it was: pixels, recipe, axes, sizes, place, colours?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from napari.layers import Image, Layer
from napari.utils.colormaps import Colormap
from npe2 import PluginManager, PluginManifest
from numpy.testing import assert_allclose, assert_array_equal

from napari_tweedie.files.reader import layers
from napari_tweedie.files.writer import write_layers
from napari_tweedie.recipe.provenance import stored_recipe

RECIPE = {"recipe": {"job": "denoise", "denoiser": {"name": "tikhonov"}}, "version": "0.1.0", "notes": []}
FILES = pytest.mark.parametrize("name", ["a.ome.tif", "a.tif", "a.ome.zarr", "a.zarr"])


def saved(path: Path, *given: Image) -> list[Image]:
    """Write layers as napari does, and read what was written."""
    written = write_layers(str(path), [layer.as_layer_data_tuple() for layer in given])
    return [Layer.create(*data) for file in written for data in layers(file)]


@FILES
def test_one_layer_comes_back(tmp_path: Path, name: str, rng: np.random.Generator) -> None:
    layer = Image(
        rng.normal(100, 5, (4, 12, 14)).astype(np.float32), name="cells · denoised", scale=(0.5, 0.2, 0.1),
        translate=(3, -2, 1), units=("um", "um", "um"), axis_labels=("z", "y", "x"), colormap="magma",
        contrast_limits=(90, 120), gamma=0.7, opacity=0.5, blending="additive", metadata={"napari_tweedie": RECIPE},
    )  # fmt: skip
    (found,) = saved(tmp_path / name, layer)
    assert_array_equal(np.asarray(found.data), layer.data)
    assert_allclose(found.scale, layer.scale)
    assert_allclose(found.translate, layer.translate)
    assert (found.units, found.axis_labels) == (layer.units, layer.axis_labels)
    assert found.colormap.name == "magma"
    assert_allclose(found.colormap.colors, layer.colormap.colors, atol=1e-3)
    assert (found.contrast_limits, found.gamma, found.opacity, found.blending) == ([90, 120], 0.7, 0.5, "additive")
    assert found.metadata["napari_tweedie"] == RECIPE
    assert stored_recipe(tmp_path / name)["recipe"] == RECIPE["recipe"]


@FILES
def test_layers_of_one_shape_are_channels_each_with_its_own_recipe(tmp_path: Path, name: str, rng: np.random.Generator) -> None:
    shared: dict[str, Any] = {"scale": (1, 0.2, 0.1), "units": ("s", "um", "um"), "axis_labels": ("t", "y", "x")}
    green = Image(rng.integers(0, 99, (3, 12, 14)).astype(np.uint16), name="GFP", colormap="green", **shared)
    other = Image(
        rng.normal(size=(3, 12, 14)).astype(np.float32), name="denoised", colormap=Colormap([[0, 0, 0], [0.2, 0.4, 0.6]]),
        metadata={"napari_tweedie": RECIPE}, **shared,
    )  # fmt: skip
    first, second = saved(tmp_path / name, green, other)
    assert (first.name, second.name) == ("a · GFP", "a · denoised")
    assert_array_equal(np.asarray(first.data), green.data)
    assert_array_equal(np.asarray(second.data), other.data)
    assert "napari_tweedie" not in first.metadata
    assert second.metadata["napari_tweedie"] == RECIPE
    assert first.colormap.name == "green"
    assert_allclose(second.colormap.colors[-1], (0.2, 0.4, 0.6, 1), atol=1e-3)
    assert (first.axis_labels, first.units) == (green.axis_labels, green.units)


def test_layers_that_differ_are_files_each_and_told(tmp_path: Path, rng: np.random.Generator) -> None:
    one, two = Image(rng.normal(size=(12, 14)), name="one"), Image(rng.normal(size=(10, 14)), name="two")
    with pytest.warns(UserWarning, match="one, two differ in shape, axes or place"):
        written = write_layers(str(tmp_path / "a.ome.tif"), [layer.as_layer_data_tuple() for layer in (one, two)])
    assert [Path(file).name for file in written] == ["a.ome.tif", "a_2.ome.tif"]
    assert_allclose(layers(written[1])[0][0], two.data)


@pytest.mark.parametrize("layer", [
    Image(np.zeros((6, 8, 3), np.uint8), rgb=True, scale=(0.2, 0.1), units=("um", "um")),
    Image([np.ones((16, 18)), np.ones((8, 9))], multiscale=True),
    Image(np.eye(6, 8), scale=(-0.2, 0.1), units=("um", "um"), rotate=30),
    Image(np.zeros((2, 3, 4, 6, 8)), axis_labels=("t", "c", "z", "y", "x")),
    Image(np.eye(6, 8, dtype=bool)),
], ids=["colour", "multiscale", "flipped and turned", "five axes", "truth values"])  # fmt: skip
@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_layers_of_every_kind_come_back_where_they_were(tmp_path: Path, layer: Image, suffix: str) -> None:
    found = saved(tmp_path / f"a{suffix}", layer)
    whole = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    assert_array_equal(np.stack([np.asarray(each.data[0] if each.multiscale else each.data) for each in found], -1).squeeze(),
                       np.moveaxis(whole, 1, -1).squeeze() if whole.ndim == 5 else whole.squeeze())  # fmt: skip
    if whole.ndim < 5:
        corner = (3, 4)
        assert_allclose(found[0].data_to_world(corner), layer.data_to_world(corner), atol=1e-6)


def test_other_programs_see_colour_and_window(tmp_path: Path) -> None:
    write_layers(str(tmp_path / "a.zarr"), [Image(np.eye(6), name="GFP", colormap="green").as_layer_data_tuple()])
    (channel,) = dict(zarr.open_group(tmp_path / "a.zarr", mode="r").attrs)["ome"]["omero"]["channels"]  # type: ignore[index, call-overload]
    assert (channel["label"], channel["color"], channel["window"]["end"]) == ("GFP", "00FF00", 1)


def test_what_cannot_be_written_is_told_before_anything_is(tmp_path: Path) -> None:
    (tmp_path / "a_2.zarr").mkdir()
    given = [Image(np.zeros(shape), name="x").as_layer_data_tuple() for shape in ((4, 4), (5, 5))]
    with pytest.warns(UserWarning, match="differ"), pytest.raises(FileExistsError, match=r"a_2\.zarr exists"):
        write_layers(str(tmp_path / "a.zarr"), given)
    assert not (tmp_path / "a.zarr").exists()


def test_the_manifest_offers_it(tmp_path: Path) -> None:
    manager = PluginManager()
    manager.register(PluginManifest.from_distribution("napari-tweedie"))
    for name in ("a.ome.tif", "a.ome.zarr"):
        writer, _ = manager.get_writer(str(tmp_path / name), ["image", "image"], "napari-tweedie")
        assert writer is not None
        assert writer.command == "napari-tweedie.write"
