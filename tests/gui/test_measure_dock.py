"""Does the dock Measure say of regions and lines what the samples say, and keep up with them?"""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Shapes
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.analysis.measurements import measure_regions
from napari_tweedie.analysis.profiles import line_profile
from napari_tweedie.analysis.quantity import compare
from napari_tweedie.widgets.docks.measure import NO_REGIONS, NOTHING, Measure

LIMIT = 120_000
SHAPE = (40, 50)


@pytest.fixture
def dock(viewer: Viewer) -> Measure:
    dock = Measure(viewer)
    viewer.window.add_dock_widget(dock, name="Measure")
    return dock


@pytest.fixture
def settle(dock: Measure, qtbot: QtBot) -> Callable[[], None]:
    def wait() -> None:
        qtbot.waitUntil(lambda: not dock._pause.isActive() and not dock._background.is_busy, timeout=LIMIT)

    return wait


def add_samples(viewer: Viewer, frames: tuple[int, ...] = (), axes: tuple[str, ...] = ()) -> Image:
    """Twelve samples of two bright squares, the second one brighter, each of half a micrometre a pixel."""
    rng = np.random.default_rng(0)
    truth = np.full((*frames, *SHAPE), 100.0)
    truth[..., 5:15, 5:20] += 60
    truth[..., 22:36, 25:45] += 90
    half = rng.normal(0, 8, (6, *truth.shape))
    data = np.concatenate([truth + half, truth - half]).astype(np.float32)
    where = {"scale": (1, *(1,) * len(frames), 0.5, 0.5), "units": ("pixel",) * (1 + len(frames)) + ("um", "um")}
    return viewer.add_image(data, name="cells · samples", axis_labels=("sample", *axes, "y", "x"), **where)


def rectangle(top: float, left: float, bottom: float, right: float) -> np.ndarray:
    """Corners in micrometres."""
    return np.array([[top, left], [top, right], [bottom, right], [bottom, left]]) / 2


def test_it_says_what_is_missing(viewer: Viewer, dock: Measure, settle: Callable[[], None]) -> None:
    settle()
    assert dock.message.label.text() == NOTHING
    assert dock.sample.isVisibleTo(dock)
    viewer.add_image(np.zeros(SHAPE), name="no samples")
    add_samples(viewer)
    settle()
    assert dock.message.label.text() == NO_REGIONS
    assert not dock.sample.isVisibleTo(dock)
    assert not dock.save.isEnabled()


