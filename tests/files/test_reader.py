"""Does napari get layers with the names, sizes, units and places that a file states, a channel each?"""

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Layer
from numpy.testing import assert_array_equal

from napari_tweedie.files.reader import layers, reader
from napari_tweedie.images.files import read, write


def opened(path: Path) -> list[Layer]:
    """Read a path as napari does."""
    read = reader(str(path))
    assert read is not None
    return [Layer.create(*data) for data in read(str(path))]


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_channels_become_layers_with_their_names(tmp_path: Path, suffix: str, rng: np.random.Generator) -> None:
    data = rng.integers(0, 999, (3, 2, 4, 20, 24)).astype(np.uint16)
    write(tmp_path / f"a{suffix}", data, "tczyx", (5, 1, 0.3, 0.1, 0.2), "µm", channels=("DAPI", "GFP"))
    first, second = opened(tmp_path / f"a{suffix}")
    assert (first.name, second.name) == ("a · DAPI", "a · GFP")
    assert first.axis_labels == ("t", "z", "y", "x")
    assert [str(unit) for unit in first.units] == ["second", "micrometer", "micrometer", "micrometer"]
    assert tuple(first.scale) == (5, 0.3, 0.1, 0.2)
    assert (first.blending, first.colormap.name, second.colormap.name) == ("additive", "cyan", "magenta")
    assert_array_equal(np.asarray(second.data), data[:, 1])


def test_an_unknown_size_has_no_unit_and_what_is_odd_is_a_warning(tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.0}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.zeros((3, 20, 24), np.uint8), metadata=metadata, photometric="minisblack")
    with pytest.warns(UserWarning, match=r"^a\.ome\.tif: PhysicalSizeZ is 0\.0"):
        (layer,) = opened(tmp_path / "a.ome.tif")
    assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]
    assert tuple(layer.scale) == (1, 0.1, 0.1)


def test_all_images_of_a_file_become_layers(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        for n, name in enumerate(("left", "right")):
            file.write(np.full((4, 20, 24), n, np.uint8), metadata={"axes": "ZYX", "Name": name})
    assert [(layer.name, layer.data.max()) for layer in opened(tmp_path / "a.ome.tif")] == [("a · left", 0), ("a · right", 1)]


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_colour_is_shown_as_colour(tmp_path: Path, suffix: str, rng: np.random.Generator) -> None:
    data = rng.integers(0, 255, (20, 24, 3)).astype(np.uint8)
    write(tmp_path / f"a{suffix}", data, "yxs", (0.1, 0.1, 1), "µm")
    (layer,) = opened(tmp_path / f"a{suffix}")
    assert layer.rgb
    assert layer.axis_labels == ("y", "x")
    assert_array_equal(np.asarray(layer.data), data)


def test_a_pyramid_is_a_multiscale_layer_that_lies_where_it_belongs(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", np.zeros((2, 8, 2500), np.uint8), "cyx", (1, 0.5, 0.5), "µm", origin=(0, 3, 4))
    first, _ = opened(tmp_path / "a.zarr")
    assert first.multiscale
    assert [level.shape for level in first.data] == [(8, 2500), (4, 1250), (2, 625)]
    assert tuple(first.translate) == (3, 4)


def test_missing_planes_are_empty_and_a_result_keeps_its_recipe(tmp_path: Path) -> None:
    data = np.ma.MaskedArray(np.ones((2, 20, 24), np.float32), np.zeros((2, 20, 24), bool))
    data[1] = np.ma.masked
    write(tmp_path / "a.tif", data, "tyx", metadata={"recipe": {"job": "denoise"}})
    (layer,) = opened(tmp_path / "a.tif")
    assert np.isnan(layer.data[1]).all()
    assert layer.metadata["napari_tweedie"] == {"recipe": {"job": "denoise"}}


def complex_numbers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def test_complex_numbers_become_their_parts(tmp_path: Path, rng: np.random.Generator) -> None:
    data = complex_numbers(rng, (20, 24))
    write(tmp_path / "a.tif", data, "yx", (0.1, 0.2), "µm")
    np.savez(tmp_path / "b.npz", kspace=data)
    for name in ("a.tif", "b.npz"):
        with pytest.warns(UserWarning, match="complex: real and imaginary parts lie along the first axis"):
            (layer,) = opened(tmp_path / name)
        assert_array_equal(np.asarray(layer.data), [data.real, data.imag])
        assert layer.axis_labels == ("q0", "y", "x")
        assert tuple(layer.scale) == ((1, 0.1, 0.2) if name == "a.tif" else (1, 1, 1))


def test_complex_coils_become_components_that_a_restoration_takes(tmp_path: Path, rng: np.random.Generator) -> None:
    data = complex_numbers(rng, (3, 20, 24))
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", metadata=None)
    with pytest.warns(UserWarning, match="complex"):
        (layer,) = opened(tmp_path / "a.tif")
    assert_array_equal(np.asarray(layer.data), np.array([part for coil in data for part in (coil.real, coil.imag)]))


def test_complex_stacks_channels_and_zarrs_become_their_parts(tmp_path: Path, rng: np.random.Generator) -> None:
    data = complex_numbers(rng, (2, 20, 24))
    write(tmp_path / "a.tif", data, "cyx", channels=("A", "B"))
    write(tmp_path / "z.tif", data, "zyx")
    zarr.save(tmp_path / "b.zarr", data[0])
    with pytest.warns(UserWarning, match="complex"):
        (_, second), (stack,), (plane,) = (opened(tmp_path / name) for name in ("a.tif", "z.tif", "b.zarr"))
    assert_array_equal(np.asarray(second.data), [data[1].real, data[1].imag])
    assert_array_equal(np.asarray(stack.data), [data.real, data.imag])
    assert_array_equal(np.asarray(plane.data), [data[0].real, data[0].imag])


def test_labels_beside_the_pixels_become_labels(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path / "a.zarr", rng.random((20, 24)), "yx", (0.1, 0.1), "µm")
    cells = rng.integers(0, 9, (10, 12)).astype(np.uint16)
    zarr.open_group(tmp_path / "a.zarr", mode="r+").create_group("labels", attributes={"ome": {"labels": ["cells", "gone"]}})
    write(tmp_path / "cells.zarr", cells, "yx", (0.2, 0.2), "µm")
    (tmp_path / "cells.zarr").rename(tmp_path / "a.zarr" / "labels" / "cells")
    image, labels = opened(tmp_path / "a.zarr")
    assert (type(labels).__name__, labels.name, image.name) == ("Labels", "a · cells", "a")
    assert_array_equal(np.asarray(labels.data), cells)
    assert tuple(labels.scale) == (0.2, 0.2)
    with pytest.raises(ValueError, match=r"folder of labels: name one of them \(cells, gone\)"):
        read(tmp_path / "a.zarr" / "labels")


def test_two_axes_without_a_name_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.zeros((2, 3, 20, 24), np.uint8), "qqyx")
    (layer,) = opened(tmp_path / "a.tif")
    assert len(set(layer.axis_labels)) == 4


def test_a_zarr_array_alone_opens(tmp_path: Path) -> None:
    zarr.save(tmp_path / "a.zarr", np.zeros((3, 20, 24), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (data,) = layers(str(tmp_path / "a.zarr"))
    assert data[1]["axis_labels"] == ("z", "y", "x")


def test_other_paths_are_left_to_others(tmp_path: Path) -> None:
    assert reader(str(tmp_path)) is None
    assert reader(str(tmp_path / "a.png")) is None
    assert reader([str(tmp_path / "a.tif"), str(tmp_path / "b.tif")]) is None
