"""Does an image come back from a file with its values, axes, pixel size and recipe?"""

import numpy as np
import pytest
import tifffile
from numpy.testing import assert_allclose, assert_array_equal
from skimage.io import imsave

from napari_tweedie.images.files import read, write

LENGTHS = {"t": 2, "c": 3, "z": 4, "y": 5, "x": 6, "s": 3, "q": 7}


def image(axes, dtype=np.uint16):
    rng = np.random.default_rng(0)
    return rng.integers(0, 250, [LENGTHS[axis] for axis in axes]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("axes", ["yx", "zyx", "tczyx", "yxs", "tyxs", "qyx", "qqyx"])
def test_values_and_axes_survive(tmp_path, axes, dtype):
    data = image(axes, dtype)
    write(tmp_path / "a.tif", data, axes)
    picture = read(tmp_path / "a.tif")
    assert picture.axes == axes
    assert picture.data.dtype == dtype
    assert_array_equal(picture.data, data)


@pytest.mark.parametrize("shape", [(1, 5, 6), (4, 1, 6), (1, 1, 1)])
def test_axes_of_length_one_survive(tmp_path, shape):
    write(tmp_path / "a.tif", np.ones(shape, np.float32), "zyx")
    assert read(tmp_path / "a.tif").data.shape == shape


def test_a_mask_is_stored_as_numbers(tmp_path):
    mask = image("yx") > 100
    write(tmp_path / "mask.tif", mask, "yx")
    assert_array_equal(read(tmp_path / "mask.tif").data, mask.astype(np.uint8))


@pytest.mark.parametrize("unit", ["pixel", "angstrom", "nanometer", "micrometer", "millimeter"])
def test_pixel_sizes_and_unit_survive(tmp_path, unit):
    write(tmp_path / "a.ome.tif", image("tczyx"), "tczyx", spacing=(30, 1, 0.3, 0.1, 0.11), unit=unit)
    picture = read(tmp_path / "a.ome.tif")
    assert picture.spacing == (30, 1, 0.3, 0.1, 0.11)
    assert picture.unit == unit
    assert picture.name == "a"


def test_a_symbol_is_as_good_as_the_name_of_a_unit(tmp_path):
    write(tmp_path / "a.tif", image("yx"), "yx", spacing=(0.1, 0.1), unit="µm")
    assert read(tmp_path / "a.tif").unit == "micrometer"


def test_metadata_survive(tmp_path):
    recipe = {
        "σ": 0.1,
        '<steps> & "quotes"': [{"name": "pnp-admm", "ρ": None}, True, "line\nbreak ]]> {0}"],
        "author": "Žižka 顕微鏡",
    }
    write(tmp_path / "a.tif", image("yx"), "yx", metadata=recipe)
    assert read(tmp_path / "a.tif").metadata == recipe


def test_other_readers_of_ome_tiff_see_axes_and_pixel_sizes(tmp_path):
    write(tmp_path / "a.tif", image("zyx"), "zyx", spacing=(0.3, 0.1, 0.1), unit="micrometer")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert file.series[0].axes == "ZYX"
    assert (pixels["PhysicalSizeZ"], pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (0.3, 0.1, "µm")


def test_pixel_sizes_in_different_units_become_one(tmp_path):
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "PhysicalSizeZ": 300, "PhysicalSizeZUnit": "nm"}
    times = {"TimeIncrement": 2, "TimeIncrementUnit": "min"}
    tifffile.imwrite(tmp_path / "a.ome.tif", image("tzyx"), metadata={"axes": "TZYX", **sizes, **times})
    picture = read(tmp_path / "a.ome.tif")
    assert_allclose(picture.spacing, (120, 0.3, 1, 0.1))
    assert picture.unit == "micrometer"
    assert picture.metadata == {}


def test_a_file_cropped_elsewhere_keeps_its_own_shape(tmp_path):
    write(tmp_path / "a.tif", image("zyx"), "zyx", metadata={"name": "original"})
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        crop, comment = file.asarray()[:, :2], tifffile.xml2dict(file.ome_metadata)["OME"]["StructuredAnnotations"]
    annotation = comment["CommentAnnotation"]
    ours = {"Namespace": annotation["Namespace"], "Value": annotation["Value"]}
    tifffile.imwrite(tmp_path / "b.ome.tif", crop, metadata={"axes": "ZYX", "CommentAnnotation": ours})
    picture = read(tmp_path / "b.ome.tif")
    assert picture.data.shape == (4, 2, 6)
    assert picture.metadata == {"name": "original"}


@pytest.mark.parametrize(("unit", "name"), [("um", "micrometer"), ("micron", "micrometer"), ("\\u00B5m", "micrometer"),
                                            ("nm", "nanometer"), ("pixel", "pixel"), ("furlong", "pixel")])  # fmt: skip
def test_imagej_hyperstack(tmp_path, unit, name):
    data = image("tzcyx")
    metadata = {"axes": "TZCYX", "unit": unit, "spacing": 0.3, "finterval": 5}
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, resolution=(1 / 0.1, 1 / 0.2), metadata=metadata)
    picture = read(tmp_path / "a.tif")
    assert picture.axes == "tzcyx"
    assert_allclose(picture.spacing, (5, 0.3, 1, 0.2, 0.1), rtol=1e-6)
    assert picture.unit == name
    assert picture.data.dtype.isnative
    assert_array_equal(picture.data, data)