def test_shapes_in_the_world_are_measured_on_the_pixels_they_cover(
    viewer: Viewer, dock: Measure, settle: Callable[[], None], tmp_path: Path
) -> None:
    """Also where napari gives the shapes an axis more, for the samples; the table and the file hold what the function returns."""
    layer = add_samples(viewer)
    flat = [rectangle(5, 5, 14, 19), rectangle(22, 25, 35, 44)]
    shapes = viewer.add_shapes([np.c_[np.full(4, 3.0), corners] for corners in flat], shape_type="rectangle", name="drawn")
    dock.form.editors["threshold"].set(180.0)
    settle()
    labels = np.zeros(SHAPE, int)
    labels[5:15, 5:20], labels[22:36, 25:45] = 1, 2
    expected = measure_regions(layer.data, labels, threshold=180, pixel=0.25, unit="micrometer²")
    assert [(each.region, each.name, each.unit) for each in dock.table.quantities] == [
        (each.region, each.name, each.unit) for each in expected
    ]
    for found, wanted in zip(dock.table.quantities, expected, strict=True):
        np.testing.assert_allclose(found.draws, wanted.draws)
    dock.write_csv(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == pytest.approx([each.value for each in expected], rel=1e-5)
    dock.add_features()
    assert shapes.features["mean"].to_list() == pytest.approx([each.value for each in expected if each.name == "mean"])
    dock.add_features()
    assert list(shapes.features.columns).count("mean") == 1


def test_two_selected_rows_are_compared(viewer: Viewer, dock: Measure, settle: Callable[[], None]) -> None:
    add_samples(viewer)
    viewer.add_shapes([rectangle(5, 5, 14, 19), rectangle(22, 25, 35, 44)], shape_type="rectangle")
    settle()
    dock.table.table.selectAll()
    first, second = dock.table.selected()
    difference = compare(first, second).difference
    assert f"region 2 − region 1: {difference.value:.4g}" in dock.table.said.text()
    assert "larger with a probability of more than 99.9 %" in dock.table.said.text()
    dock.table.table.selectRow(0)
    assert dock.table.plot.isVisibleTo(dock)
    assert sum(dock.table.plot.curves[0].y) == pytest.approx(100)


def test_a_region_that_moves_is_measured_where_it_is(viewer: Viewer, dock: Measure, settle: Callable[[], None]) -> None:
    add_samples(viewer)
    shapes = viewer.add_shapes([rectangle(5, 5, 14, 19)], shape_type="rectangle")
    settle()
    assert dock.table.quantities[0].value == pytest.approx(160, abs=1)
    shapes.data = [rectangle(22, 25, 35, 44)]
    settle()
    assert dock.table.quantities[0].value == pytest.approx(190, abs=1)


def test_lines_are_profiles_with_a_band(viewer: Viewer, dock: Measure, settle: Callable[[], None]) -> None:
    layer = add_samples(viewer)
    viewer.add_shapes([np.array([[4.0, 1.0], [4.0, 21.0]])], shape_type="line")
    settle()
    expected = line_profile(layer.data, (8, 2), (8, 42), spacing=(0.5, 0.5))
    (curve,) = dock.profile.curves
    np.testing.assert_allclose(curve.x, expected.distance)
    np.testing.assert_allclose(curve.band, [expected.lower, expected.upper])
    assert dock.profile.x_label == "distance (micrometer)"
    assert not dock.table.isVisibleTo(dock)


def test_painted_labels_of_frames_follow_the_frames(viewer: Viewer, dock: Measure, settle: Callable[[], None]) -> None:
    """A layer that napari made beside the samples, with their axis; each frame has its own outline of the object."""
    layer = add_samples(viewer, frames=(2,), axes=("t",))
    painted = np.zeros(layer.data.shape, np.uint8)
    painted[0, 0, 5:15, 5:20] = 4
    painted[0, 1, 22:36, 25:45] = 4
    labels = viewer.add_labels(painted, scale=layer.scale, units=layer.units)
    viewer.dims.set_current_step(1, 1)
    settle()
    means = [each for each in dock.table.quantities if each.name == "mean"]
    assert [(each.region, each.frame) for each in means] == [(4, (0,)), (4, (1,))]
    assert [each.value for each in means] == pytest.approx([160, 190], abs=1)
    dock.table.table.selectRow(0)
    assert dock.table.plot.curves[0].band.shape == (2, 2)
    dock.add_features()
    row = labels.features.set_index("index").loc[4]
    assert row["mean"] == pytest.approx(190, abs=1)


def test_diverse_samples_and_regions_elsewhere_are_refused_in_a_sentence(
    viewer: Viewer, dock: Measure, settle: Callable[[], None]
) -> None:
    layer = add_samples(viewer)
    elsewhere = viewer.add_labels(np.ones(SHAPE, int), translate=(500, 500), scale=(0.5, 0.5), units=("um", "um"))
    settle()
    assert "lies beside it" in dock.message.label.text()
    viewer.layers.remove(elsewhere)
    viewer.add_labels(np.ones(SHAPE, int), scale=(0.5, 0.5), units=("um", "um"))
    layer.metadata["napari_tweedie"] = {"result": "diverse samples"}
    dock._on_layers()
    settle()
    assert "whose spread says nothing" in dock.message.label.text()
    assert not dock.save.isEnabled()


def test_drawing_begins_with_a_layer_on_the_pixels_of_the_samples(
    viewer: Viewer, dock: Measure, settle: Callable[[], None]
) -> None:
    add_samples(viewer)
    dock.draw.click()
    shapes = viewer.layers.selection.active
    assert isinstance(shapes, Shapes)
    assert shapes.mode == "add_rectangle"
    shapes.add_rectangles([np.array([[5, 5], [5, 19], [14, 19], [14, 5]])])
    shapes.add_ellipses([np.array([[22, 25], [22, 44], [35, 44], [35, 25]])])
    settle()
    assert shapes.features["number"].to_list() == [1, 2]
    assert [each.value for each in dock.table.quantities if each.name == "mean"] == pytest.approx([160, 190], abs=1)


def test_a_denoised_layer_is_measured_without_samples(
    viewer: Viewer, dock: Measure, settle: Callable[[], None], qtbot: QtBot
) -> None:
    """As the function measures the image it was made of; areas ask for samples."""
    import napari_tweedie as nt
    from napari_tweedie.widgets.layers.input import METADATA
    from napari_tweedie.widgets.layers.result import result_layer

    rng = np.random.default_rng(0)
    truth = np.full(SHAPE, 100.0)
    truth[5:15, 5:20] += 60
    y = rng.normal(truth, 8).astype(np.float32)
    source = viewer.add_image(y, name="cells", scale=(0.5, 0.5), units=("um", "um"))
    given = {"sigma": 8.0, "denoiser": "unet-small"}
    made = nt.denoise(y, **given)
    layer = result_layer(source, made.image, "denoised", (0, 0), (1.0, 1.0))
    layer.metadata[METADATA] = {
        "input": "cells", "result": "denoised", "crop": {"start": [0, 0], "stop": list(SHAPE)}, **made.provenance,
    }  # fmt: skip
    viewer.add_layer(layer)
    line = np.array([[2.0, 1.0], [2.0, 5.0]])
    viewer.add_shapes([rectangle(5, 5, 14, 19), line], shape_type=["rectangle", "line"])
    settle()
    assert dock.samples.value() is layer
    labels = np.zeros(SHAPE, int)
    labels[5:15, 5:20] = 1
    expected = nt.measure(y, labels, **given)
    assert [each.value for each in dock.table.quantities] == pytest.approx([each.value for each in expected], rel=1e-5)
    assert [each.std for each in dock.table.quantities] == pytest.approx([each.std for each in expected], rel=1e-3)
    profile = nt.profile(y, (4, 2), (4, 10), **given)
    (curve,) = dock.profile.curves
    np.testing.assert_allclose(curve.band, [profile.lower, profile.upper], rtol=1e-3)
    np.testing.assert_allclose(curve.x, profile.distance / 2)
    dock.table.table.selectRow(0)
    assert max(dock.table.plot.curves[0].y) > 0
    dock.form.editors["threshold"].set(120.0)
    settle()
    assert "need samples" in dock.message.label.text()
    assert dock.sample.isVisibleTo(dock)
    viewer.layers.remove(source)
    settle()
    qtbot.waitUntil(lambda: "is not open" in dock.message.label.text(), timeout=LIMIT)
