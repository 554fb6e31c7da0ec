"""Is a plate done as one, or told before the work why not?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.testing import assert_allclose

from napari_tweedie.core.results import Cancelled
from napari_tweedie.engine.run import last
from napari_tweedie.files.reader import MOST, layers
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images.files import names, read
from napari_tweedie.recipe import Recipe

RECIPE = Recipe(denoiser="tikhonov", noise={"sigma": 60.0})
WELLS = ("A/1", "A/2", "B/1", "B/2")


def make_plate(path: Path, version: str = "0.4", fields: int = 1, absent: tuple[str, ...] = (), **said: Any) -> Path:
    """Write a plate of 2 × 2 wells, of which the n-th field has a mean of 1000 n."""
    zarr_format = 3 if version == "0.5" else 2

    def group(place: Path, attributes: dict[str, Any]) -> zarr.Group:
        wrapped = {"ome": {"version": version, **attributes}} if version == "0.5" else attributes
        return zarr.create_group(place, zarr_format=zarr_format, attributes=wrapped)

    places = [{"path": well, "rowIndex": "AB".index(well[0]), "columnIndex": int(well[2]) - 1} for well in WELLS]
    plate = {"rows": [{"name": "A"}, {"name": "B"}], "columns": [{"name": "1"}, {"name": "2"}], "wells": places, **said}
    group(path, {"plate": plate})
    rng = np.random.default_rng(0)
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.2, 0.1]}]}]
    for n, well in enumerate(well for well in WELLS if well not in absent):
        group(path / well, {"well": {"images": [{"path": str(field)} for field in range(fields)]}})
        for field in range(fields):
            image = group(path / well / str(field), {"multiscales": [{"axes": axes, "datasets": datasets}]})
            plane = 1000 * (n * fields + field + 1) + rng.normal(0, 60, (30, 36))
            image.create_array("0", data=plane.astype(np.uint16))
    return path


def means(path: Path) -> list[int]:
    return [round(float(np.mean(read(path, number).data[...])), -2) for number in range(len(names(path)))]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_result_of_a_plate_is_a_plate(tmp_path: Path, version: str) -> None:
    source = make_plate(tmp_path / "in.zarr", version, fields=2)
    last(run_to_file(RECIPE, source, tmp_path / "out.zarr"))
    assert names(tmp_path / "out.zarr") == [f"{well}/{field}" for well in WELLS for field in range(2)]
    assert means(tmp_path / "out.zarr") == [1000 * n for n in range(1, 9)]
    assert_allclose(read(tmp_path / "out.zarr", 3).spacing, (0.2, 0.1))
    assert read(tmp_path / "out.zarr", 3).metadata["recipe"]["denoiser"]["name"] == "tikhonov"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "out.zarr"]


def test_the_result_follows_the_specification(tmp_path: Path) -> None:
    from yaozarrs import v05

    last(run_to_file(RECIPE, make_plate(tmp_path / "in.zarr"), tmp_path / "out.zarr"))
    v05.Plate.model_validate(dict(zarr.open_group(tmp_path / "out.zarr", mode="r").attrs)["ome"])
    v05.Well.model_validate(dict(zarr.open_group(tmp_path / "out.zarr/B/2", mode="r").attrs)["ome"])


def test_results_in_tiff_are_named_by_their_wells(tmp_path: Path) -> None:
    facts = last(run_to_file(RECIPE, make_plate(tmp_path / "in.zarr"), tmp_path / "out.tif"))  # type: ignore[arg-type]
    written = ["out.tif", "out_A_2_0.tif", "out_B_1_0.tif", "out_B_2_0.tif"]
    assert [means(tmp_path / name) for name in written] == [[1000], [2000], [3000], [4000]]
    assert ", ".join(written[1:]) in facts["notes"][-1]  # type: ignore[index]


def test_wells_that_are_not_there_are_told_before_the_work(tmp_path: Path) -> None:
    told: list[str] = []
    source = make_plate(tmp_path / "in.zarr", absent=("A/2",))
    last(run_to_file(RECIPE, source, tmp_path / "out.zarr", noted=told.extend))
    assert told == ["1 wells or fields that the plate names are not there: A/2."]
    assert names(tmp_path / "out.zarr") == ["A/1/0", "B/1/0", "B/2/0"]


def test_a_single_well_and_a_single_field_are_done(tmp_path: Path) -> None:
    source = make_plate(tmp_path / "in.zarr", fields=2)
    last(run_to_file(RECIPE, source / "B/1", tmp_path / "well.zarr"))
    last(run_to_file(RECIPE, source / "B/1/1", tmp_path / "field.zarr"))
    assert (means(tmp_path / "well.zarr"), means(tmp_path / "field.zarr")) == ([5000, 6000], [6000])


def test_a_plate_that_lists_no_wells_is_looked_through(tmp_path: Path) -> None:
    assert names(make_plate(tmp_path / "in.zarr", wells=[])) == ["A/1/0", "A/2/0", "B/1/0", "B/2/0"]


@pytest.mark.parametrize("place", ["../elsewhere", "/A/1", "A/../../x", "", 7.5, None])
def test_wells_outside_of_the_plate_are_refused(tmp_path: Path, place: Any) -> None:
    source = make_plate(tmp_path / "in.zarr", wells=[{"path": place, "rowIndex": 0, "columnIndex": 0}])
    before = sorted(tmp_path.rglob("*"))
    if place == "/A/1":
        assert names(source) == ["A/1/0"]
        return
    with pytest.raises(ValueError, match=r"in\.zarr cannot be read as an image: plate\.wells\[0\]\.path is"):
        last(run_to_file(RECIPE, source, tmp_path / "out.zarr"))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_plate_that_was_cut_off_goes_on_and_another_run_does_not(tmp_path: Path) -> None:
    source, target = make_plate(tmp_path / "in.zarr"), tmp_path / "out.zarr"
    last(run_to_file(RECIPE, source, tmp_path / "whole.zarr"))
    steps = run_to_file(RECIPE, source, target)
    while next(steps).share < 0.6:
        pass
    steps.close()
    done = sorted(path.name for path in (tmp_path / "out.part.zarr").rglob("0.0") if path.is_file())
    with pytest.raises(ValueError, match="was begun by another run"):
        last(run_to_file(RECIPE.model_copy(update={"seed": 1}), source, target))
    last(run_to_file(RECIPE, source, target))
    assert len(done) < 4
    for number in range(4):
        np.testing.assert_array_equal(read(target, number).data[...], read(tmp_path / "whole.zarr", number).data[...])


def test_a_plate_can_be_cancelled_and_goes_on(tmp_path: Path) -> None:
    source, target = make_plate(tmp_path / "in.zarr"), tmp_path / "out.zarr"
    with pytest.raises(Cancelled):
        last(run_to_file(RECIPE, source, target, cancelled=lambda: (tmp_path / "out.part.zarr/A/1/0").exists()))
    assert not target.exists()
    last(run_to_file(RECIPE, source, target))
    assert means(target) == [1000, 2000, 3000, 4000]


def test_of_a_large_plate_some_fields_are_opened_and_the_rest_is_told(tmp_path: Path) -> None:
    source = make_plate(tmp_path / "in.zarr", fields=7)
    with pytest.warns(UserWarning, match=f"in.zarr holds 28 images: the first {MOST} are opened"):
        assert len(layers(str(source))) == MOST
