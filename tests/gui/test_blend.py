from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer

from napari_tweedie.analysis.poisson import PoissonEditing
from napari_tweedie.widgets.docks.blend import Blend
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.layers.input import METADATA

Press = Callable[[Panel], str]


@pytest.fixture
def dock(viewer: Viewer) -> Blend:
    dock = Blend(viewer)
    viewer.window.add_dock_widget(dock, name="Blend")
    return dock


@pytest.fixture
def stack(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(100, 200, (3, 32, 40), np.uint16)


def test_a_region_is_filled_or_pasted_in_the_slices_that_it_marks(
    viewer: Viewer, dock: Blend, press: Press, finish: Press, stack: np.ndarray, rng: np.random.Generator
) -> None:
    cells = viewer.add_image(stack, name="cells", scale=(2, 1, 1))
    assert "Labels or Shapes" in dock.bar.run.toolTip()
    marks = np.zeros(stack.shape, np.uint8)
    marks[1, 5:20, 8:30] = 1
    viewer.add_labels(marks, name="marks", scale=(2, 1, 1))
    press(dock)
    result = viewer.layers["cells · blended"]
    np.testing.assert_array_equal(result.data, PoissonEditing(region=marks)(stack))
    np.testing.assert_array_equal(result.data[[0, 2]], stack[[0, 2]])
    assert tuple(result.scale) == (2, 1, 1)
    viewer.add_image(rng.normal(0, 9, (32, 40)), name="source")
    dock.blending.editors["gradients"].set("maximum")
    dock.blending.editors["source"].set(viewer.layers["source"])
    press(dock)
    source = np.broadcast_to(viewer.layers["source"].data, stack.shape)
    expected = PoissonEditing(region=marks, source=source, gradients="maximum")(stack)
    np.testing.assert_array_equal(viewer.layers["cells · blended [1]"].data, expected)
    viewer.dims.set_point(0, 2)
    dock.bar.preview.click()
    preview = finish(dock)
    np.testing.assert_array_equal(viewer.layers["cells · preview"].data, expected[1:2])
    assert "s on cpu" in preview
    dock.blending.editors["source"].set(None)
    viewer.layers.selection.active = viewer.layers["cells · blended [1]"]
    dock.recipes.load_layer()
    assert dock.source.image() is cells
    press(dock)
    np.testing.assert_array_equal(viewer.layers[-1].data, expected)
    assert viewer.layers[-1].metadata[METADATA]["recipe"]["blending"]["source"]["name"] == "source"


def test_shapes_mark_every_slice_and_faults_are_said(
    viewer: Viewer, dock: Blend, press: Press, finish: Press, stack: np.ndarray
) -> None:
    viewer.add_image(stack, name="cells")
    viewer.add_shapes([[[4, 4], [4, 25], [20, 25], [20, 4]]], name="box")
    press(dock)
    changed = viewer.layers["cells · blended"].data != stack
    assert [plane.any() for plane in changed] == [True] * 3
    assert not changed[:, 22:].any()
    viewer.add_image(np.zeros((9, 9)), name="source")
    dock.blending.editors["source"].set(viewer.layers["source"])
    dock.source.layer.set_value(viewer.layers["cells"])
    dock.bar.run.click()
    assert "same pixels" in finish(dock)
    dock.blending.editors["source"].set(None)
    dock.blending.editors["region"].set(viewer.add_labels(np.zeros((32, 40), np.uint8), name="empty"))
    dock.bar.run.click()
    assert "marks no pixel" in finish(dock)
