from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QPushButton

from napari_tweedie.widgets.docks.inspect import Inspect
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.parts.equivalent_filter import filter_at

LIMIT = 300_000


@pytest.fixture
def dock(viewer: Viewer, qtbot: QtBot) -> Inspect:
    rng = np.random.default_rng(0)
    viewer.add_image((1000 + 50 * rng.standard_normal((3, 64, 48))).astype(np.uint16), name="cells", scale=(2, 0.5, 0.5))
    dock = Inspect(viewer)
    dock.choosers["denoiser"].choose("unet-small")
    viewer.window.add_dock_widget(dock, name="Look inside")
    dock.choosers["denoiser"].choose("gaussian")
    qtbot.waitUntil(lambda: bool(dock.noise.levels), timeout=LIMIT)
    return dock


def test_the_score_of_the_shown_slice_is_a_layer(dock: Inspect, finish: Callable[[Panel], str]) -> None:
    dock.viewer.dims.set_current_step(0, 1)
    dock.run()
    finish(dock)
    score, cells = dock.viewer.layers["cells · score (1/counts)"], dock.viewer.layers["cells"]
    assert score.data.shape[0] == 1
    np.testing.assert_allclose(score.data_to_world((0, 0, 0))[0], cells.data_to_world((1, 0, 0))[0])
    assert score.contrast_limits[0] == -score.contrast_limits[1]
    assert dock.findings.isHidden()


def test_the_best_strength_is_drawn_and_can_be_used(dock: Inspect, finish: Callable[[Panel], str]) -> None:
    dock.choosers["inspection"].choose("strength")
    dock.run()
    finish(dock)
    assert "cells · denoised, best strength" in dock.viewer.layers
    button = dock.findings.findChild(QPushButton)
    dock.source.layer.set_value(dock.viewer.layers["cells"])
    button.click()
    finish(dock)
    (denoised,) = [layer for layer in dock.viewer.layers if "strength " in layer.name]
    assert denoised.data.shape == (3, 64, 48)
    used = denoised.metadata["napari_tweedie"]["recipe"]["noise"]["sigma"]
    assert used == pytest.approx(float(button.text().split()[4]) * dock.noise.levels[0], rel=0.02)


def test_the_basis_is_a_stack_with_its_spectrum(dock: Inspect, finish: Callable[[Panel], str]) -> None:
    dock.choosers["inspection"].choose("adaptive-basis")
    dock.choosers["inspection"].form.editors["count"].set(4)
    dock.run()
    finish(dock)
    basis = dock.viewer.layers["cells · basis"]
    assert basis.data.shape[0] == 4
    assert basis.ndim == 4
    np.testing.assert_allclose(basis.scale, (1, 2, 0.5, 0.5))
    assert len(dock.patterns.pictures) == 4
    assert dock.patterns.shares[0].text().startswith("×")
    assert not dock.findings.isHidden()


def test_the_report_is_a_table(dock: Inspect, finish: Callable[[Panel], str]) -> None:
    dock.choosers["inspection"].choose("ideal")
    before = len(dock.viewer.layers)
    dock.run()
    finish(dock)
    assert len(dock.viewer.layers) == before
    assert not dock.findings.isHidden()


def test_the_filter_follows_the_cursor_and_goes_with_the_switch(dock: Inspect, qtbot: QtBot) -> None:
    layers = dock.viewer.layers
    dock.filter.switch.setChecked(True)
    dock.filter.follow((2, 10, 10))
    qtbot.waitUntil(lambda: "cells · filter at the cursor" in layers, timeout=LIMIT)
    weights = layers["cells · filter at the cursor"]
    peak = np.unravel_index(np.argmax(weights.data), weights.data.shape)
    np.testing.assert_allclose(weights.data_to_world(peak), (2, 10, 10))
    dock.filter.follow((4, 15, 5))
    qtbot.waitUntil(lambda: weights.data_to_world((0, 0, 0))[0] == 4, timeout=LIMIT)
    dock.filter.switch.setChecked(False)
    assert weights not in layers
    assert not dock.viewer.mouse_move_callbacks


def test_the_filter_of_swapped_axes_is_swapped(dock: Inspect) -> None:
    image = dock.viewer.layers["cells"].data[1]
    recipe = dock.recipe(axes="yx", noise={"sigma": 50.0}, spacing=())
    weights, first = filter_at(image, recipe, (20, 30))
    swapped, turned = filter_at(image.T, recipe.model_copy(update={"axes": "xy"}), (30, 20))
    np.testing.assert_allclose(swapped.T, weights, atol=1e-6)
    assert turned == first[::-1]


def test_closing_the_dock_stops_following(dock: Inspect) -> None:
    dock.filter.switch.setChecked(True)
    dock.parent().close()
    assert not dock.viewer.mouse_move_callbacks
