"""Formats of medicine, electron microscopy and other packages: sizes, places and values, against those packages themselves."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import nibabel
import numpy as np
import pytest
import tifffile
from npe2 import DynamicPlugin, PluginManager
from numpy.testing import assert_allclose, assert_array_equal

from napari_tweedie.files.reader import reader
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images import other_readers
from napari_tweedie.images.files import names, read, write
from napari_tweedie.images.picture import beside, stem
from napari_tweedie.recipe import Recipe

OBLIQUE = np.array([[0.0, -0.8, 0.0, 12.0], [0.9, 0.0, 0.0, -7.5], [0.0, 0.0, 2.0, 3.0], [0.0, 0.0, 0.0, 1.0]])


@pytest.fixture
def volume(rng: np.random.Generator) -> np.ndarray:
    """Voxels x, y, z as a NIfTI holds them."""
    return rng.integers(0, 3000, (6, 5, 4)).astype(np.int16)


def test_a_nifti_is_read_with_voxels_as_it_orders_them(volume: np.ndarray, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(volume, OBLIQUE)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, tmp_path / "brain.nii.gz")
    picture = read(tmp_path / "brain.nii.gz")
    assert (picture.axes, picture.unit, picture.name, picture.unknown) == ("zyx", "millimeter", "brain", "")
    assert picture.data.dtype == np.int16
    assert_array_equal(picture.data, volume.T)
    assert_allclose(picture.spacing, (2, 0.8, 0.9))
    assert_allclose(np.reshape(picture.placement, (3, 4)), OBLIQUE[:3])


def test_a_time_series_and_scaled_values_are_read(tmp_path: Path, rng: np.random.Generator) -> None:
    data = rng.normal(5, 2, (4, 5, 3, 7))
    image = nibabel.Nifti1Image(data, np.diag([1, 1, 3, 1]))
    image.set_data_dtype(np.int16)
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_zooms((1, 1, 3, 1500))
    nibabel.save(image, tmp_path / "f.nii")
    picture = read(tmp_path / "f.nii")
    assert picture.axes == "tzyx"
    assert_allclose(picture.spacing, (1.5, 3, 1, 1))
    assert_allclose(picture.data, nibabel.load(tmp_path / "f.nii").get_fdata().T, rtol=1e-6)


def test_a_result_lies_where_its_source_did_also_with_finer_voxels(volume: np.ndarray, tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(volume, OBLIQUE), tmp_path / "a.nii")
    source = read(tmp_path / "a.nii")
    write(tmp_path / "b.nii", source.data, "zyx", source.spacing, source.unit, placement=source.placement)
    assert_allclose(nibabel.load(tmp_path / "b.nii").affine, OBLIQUE)
    fine = source.data.repeat(2, 1).repeat(2, 2)
    write(tmp_path / "c.nii", fine, "zyx", (2, 0.4, 0.45), source.unit, placement=source.placement)
    found = nibabel.load(tmp_path / "c.nii")
    assert_allclose(found.header.get_zooms(), (0.45, 0.4, 2))
    corner = np.array([-0.5, -0.5, 0, 1])
    assert_allclose(found.affine @ corner, OBLIQUE @ corner)  # of the field of view
    assert_allclose(found.affine @ [11.5, 9.5, 3, 1], OBLIQUE @ [5.5, 4.5, 3, 1])


@pytest.mark.parametrize(
    ("axes", "spacing", "unit"),
    [
        ("yx", (0.2, 0.3), "micrometer"), ("zyx", (2, 0.5, 0.5), "millimeter"), ("tyx", (3, 1, 1), "millimeter"),
        ("czyx", (1, 2, 1, 1), "millimeter"), ("tczyx", (1.5, 1, 2, 1, 1), "millimeter"), ("yxs", (1, 1, 1), "micrometer"),
    ],
)  # fmt: skip
def test_a_nifti_gives_back_what_was_written(axes: str, spacing: tuple[float, ...], unit: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shape = [dict(zip("tczyxs", (2, 4, 3, 5, 6, 3), strict=True))[axis] for axis in axes]
    data = rng.integers(0, 255, shape).astype(np.uint8 if "s" in axes else np.float32)
    meta = {"recipe": {"job": "denoise", "σ": 1}}
    write(tmp_path / "a.nii.gz", data, axes, spacing, unit, meta)
    picture = read(tmp_path / "a.nii.gz")
    order = [axes.index(axis) for axis in picture.axes]
    assert sorted(picture.axes) == sorted(axes)
    assert_array_equal(picture.data, data.transpose(order))
    assert_allclose(picture.spacing, [spacing[n] for n in order], rtol=1e-6)
    assert (picture.unit, picture.metadata) == (unit, meta)


def test_nanometres_become_micrometres_in_a_nifti(tmp_path: Path) -> None:
    write(tmp_path / "a.nii", np.zeros((4, 5), np.float32), "yx", (50, 50), "nanometer")
    assert_allclose(read(tmp_path / "a.nii").spacing, (0.05, 0.05))
    assert nibabel.load(tmp_path / "a.nii").header.get_xyzt_units()[0] == "micron"


def test_an_mrc_has_its_voxel_size_in_angstrom(tmp_path: Path, rng: np.random.Generator) -> None:
    data = rng.normal(size=(3, 4, 5)).astype(np.float32)
    write(tmp_path / "a.mrc", data, "zyx", (2, 1, 0.5), "nanometer")
    with mrcfile.open(tmp_path / "a.mrc") as file:
        assert_array_equal(file.data, data)
        assert file.is_volume()
        assert_allclose([file.voxel_size[axis] for axis in "zyx"], (20, 10, 5))
    assert mrcfile.validate(tmp_path / "a.mrc")
    picture = read(tmp_path / "a.mrc")
    assert (picture.axes, picture.unit) == ("zyx", "angstrom")
    assert_allclose(picture.spacing, (20, 10, 5))


def test_a_stack_of_an_mrc_is_no_depth_and_a_missing_size_is_unknown(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "s.mrc", np.zeros((3, 4, 5), np.int16)) as file:
        file.set_image_stack()
    picture = read(tmp_path / "s.mrc")
    assert (picture.axes, picture.unknown) == ("qyx", "yx")


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64, np.complex128])
def test_an_mrc_holds_numbers_of_every_kind(dtype: type, tmp_path: Path) -> None:
    data = np.arange(20).reshape(4, 5).astype(dtype)
    write(tmp_path / "a.mrc", data, "yx")
    assert_array_equal(read(tmp_path / "a.mrc").data, data)


@pytest.mark.parametrize(("name", "axes"), [("a.mrc", "tczyx"), ("a.nii", "qyx")])
def test_axes_that_a_format_cannot_hold_are_refused(name: str, axes: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"not '{axes}': write a TIFF"):
        write(tmp_path / name, np.zeros((2,) * len(axes), np.float32), axes)


def test_a_run_goes_from_nifti_to_nifti_with_place_recipe_and_further_images(volume: np.ndarray, tmp_path: Path) -> None:
    image = np.kron(volume.astype(np.float32), np.ones((4, 4, 1), np.float32))
    nibabel.save(nibabel.Nifti1Image(image, OBLIQUE), tmp_path / "a.nii.gz")
    list(run_to_file(Recipe(denoiser="unet-small", probes=2), tmp_path / "a.nii.gz", tmp_path / "b.nii.gz"))
    assert_allclose(nibabel.load(tmp_path / "b.nii.gz").affine, OBLIQUE)
    assert read(tmp_path / "b.nii.gz").metadata["recipe"]["denoiser"]["name"] == "unet-small"
    assert (tmp_path / "b_std.nii.gz").exists()


def test_napari_is_offered_them(volume: np.ndarray, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(volume, OBLIQUE)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "a.nii.gz")
    open_ = reader(str(tmp_path / "a.nii.gz"))
    assert open_ is not None
    ((data, shown, kind),) = open_(str(tmp_path / "a.nii.gz"))
    assert_array_equal(data, volume.T)
    assert_allclose(shown["scale"], (2, 0.8, 0.9))
    assert kind == "image"


def test_bioio_reads_what_we_do_not(tmp_path: Path, rng: np.random.Generator) -> None:
    data = rng.integers(0, 100, (2, 3, 8, 9)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": "CZYX"})
    picture = other_readers.read(tmp_path / "a.ome.tif")
    assert picture.axes == "czyx"
    assert_array_equal(np.asarray(picture.data), data)
    assert len(picture.channels) == 2


@pytest.fixture
def plugin() -> Any:
    def offered(get: Callable[[str], Any]) -> DynamicPlugin:
        made = DynamicPlugin("reader-of-dots", plugin_manager=PluginManager.instance())
        made.register()
        made.contribute.reader(filename_patterns=["*.dots"])(get)
        return made

    plugins: list[DynamicPlugin] = []
    yield lambda get: plugins.append(offered(get))
    for made in plugins:
        made.cleanup()


def test_a_reader_of_a_napari_plugin_is_used_with_its_scale_and_units(plugin: Any, tmp_path: Path) -> None:
    image = np.arange(60.0).reshape(3, 4, 5)
    shown = {"scale": (3, 0.5, 0.5), "units": ("second", "um", "um"), "axis_labels": ("t", "y", "x")}

    def get_reader(path: str) -> Callable[[str], list[Any]]:
        return lambda paths: [(np.zeros((2, 3)), {}, "points"), (image, shown, "image")]

    plugin(get_reader)
    (tmp_path / "a.dots").write_bytes(b"3 4 5")
    assert names(tmp_path / "a.dots") == [""]
    picture = read(tmp_path / "a.dots")
    assert (picture.axes, picture.unit) == ("tyx", "micrometer")
    assert_allclose(picture.spacing, (3, 0.5, 0.5))
    assert_array_equal(picture.data, image)


@pytest.mark.parametrize(("name", "way"), [("a.czi", "bioio bioio-czi"), ("a.ndx", "install a bioio reader or a napari plugin")])
def test_without_a_reader_the_error_says_what_to_install(name: str, way: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\0" * 100)
    with pytest.raises(ValueError, match=way):
        read(tmp_path / name)


@pytest.mark.parametrize(("name", "module"), [("a.nii", "nibabel"), ("a.mrc", "mrcfile")])
def test_a_missing_package_is_named_with_the_extra(
    name: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(b"\0" * 400)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ValueError, match=rf"{module}: pip install 'napari-tweedie\[formats\]'"):
        read(tmp_path / name)


def test_names_of_further_results_keep_the_whole_suffix() -> None:
    assert beside(Path("x/a.nii.gz"), "std") == Path("x/a_std.nii.gz")
    assert beside(Path("a.ome.tif"), "std") == Path("a_std.ome.tif")
    assert beside(Path("a.b.tif"), "2") == Path("a.b_2.tif")
    assert [stem(Path(name)) for name in ("a.ome.zarr", "a.OME.TIF", "a.NII.GZ", "a.b.png")] == ["a", "a", "a", "a.b"]
