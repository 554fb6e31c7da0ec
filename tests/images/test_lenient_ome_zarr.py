"""Does an OME-Zarr open whatever its version, and is a field named where it cannot?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.testing import assert_allclose, assert_array_equal

from napari_tweedie.images.files import names, read, write
from napari_tweedie.images.ome_zarr import levels_of

SIZES = {"t": 2, "c": 3, "z": 4, "y": 5, "x": 6}


def data_of(axes: str) -> np.ndarray:
    shape = [SIZES[axis] for axis in axes]
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


def stored(path: Path, axes: str, attributes: dict[str, Any], dimensions: list[str] | None = None, version: int = 2) -> Path:
    group = zarr.create_group(path, zarr_format=version)
    group.create_array("0", data=data_of(axes), **({"dimension_names": dimensions} if dimensions else {}))
    group.attrs.update(attributes)
    return path


def image(axes: Any = None, scale: Any = None, **more: Any) -> dict[str, Any]:
    dataset: dict[str, Any] = {"path": "0"}
    if scale is not None:
        dataset["coordinateTransformations"] = [{"type": "scale", "scale": scale}]
    described = {} if axes is None else {"axes": axes}
    return {"multiscales": [{"datasets": [dataset], **described}], **more}


def space(*found: str, unit: str | None = "micrometer") -> list[dict[str, str]]:
    return [{"name": name, "type": "space", **({} if unit is None else {"unit": unit})} for name in found]


def test_versions_without_names_of_axes_have_all_five(tmp_path: Path) -> None:
    for version in ("0.1", "0.2"):
        attributes = image()
        attributes["multiscales"][0]["version"] = version
        picture = read(stored(tmp_path / f"{version}.zarr", "tczyx", attributes))
        assert (picture.axes, picture.unit, picture.unknown) == ("tczyx", "pixel", "tzyx")


@pytest.mark.parametrize("axes", ["yx", "cyx", "tzyx", "tczyx"])
def test_version_0_3_names_axes_by_letters(tmp_path: Path, axes: str) -> None:
    picture = read(stored(tmp_path / "a.zarr", axes, image(list(axes))))
    assert picture.axes == axes
    assert_array_equal(picture.data[...], data_of(axes))


@pytest.mark.parametrize(
    ("given", "axes"),
    [
        (space("Y", "X"), "yx"),
        (space("Z", "Y", "X"), "zyx"),
        ([{"name": "C"}, {"name": "Y"}, {"name": "X"}], "cyx"),
        ([{"name": "c"}, {"name": "y", "unit": "micrometer"}, {"name": "x", "unit": "micrometer"}], "cyx"),
        ([{"name": "Channel", "type": "channel"}, *space("row", "column")], "cyx"),
        ([{"name": "time"}, *space("depth", "y", "x")], "tzyx"),
        ([*space("y", "x"), {"name": "c", "type": "channel"}], "yxc"),
        ([*space("x", "y"), {"name": "t", "type": "time"}], "xyt"),
        ([*space("z"), {"name": "c", "type": "Channel"}, *space("y", "x")], "zcyx"),
        (space("0", "1", "2"), "zyx"),
        ([{"name": "dim_0", "type": "channel"}, *space("y", "x")], "cyx"),
        (["y", {"name": "x", "type": "space"}], "yx"),
        ([{"name": "angle", "type": "other"}, *space("y", "x")], "qyx"),
    ],
)
def test_axes_in_any_order_and_case_with_or_without_types(tmp_path: Path, given: list[Any], axes: str) -> None:
    picture = read(stored(tmp_path / "a.zarr", axes.replace("q", "z"), image(given)))
    assert picture.axes == axes
    assert_array_equal(picture.data[...], data_of(axes.replace("q", "z")))


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_may_name_its_axes_itself(tmp_path: Path, version: int) -> None:
    path = stored(tmp_path / "a.zarr", "cyx", {"ome": image()} if version == 3 else image(), version=version,
                  dimensions=["c", "y", "x"] if version == 3 else None)  # fmt: skip
    if version == 2:
        zarr.open_array(path / "0", mode="r+").attrs["_ARRAY_DIMENSIONS"] = ["c", "y", "x"]
    assert read(path).axes == "cyx"


@pytest.mark.parametrize(
    ("channels", "named"),
    [
        ([{"label": "a"}, {"label": "b"}, {"label": "c"}], ("a", "b", "c")),
        (
            [{"label": "a", "color": "red", "window": {"start": 0}}, {"label": "b", "window": None}, {"label": "c"}],
            ("a", "b", "c"),
        ),
        ([{"label": "a", "color": 255, "window": {"min": 0, "max": 1}}] * 3, ("a", "a", "a")),
        ([{"color": "FF0000"}] * 3, ()),
        ([{"label": "a"}], ()),
        ([], ()),
        (None, ()),
        ("none", ()),
    ],
)
def test_colours_and_windows_may_be_missing_or_wrong(tmp_path: Path, channels: Any, named: tuple[str, ...]) -> None:
    axes = [{"name": "c", "type": "channel"}, *space("y", "x")]
    picture = read(stored(tmp_path / "a.zarr", "cyx", image(axes, [1, 0.1, 0.1], omero={"channels": channels})))
    assert (picture.axes, picture.channels, picture.spacing) == ("cyx", named, (1, 0.1, 0.1))


def test_as_many_channels_as_planes_tell_that_they_are_channels(tmp_path: Path) -> None:
    channels = {"channels": [{"label": name} for name in "abc"]}
    assert read(stored(tmp_path / "a.zarr", "cyx", image(omero=channels))).axes == "cyx"
    assert read(stored(tmp_path / "b.zarr", "tcyx", image(omero=channels))).axes == "tcyx"


@pytest.mark.parametrize(
    ("scale", "spacing", "unknown"),
    [
        ([0, 0.1, 0.1], (1, 0.1, 0.1), "z"),
        (["0,5", 0.1, 0.1], (1, 0.1, 0.1), "z"),
        ([float("nan"), 0.1, 0.1], (1, 0.1, 0.1), "z"),
        ([None, 0.1, 0.1], (1, 0.1, 0.1), "z"),
        ([-0.3, 0.1, 0.1], (0.3, 0.1, 0.1), ""),
        ([0.3, 0.1], (1, 1, 1), "zyx"),
    ],
)
def test_odd_scales_are_unknown_and_told(tmp_path: Path, scale: list[Any], spacing: Any, unknown: str) -> None:
    picture = read(stored(tmp_path / "a.zarr", "zyx", image(space("z", "y", "x"), scale)))
    assert_allclose(picture.spacing, spacing)
    assert (picture.unknown, len(picture.notes)) == (unknown, 1)


@pytest.mark.parametrize(
    ("unit", "size", "micrometres"),
    [("nanometer", 300, 0.3), ("um", 0.3, 0.3), ("decimeter", 3e-6, 0.3), ("inch", 1, 25400), ("microns", 2, 2)],
)
def test_units_by_name_and_symbol(tmp_path: Path, unit: str, size: float, micrometres: float) -> None:
    axes = [*space("z", unit=unit), *space("y", "x")]
    picture = read(stored(tmp_path / "a.zarr", "zyx", image(axes, [size, 0.1, 0.1])))
    assert_allclose(picture.spacing, (micrometres, 0.1, 0.1))
    assert (picture.unit, picture.notes) == ("micrometer", ())


@pytest.mark.parametrize("unit", ["second", "pixels", "furlong"])
def test_an_axis_that_is_no_length_leaves_the_others_theirs(tmp_path: Path, unit: str) -> None:
    axes = [*space("z", unit=unit), *space("y", "x")]
    picture = read(stored(tmp_path / "a.zarr", "zyx", image(axes, [2, 0.1, 0.1])))
    assert (picture.spacing, picture.unit, picture.unknown) == ((1, 0.1, 0.1), "micrometer", "z")
    assert len(picture.notes) == 1


def test_a_transformation_of_another_kind_does_not_count(tmp_path: Path) -> None:
    attributes = image(space("y", "x"), [0.1, 0.2])
    attributes["multiscales"][0]["coordinateTransformations"] = [
        {"type": "rotation", "rotation": [[1, 0], [0, 1]]},
        {"type": "identity"},
    ]
    picture = read(stored(tmp_path / "a.zarr", "yx", attributes))
    assert picture.spacing == (0.1, 0.2)
    assert picture.notes == (
        "A transformation in multiscales[0], of type 'rotation', does not say 2 numbers: it does not count.",
    )


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"multiscales": []}, "multiscales must be a list of at least one"),
        ({"multiscales": [{"axes": ["y", "x"]}]}, r"multiscales\[0\].datasets must be a list"),
        ({"multiscales": [{"datasets": [{}]}]}, r"multiscales\[0\].datasets\[0\].path is None"),
        (
            {"multiscales": [{"datasets": [{"path": "7"}]}]},
            r"multiscales\[0\].datasets\[0\].path names '7', and there is no such",
        ),
        (image(["y", "x", "c"]), r"multiscales\[0\].axes name 3 axes, and the array 0 has 2"),
        (image(["y", "y"]), r"multiscales\[0\].axes name y more than once"),
        (image(["c", "x"]), r"multiscales\[0\].axes lack y or x \(got c, x\)"),
        (image([3, "x"]), r"multiscales\[0\].axes\[0\] must be an object"),
    ],
)
def test_what_is_ambiguous_is_an_error_that_names_the_field(tmp_path: Path, attributes: dict[str, Any], message: str) -> None:
    path = stored(tmp_path / "a.zarr", "yx", attributes)
    with pytest.raises(ValueError, match=rf"a\.zarr cannot be read as an image: {message}"):
        read(path)


def test_all_images_of_a_collection_are_found(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    for name, axes in (("0", "yx"), ("1", "zyx"), ("10", "cyx")):
        stored(tmp_path / "a.zarr" / name, axes, image(list(axes)))
    assert names(tmp_path / "a.zarr") == ["0", "1", "10"]
    assert [read(tmp_path / "a.zarr", n).axes for n in range(3)] == ["yx", "zyx", "cyx"]
    assert read(tmp_path / "a.zarr").notes == ("a.zarr holds 3 images: this is the first of them.",)


def test_an_image_of_two_descriptions_is_two_images(tmp_path: Path) -> None:
    attributes = image(["y", "x"])
    attributes["multiscales"] *= 2
    assert len(names(stored(tmp_path / "a.zarr", "yx", attributes))) == 2


def test_the_only_array_of_a_group_is_its_image(tmp_path: Path) -> None:
    assert read(stored(tmp_path / "a.zarr", "zyx", {})).axes == "zyx"


STEP = {"type": "scale", "scale": [0.3, 0.1, 0.1]}


@pytest.mark.parametrize(
    "steps",
    [STEP, {"type": "sequence", "transformations": ["a", STEP]}, [{"type": "sequence", "transformations": [STEP]}], [None, STEP]],
)
def test_transformations_count_however_they_are_nested(tmp_path: Path, steps: Any) -> None:
    attributes = image(space("z", "y", "x"))
    attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"] = steps
    assert_allclose(read(stored(tmp_path / "a.zarr", "zyx", attributes)).spacing, [0.3, 0.1, 0.1])


@pytest.mark.parametrize("steps", ["scale", [None], [{"type": "sequence", "transformations": None}]])
def test_transformations_that_say_nothing_leave_sizes_unknown(tmp_path: Path, steps: Any) -> None:
    attributes = image(space("z", "y", "x"))
    attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"] = steps
    assert read(stored(tmp_path / "a.zarr", "zyx", attributes)).unknown == "zyx"


def test_objects_without_their_list_and_an_empty_ome_are_read(tmp_path: Path) -> None:
    attributes = image(space("z", "y", "x"), [0.3, 0.1, 0.1])
    alone = {"multiscales": attributes["multiscales"][0], "ome": None}
    by_path = {"multiscales": [{"axes": ["z", "y", "x"], "datasets": ["0"]}]}
    assert_allclose(read(stored(tmp_path / "a.zarr", "zyx", alone)).spacing, [0.3, 0.1, 0.1])
    assert_array_equal(read(stored(tmp_path / "b.zarr", "zyx", by_path)).data[...], data_of("zyx"))


@pytest.mark.parametrize("axes", [space("depth", "height", "width"), [{"name": f"dim{n}", "type": "Space"} for n in range(3)]])
def test_axes_in_other_words(tmp_path: Path, axes: Any) -> None:
    assert read(stored(tmp_path / "a.zarr", "zyx", image(axes))).axes == "zyx"
    unnamed = [{"name": axis["name"]} for axis in axes]
    if axes[0]["name"] == "depth":
        assert read(stored(tmp_path / "b.zarr", "zyx", image(unnamed))).axes == "zyx"


def test_axes_that_are_a_number_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"multiscales\[0\].axes must be a list, one entry an axis \(got 3\)"):
        read(stored(tmp_path / "a.zarr", "zyx", image(3)))


def test_the_finest_level_is_found_wherever_it_stands(tmp_path: Path) -> None:
    levels = {"1": [0.3, 0.2, 0.2], "0": [0.3, 0.1, 0.1]}
    datasets = [
        {"path": path, "coordinateTransformations": [{"type": "scale", "scale": scale}]} for path, scale in levels.items()
    ]
    attributes = {"multiscales": [{"axes": space("z", "y", "x"), "datasets": datasets}]}
    path = stored(tmp_path / "a.zarr", "zyx", attributes)
    zarr.open_group(path).create_array("1", data=data_of("zyx")[:, ::2, ::2])
    picture = read(path)
    assert picture.data.shape == data_of("zyx").shape
    assert_allclose(picture.spacing, [0.3, 0.1, 0.1])
    assert [level.shape for level in levels_of(path)] == [(4, 5, 6), (4, 3, 3)]


@pytest.mark.parametrize(
    ("scale", "unit", "unknown"),
    [
        ([1, 1, 1], None, "zyx"),
        ([2, 1, 1], None, ""),
        ([1, 1, 1], "micrometer", ""),
        ([1, 0.1, 0.1], None, ""),
    ],
)
def test_ones_without_a_unit_say_nothing(tmp_path: Path, scale: list[float], unit: str | None, unknown: str) -> None:
    found = read(stored(tmp_path / "a.zarr", "zyx", image(space("z", "y", "x", unit=unit), scale)))
    assert found.unknown == unknown
    assert_allclose(found.spacing, scale)


@pytest.mark.parametrize("unknown", ["", "z", "yx", "tzyx"])
@pytest.mark.parametrize("unit", ["pixel", "micrometer"])
def test_unknown_sizes_stay_unknown_and_known_ones_known(tmp_path: Path, unknown: str, unit: str) -> None:
    for suffix in (".ome.zarr", ".ome.tif"):
        write(tmp_path / f"a{suffix}", data_of("tzyx"), "tzyx", unit=unit, unknown=unknown)
        found = read(tmp_path / f"a{suffix}")
        assert (found.unknown, found.spacing) == (unknown, (1, 1, 1, 1))
        assert found.unit == ("pixel" if {"y", "x", "z"} <= set(unknown) else unit)


def test_numbers_of_a_transformation_may_stand_in_an_array(tmp_path: Path) -> None:
    attributes = image(space("z", "y", "x"))
    steps = [{"type": "scale", "path": "sizes/0"}, {"type": "translation", "path": "gone"}]
    attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"] = steps
    group = zarr.open_group(stored(tmp_path / "a.zarr", "zyx", attributes), mode="r+")
    group.create_array("sizes/0", data=np.array([0.3, 0.1, 0.2]))
    found = read(tmp_path / "a.zarr")
    assert_allclose(found.spacing, [0.3, 0.1, 0.2])
    assert "of type 'translation', does not say 3 numbers" in found.notes[0]


def test_axes_of_a_coordinate_system_count(tmp_path: Path) -> None:
    attributes = image(None, [2, 0.1, 0.2])
    described = attributes["multiscales"][0]
    described["datasets"][0]["coordinateTransformations"][0] |= {"input": "0", "output": "physical"}
    axes = [{"name": "t", "type": "time", "unit": "second"}, *space("y", "x")]
    described["coordinateSystems"] = [{"name": "array", "axes": space("a", "b", "c")}, {"name": "physical", "axes": axes}]
    found = read(stored(tmp_path / "a.zarr", "tyx", {"ome": {"version": "0.6", **attributes}}, version=3))
    assert (found.axes, found.unit) == ("tyx", "micrometer")
    assert_allclose(found.spacing, [2, 0.1, 0.2])


def test_labels_are_told_from_grey_levels(tmp_path: Path) -> None:
    labels = stored(tmp_path / "a.zarr", "yx", image(space("y", "x"), [0.1, 0.1], **{"image-label": {"version": "0.4"}}))
    assert read(labels).notes == ("It holds labels, not grey levels.",)


def test_an_affine_map_says_the_size_of_pixels(tmp_path: Path) -> None:
    along = {"type": "affine", "affine": [[2, 0, 0, 1], [0, 0.5, 0, 0], [0, 0, 0.4, -3]]}
    turned = {"type": "affine", "affine": [[2, 0, 0, 0], [0, 0, -0.4, 0], [0, 0.5, 0, 0]]}
    for name, step in (("a", along), ("b", turned), ("c", {"type": "affine", "affine": [[1, 2], [3, 4]]})):
        attributes = image(space("z", "y", "x"))
        attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"] = [step]
        stored(tmp_path / f"{name}.zarr", "zyx", attributes)
    found, other, none = (read(tmp_path / f"{name}.zarr") for name in "abc")
    assert (found.spacing, found.origin, found.notes) == ((2, 0.5, 0.4), (1, 0, -3), ())
    assert other.spacing == (2, 0.5, 0.4)
    assert "turns the image" in other.notes[0]
    assert none.unknown == "zyx"


def test_an_empty_ome_leaves_the_attributes_before_it(tmp_path: Path) -> None:
    attributes = image(space("z", "y", "x"), [2, 0.1, 0.2], ome={"version": "0.5", "multiscales": []})
    assert read(stored(tmp_path / "a.zarr", "zyx", attributes, version=3)).spacing == (2, 0.1, 0.2)
