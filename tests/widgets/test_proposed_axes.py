"""Are axes that a layer does not name proposed as its file names them, or by what the noise of its planes tells?"""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from napari.layers._source import layer_source

from napari_tweedie.images.sources import as_picture
from napari_tweedie.widgets.layers.proposed_axes import propose


def planes(rng: np.random.Generator, *levels: float) -> np.ndarray:
    """Planes of 64 × 80 pixels, a smooth pattern with noise of some levels."""
    y, x = np.mgrid[:64, :80]
    clean = 500 + 100 * np.sin(x / 11) * np.cos(y / 7)
    return np.stack([clean + level * rng.normal(size=clean.shape) for level in levels]).astype(np.float32)


def from_file(path: Path, array: np.ndarray, **options: object) -> Image:
    """Return the layer that napari's own reader makes of a file."""
    with layer_source(path=str(path)):
        return Image(array, **options)


def test_planes_of_different_noise_are_channels(rng: np.random.Generator) -> None:
    layer = Image(planes(rng, 8, 120))
    assert propose(layer, layer.data).axes == "cyx"
    assert "noise differs" in propose(layer, layer.data).why


@pytest.mark.parametrize("levels", [(20, 20), (20, 22, 24, 26), (10, 40) * 10, (0, 0, 0)])
def test_planes_of_like_noise_or_many_are_not(rng: np.random.Generator, levels: tuple[float, ...]) -> None:
    layer = Image(planes(rng, *levels))
    assert (propose(layer, layer.data).axes, propose(layer, layer.data).why) == ("zyx", "")


def test_channels_are_found_before_and_behind_another_axis(rng: np.random.Generator) -> None:
    both = np.stack([planes(rng, 5, 50) for _ in range(7)])
    assert propose(Image(both), both).axes == "tcyx"
    assert propose(Image(both), both.swapaxes(0, 1)).axes == "czyx"
    five = np.stack([both, both])
    assert propose(Image(five), five).axes == "tzcyx"


def test_names_of_the_layer_count_first(rng: np.random.Generator) -> None:
    layer = Image(planes(rng, 8, 120), axis_labels=("t", "y", "x"))
    assert propose(layer, layer.data).axes == "tyx"


@pytest.mark.parametrize("axes", ["TYX", "CYX", "ZYX"])
def test_a_file_says_what_a_reader_left_out(tmp_path: Path, rng: np.random.Generator, axes: str) -> None:
    data = planes(rng, 20, 20)
    metadata = {"axes": axes, "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.0}
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata=metadata, photometric="minisblack")
    layer = from_file(tmp_path / "a.ome.tif", data)
    proposal = propose(layer, data)
    assert (proposal.axes, proposal.why) == (axes.lower(), "as a.ome.tif says")
    picture = as_picture(layer)
    assert (picture.axes, picture.spacing[1:], picture.unit) == (axes.lower(), (0.1, 0.1), "micrometer")
    assert len(picture.notes) == (axes == "ZYX")


def test_axes_of_length_one_come_and_go(tmp_path: Path, rng: np.random.Generator) -> None:
    data = planes(rng, 20, 20)
    tifffile.imwrite(tmp_path / "a.tif", data[:, None], imagej=True, metadata={"axes": "TZYX"})
    layer = from_file(tmp_path / "a.tif", data[None])
    assert propose(layer, layer.data).axes[1:] == "tyx"


@pytest.mark.parametrize("name", ["gone.tif", "other.tif"])
def test_a_file_that_is_gone_or_holds_another_shape_says_nothing(tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    tifffile.imwrite(tmp_path / "other.tif", np.zeros((7, 8, 9), np.uint8), imagej=True, metadata={"axes": "TYX"})
    layer = from_file(tmp_path / name, planes(rng, 20, 20))
    assert propose(layer, layer.data).axes == "zyx"


def test_a_size_that_the_layer_has_counts_before_that_of_the_file(tmp_path: Path, rng: np.random.Generator) -> None:
    data = planes(rng, 20, 20)
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.3}
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata=metadata, photometric="minisblack")
    layer = from_file(tmp_path / "a.ome.tif", data, scale=(2, 0.5, -0.5), units=("um", "um", "um"))
    assert as_picture(layer).sizes() == {"spacing": (2, 0.5, 0.5), "unit": "micrometer"}


def test_an_axis_that_is_no_length_leaves_the_others_theirs(rng: np.random.Generator) -> None:
    layer = Image(planes(rng, 20, 20), scale=(2, 0.1, 100), units=("second", "um", "nm"))
    picture = as_picture(layer)
    assert picture.sizes() == {"spacing": (100, 100), "unit": "nanometer"}
    assert len(picture.notes) == 1
