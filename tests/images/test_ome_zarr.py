"""Does an OME-Zarr hold what was written, in a form that other readers understand?"""

import warnings
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import yaozarrs
import zarr
from numpy.testing import assert_allclose, assert_array_equal

from napari_tweedie.images import ome_zarr_writing
from napari_tweedie.images.files import Picture, read, write

LENGTHS = {"t": 2, "c": 3, "z": 4, "y": 5, "x": 6, "s": 3, "q": 7}


def image(axes: str, dtype: type = np.uint16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 250, [LENGTHS[axis] for axis in axes]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("axes", ["yx", "zyx", "tczyx", "syx", "tyx", "qyx"])
def test_values_and_axes_survive(tmp_path: Path, axes: str, dtype: type) -> None:
    write(tmp_path / "a.zarr", image(axes, dtype), axes)
    picture = read(tmp_path / "a.zarr")
    assert picture.axes == axes
    assert picture.data.dtype == dtype
    assert_array_equal(picture.data[...], image(axes, dtype))


@pytest.mark.parametrize(("axes", "stored"), [("yxs", "syx"), ("ztyx", "tzyx"), ("zcyx", "czyx"), ("yxc", "cyx")])
def test_axes_are_put_in_the_order_of_the_format(tmp_path: Path, axes: str, stored: str) -> None:
    data = image(axes)
    write(tmp_path / "a.zarr", data, axes, spacing=range(1, len(axes) + 1))
    picture = read(tmp_path / "a.zarr")
    assert picture.axes == stored
    assert_array_equal(picture.data[...], data.transpose([axes.index(axis) for axis in stored]))
    assert picture.spacing == tuple(axes.index(axis) + 1 for axis in stored)


def test_pixel_sizes_place_unit_channels_and_metadata_survive(tmp_path: Path) -> None:
    meta = {"recipe": {"job": "denoise", "σ": [0.1, None]}}
    write(
        tmp_path / "a.zarr", image("tczyx"), "tczyx", (30, 1, 0.3, 0.1, 0.11), "µm", meta,
        channels=("DAPI", "GFP", "RFP"), origin=(0, 0, 5, 6.5, 7),
    )  # fmt: skip
    picture = read(tmp_path / "a.zarr")
    assert_allclose(picture.spacing, (30, 1, 0.3, 0.1, 0.11))
    assert_allclose(picture.origin, (0, 0, 5, 6.5, 7))
    assert (picture.unit, picture.name, picture.channels) == ("micrometer", "a", ("DAPI", "GFP", "RFP"))
    assert picture.metadata == meta


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_metadata_are_valid_in_both_versions(tmp_path: Path, version: str) -> None:
    like = Picture(np.zeros((2, 9, 3000), np.float32), "cyx", (1, 0.2, 0.2), "micrometer", channels=("a", "b"))
    levels = ome_zarr_writing.create(tmp_path / "a.zarr", like, (1, 4, 1024), [(0, 1), (0, 2)], version)
    attributes = dict(zarr.open_group(tmp_path / "a.zarr", mode="r").attrs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if version == "0.4":
            checked = yaozarrs.v04.Image.model_validate(attributes)
        else:
            checked = yaozarrs.v05.Image.model_validate(attributes["ome"])
    assert [level.shape for level in levels] == [(2, 9, 3000), (2, 4, 1500), (2, 2, 750)]
    assert [dataset.path for dataset in checked.multiscales[0].datasets] == ["0", "1", "2"]
    assert (tmp_path / "a.zarr" / ("zarr.json" if version == "0.5" else ".zattrs")).is_file()
    assert read(tmp_path / "a.zarr").channels == ("a", "b")


def test_a_large_image_gets_a_pyramid_whose_levels_lie_where_they_belong(tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((31, 2500)).astype(np.float32)
    write(tmp_path / "a.zarr", data, "yx", (1.0, 1.0))
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert_allclose(group["1"][...], data[:30].reshape(15, 2, 1250, 2).mean((1, 3)), rtol=1e-5)
    assert_allclose(group["2"][...], data[:28].reshape(7, 4, 625, 4).mean((1, 3)), rtol=1e-5)
    steps = group.attrs["ome"]["multiscales"][0]["datasets"][2]["coordinateTransformations"]
    assert steps == [{"type": "scale", "scale": [4.0, 4.0]}, {"type": "translation", "translation": [1.5, 1.5]}]


def test_integers_are_rounded_in_coarse_levels(tmp_path: Path) -> None:
    data = np.zeros((2, 2050), np.uint8)
    data[0, 0] = data[1, 0] = data[1, 1] = 255
    write(tmp_path / "a.zarr", data, "yx")
    assert zarr.open_group(tmp_path / "a.zarr", mode="r")["1"][0, 0] == 191


def test_units_of_others_become_ours(tmp_path: Path) -> None:
    like = Picture(np.zeros((2, 4, 5, 6), np.uint8), "tzyx", (1, 1, 1, 1), "micrometer")
    ome_zarr_writing.create(tmp_path / "a.zarr", like, (1, 1, 5, 6), [])
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    ome = group.attrs["ome"]
    axes = ome["multiscales"][0]["axes"]
    axes[0]["unit"], axes[1]["unit"] = "minute", "nanometer"
    ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [2, 300, 0.1, 0.1]}]
    group.attrs.update({"ome": ome})
    picture = read(tmp_path / "a.zarr")
    assert_allclose(picture.spacing, (120, 0.3, 0.1, 0.1))
    assert picture.unit == "micrometer"


def test_only_the_chunks_looked_at_are_read(tmp_path: Path) -> None:
    like = Picture(np.zeros((4, 2000, 2000), np.uint16), "zyx")
    (array,) = ome_zarr_writing.create(tmp_path / "a.zarr", like, (1, 1000, 1000), [])
    array[1, :1000, :1000] = 7
    ome_zarr_writing.chunk_file(array, (slice(1, 2), slice(1000, 2000), slice(0, 1000))).parent.mkdir(parents=True, exist_ok=True)
    ome_zarr_writing.chunk_file(array, (slice(1, 2), slice(1000, 2000), slice(0, 1000))).write_bytes(b"damaged")
    picture = read(tmp_path / "a.zarr")
    assert np.asarray(picture.data[1, 10:20, 10:20]).max() == 7
    with pytest.raises(Exception, match=r".+"):
        picture.data[1, 1500, 10]


def test_a_plain_array_is_an_image_with_guessed_axes(tmp_path: Path) -> None:
    zarr.save(tmp_path / "a.zarr", image("zyx"))
    assert read(tmp_path / "a.zarr").axes == "zyx"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"ome": {"version": "0.5", "plate": {"wells": [{"path": "B/2"}]}}},
            "is a plate without any field of view",
        ),
        ({"ome": {"bioformats2raw.layout": 3}}, "collection of images without any"),
        ({}, "without an OME image"),
    ],
)
def test_what_is_no_image_itself_is_named(tmp_path: Path, attributes: dict[str, object], message: str) -> None:
    zarr.create_group(tmp_path / "a.zarr").attrs.update(attributes)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("axes", "dtype", "message"),
    [("qcyx", np.uint8, "have 2: write a TIFF"), ("qqyx", np.uint8, "have 2"), ("yx", np.complex64, "no complex")],
)
def test_what_the_format_cannot_hold_is_refused_and_leaves_nothing(tmp_path: Path, axes: str, dtype: type, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "a.zarr", image(axes, dtype), axes)
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", image("yx"), "yx")
    with pytest.raises(FileExistsError, match="choose another name"):
        write(tmp_path / "a.zarr", image("yx") + 1, "yx")
    assert_array_equal(read(tmp_path / "a.zarr").data[...], image("yx"))


def test_a_large_compressed_tiff_is_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.tif", image("tczyx"), "tczyx", channels=("a", "b", "c"))
    monkeypatch.setattr("napari_tweedie.images.tiff_series.LAZY", 100)
    picture = read(tmp_path / "a.tif")
    assert isinstance(picture.data, da.Array)
    assert picture.channels == ("a", "b", "c")
    assert_array_equal(np.asarray(picture.data[1, 2]), image("tczyx")[1, 2])