def test_a_plain_tiff_claims_nothing(tmp_path):
    tifffile.imwrite(tmp_path / "pixel.tif", np.ones((1, 1), np.uint8), metadata=None)
    assert read(tmp_path / "pixel.tif").axes == "yx"
    tifffile.imwrite(tmp_path / "a.tif", image("zyx"), metadata=None, photometric="minisblack", resolution=(72, 72))
    picture = read(tmp_path / "a.tif")
    assert picture.axes == "qyx"
    assert (picture.spacing, picture.unit, picture.metadata) == ((1, 1, 1), "pixel", {})


def test_samples_are_last_where_they_are_colour_and_channels_otherwise(tmp_path):
    colour, spectrum = image("syx", np.uint8), image("qyx", np.uint8)
    contiguous = np.moveaxis(spectrum, 0, -1)
    tifffile.imwrite(tmp_path / "colour.tif", colour, photometric="rgb", planarconfig="separate", metadata=None)
    tifffile.imwrite(tmp_path / "spectrum.tif", contiguous, photometric="minisblack", planarconfig="contig", metadata=None)
    assert read(tmp_path / "colour.tif").axes == "yxs"
    assert_array_equal(read(tmp_path / "colour.tif").data, np.moveaxis(colour, 0, -1))
    assert read(tmp_path / "spectrum.tif").axes == "cyx"
    assert_array_equal(read(tmp_path / "spectrum.tif").data, spectrum)


@pytest.mark.parametrize("axes", ["yx", "yxs"])
def test_png(tmp_path, axes):
    data = image(axes, np.uint8)
    imsave(tmp_path / "a.png", data, check_contrast=False)
    picture = read(tmp_path / "a.png")
    assert picture.axes == axes
    assert_array_equal(picture.data, data)


def test_a_large_uncompressed_file_is_mapped_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_tweedie.images.tiff_series.LAZY", 100)
    tifffile.imwrite(tmp_path / "a.tif", image("zyx"), photometric="minisblack", metadata={"axes": "ZYX"})
    picture = read(tmp_path / "a.tif")
    assert isinstance(picture.data, np.memmap)
    assert_array_equal(picture.data, image("zyx"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^there is no file .*missing\.tif$"):
        read(tmp_path / "missing.tif")


@pytest.mark.parametrize("name", ["notes.tif", "notes.png"])
def test_a_file_that_is_no_image_is_named_in_one_line(tmp_path, name):
    (tmp_path / name).write_text("Shopping list:\nmilk\n")
    with pytest.raises(ValueError, match=rf"^\S*{name} cannot be read as an image: .+$"):
        read(tmp_path / name)


def test_a_damaged_file_is_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", image("yx"), metadata=None)
    (tmp_path / "half.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"half\.tif cannot be read as an image: "):
        read(tmp_path / "half.tif")


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    write(path, image("yx"), "yx")
    imwrite = tifffile.imwrite

    def interrupted(part, *args, **kwargs):
        imwrite(part, *args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(tifffile, "imwrite", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(path, image("yx") + 1, "yx")
    assert_array_equal(read(path).data, image("yx"))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "shape", "axes", "options", "message"),
    [
        ("a.png", (5, 6), "yx", {}, "must end in .tif or .tiff, or in .zarr"),
        ("a.tif", (5, 6), "zyx", {}, "name 3 axes"),
        ("a.tif", (5, 6), "yx", {"spacing": (1, 0)}, "finite numbers above 0"),
        ("a.tif", (5, 6), "yx", {"spacing": (1, 1, 1)}, "spacing needs 2"),
        ("a.tif", (5, 6), "yx", {"unit": "furlong"}, "got 'furlong'"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_no_file(tmp_path, name, shape, axes, options, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / name, np.ones(shape, np.float32), axes, **options)
    assert not list(tmp_path.iterdir())


def test_a_data_type_that_ome_tiff_does_not_know_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'int64' not supported"):
        write(tmp_path / "a.tif", image("yx", np.int64), "yx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"path": None}, "a file is named by text or a path"),
        ({"path": b"a.tif"}, "a file is named by text or a path"),
        ({"data": np.array([[None, 1]])}, "type object, not numbers"),
        ({"axes": 5}, "axes are text"),
        ({"spacing": ("a", 1)}, "spacing is a number for each axis"),
        ({"spacing": 1.0}, "spacing is a number for each axis"),
        ({"metadata": {"a": object()}}, "metadata must be what JSON can hold"),
        ({"metadata": [1]}, "metadata are a dictionary"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        write(**{"path": tmp_path / "a.tif", "data": np.ones((4, 5)), "axes": "yx"} | changed)
    assert not list(tmp_path.iterdir())


def test_sizes_may_be_an_array_and_values_a_list(tmp_path):
    write(tmp_path / "a.tif", [[1.0, 2.0], [3.0, 4.0]], "yx", np.array([0.5, 0.25]), "micrometer")
    assert read(tmp_path / "a.tif").spacing == (0.5, 0.25)


@pytest.mark.parametrize("path", [None, 5, b"a.tif"])
def test_what_names_no_file_is_named(path):
    with pytest.raises(ValueError, match="a file is named by text or a path"):
        read(path)
