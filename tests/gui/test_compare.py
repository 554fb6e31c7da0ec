from typing import Any

import numpy as np
import pytest
from napari.layers import Image
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_tweedie.widgets.compare.dock import Compare
from napari_tweedie.widgets.layers.input import METADATA

BLINK, SIDE_BY_SIDE, DIFFERENCE, SWIPE = range(4)
SHAPE = (4, 60, 80)


@pytest.fixture
def compare(viewer: Viewer) -> Compare:
    panel = Compare(viewer)
    viewer.window.add_dock_widget(panel, name="Compare")
    return panel


@pytest.fixture
def pair(viewer: Viewer) -> tuple[Image, Image]:
    """A red layer and a green one, with looks that no view leaves alone, below drawings."""
    red = viewer.add_image(np.full(SHAPE, 50.0), name="red", colormap="red", contrast_limits=(0, 40), opacity=0.7)
    green = viewer.add_image(np.full(SHAPE, 30.0), name="green", colormap="green", contrast_limits=(0, 20), blending="additive")
    viewer.add_image(np.zeros(SHAPE), name="other").visible = False
    viewer.add_shapes(name="drawing")
    return red, green


def choose(compare: Compare, layers: tuple[Image, ...]) -> None:
    for combo, layer in zip(compare.layers, layers, strict=False):
        combo.set_value(layer)


def looks(viewer: Viewer) -> list[Any]:
    """Everything that a comparison may change."""
    layers = [
        (layer.name, layer.visible, layer.opacity, layer.blending, layer.name_overlay.visible, str(layer.name_overlay.position))
        + ((tuple(layer.contrast_limits), tuple(layer.contrast_limits_range), layer.gamma) if isinstance(layer, Image) else ())
        for layer in viewer.layers
    ]
    grid, camera = viewer.canvas.grid, viewer.scene.camera
    return [layers, grid.enabled, grid.shape, grid.stride, grid.spacing, camera.center, camera.zoom, set(viewer.keymap)]


def coloured(viewer: Viewer) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Return the first and last column of red pixels and of green ones in the middle row, and the width of the canvas."""
    row = viewer.screenshot(flash=False)
    row = row[row.shape[0] // 2].astype(int)
    columns = [np.flatnonzero((row[:, n] > 60) & (row[:, 1 - n] < 60)) for n in (0, 1)]
    return *((found.min(), found.max()) if len(found) else (-1, -1) for found in columns), len(row)


def assert_cut(viewer: Viewer, share: float) -> None:
    red, green, width = coloured(viewer)
    assert red[1] == pytest.approx(share * width, abs=2)
    assert green[0] == pytest.approx(share * width, abs=2)
    assert red[0] < red[1] < green[0] < green[1]


def test_a_result_and_its_input_are_proposed_until_the_user_chooses(viewer: Viewer, compare: Compare) -> None:
    assert not compare.buttons[SWIPE].isEnabled()
    assert compare.buttons[SWIPE].toolTip() == "Choose two different image layers."
    noisy = viewer.add_image(np.zeros(SHAPE), name="noisy")
    truth = viewer.add_image(np.zeros(SHAPE), name="truth")
    assert compare.chosen() == [noisy, truth]
    result = viewer.add_image(np.zeros(SHAPE), name="noisy · denoised", metadata={METADATA: {"input": "noisy"}})
    viewer.layers.move(2, 1)
    assert compare.chosen() == [noisy, result]
    compare.layers[0].set_value(truth)
    compare.layers[0].activated.emit(0)
    viewer.add_image(np.zeros(SHAPE), name="again", metadata={METADATA: {"input": "noisy"}})
    assert compare.chosen() == [truth, result]
    viewer.layers.remove(truth)
    assert compare.chosen() == [noisy, viewer.layers["again"]]


def test_leaving_a_view_puts_everything_back(viewer: Viewer, pair: tuple[Image, Image]) -> None:
    before = looks(viewer)
    compare = Compare(viewer)
    dock = viewer.window.add_dock_widget(compare, name="Compare")
    choose(compare, pair)
    for number in range(4):
        for how in ("button", "other view", "close"):
            dock.show()
            compare.buttons[number].click()
            QApplication.processEvents()
            assert looks(viewer) != before
            assert pair[0].contrast_limits == pair[1].contrast_limits == [0, 40]
            pair[0].contrast_limits = (10, 45)
            assert pair[1].contrast_limits == [10, 45]
            if how == "button":
                compare.buttons[number].click()
            elif how == "other view":
                for _ in range(2):
                    compare.buttons[(number + 1) % 4].click()
            dock.close()
            QApplication.processEvents()
            assert looks(viewer) == before, (number, how)
    dock.show()
    compare.buttons[SWIPE].click()
    viewer.window.remove_dock_widget(compare)
    assert looks(viewer) == before
    pair[0].contrast_limits = (1, 2)
    assert pair[1].contrast_limits == [0, 20]


def test_layers_blink_in_turn_and_keep_blinking(
    viewer: Viewer, compare: Compare, pair: tuple[Image, Image], qtbot: QtBot
) -> None:
    choose(compare, pair)
    view = compare.views[BLINK]
    view.seconds.setValue(0.1)
    compare.buttons[BLINK].click()
    seen = []
    for _ in range(3):
        now = [layer.opacity for layer in pair]
        assert sorted(now) == [0, 1]
        assert [layer.name_overlay.visible for layer in pair] == [bool(opacity) for opacity in now]
        seen.append(now)
        qtbot.waitUntil(lambda: [layer.opacity for layer in pair] != seen[-1], timeout=5000)
    assert seen[0] == seen[2] == [1, 0]
    compare.buttons[BLINK].click()
    qtbot.wait(250)
    assert [layer.opacity for layer in pair] == [0.7, 1]


def test_side_by_side_shows_only_the_chosen_layers_in_full(viewer: Viewer, compare: Compare, pair: tuple[Image, Image]) -> None:
    choose(compare, pair)
    compare.buttons[SIDE_BY_SIDE].click()
    QApplication.processEvents()
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    red, green, width = coloured(viewer)
    assert 0 <= red[0] < red[1] < width / 2 < green[0] < green[1] < width
    assert red[1] - red[0] == pytest.approx(green[1] - green[0], abs=2)


def test_a_difference_is_computed_from_the_slices_that_are_seen(
    viewer: Viewer, compare: Compare, rng: np.random.Generator
) -> None:
    first, second = rng.integers(0, 60000, (2, *SHAPE)).astype(np.uint16)
    choose(
        compare, (viewer.add_image(first, name="first", scale=(2, 1, 1)), viewer.add_image(second[:, 10:, 20:], name="second"))
    )
    viewer.layers["second"].scale, viewer.layers["second"].translate = (2, 1, 1), (0, 10, 20)
    compare.buttons[DIFFERENCE].click()
    layer = viewer.layers["second − first"]
    expected = (second.astype(float) - first)[:, 10:, 20:]
    np.testing.assert_allclose(np.asarray(layer.data), expected)
    np.testing.assert_allclose(layer.data_to_world((1, 0, 0)), (2, 10, 20))
    low, high = layer.contrast_limits
    assert -low == high == pytest.approx(np.percentile(np.abs(expected[1]), 99.5), rel=0.05)
    compare.views[DIFFERENCE].keep()
    compare.buttons[DIFFERENCE].click()
    assert layer in viewer.layers


def test_layers_on_other_pixels_have_no_difference_and_say_so(viewer: Viewer, compare: Compare) -> None:
    coarse = viewer.add_image(np.zeros((20, 20)), name="coarse", scale=(2, 2))
    choose(compare, (coarse, viewer.add_image(np.ones((40, 40)), name="fine")))
    before = looks(viewer)
    compare.buttons[DIFFERENCE].click()
    assert compare.status.text().startswith("The pixels of 'fine' do not lie on those of 'coarse'")
    assert not compare.buttons[DIFFERENCE].isChecked()
    assert str(looks(viewer)) == str(before)
    compare.buttons[SWIPE].click()
    assert compare.status.text() == ""
    assert compare.buttons[SWIPE].isChecked()


def test_the_line_is_dragged_and_stays_through_zoom_slices_3d_and_resizing(
    viewer: Viewer, compare: Compare, pair: tuple[Image, Image], qtbot: QtBot
) -> None:
    choose(compare, pair)
    compare.buttons[SWIPE].click()
    assert_cut(viewer, 0.5)
    handle = compare.views[SWIPE].handles[0]
    width = handle.parentWidget().width()
    start = QPoint(handle.width() // 2, 50)
    qtbot.mousePress(handle, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(handle, start + QPoint(round(0.1 * width), 0))
    qtbot.mouseRelease(handle, Qt.MouseButton.LeftButton)
    share = handle.share
    assert share == pytest.approx(0.6, abs=0.01)
    assert_cut(viewer, share)
    viewer.scene.camera.zoom *= 1.5
    viewer.scene.camera.center = (0, 33, 35)
    assert_cut(viewer, share)
    viewer.dims.set_current_step(0, 3)
    assert_cut(viewer, share)
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (0, 20, 80)
    viewer.scene.camera.perspective = 40
    assert_cut(viewer, share)
    viewer.dims.ndisplay = 2
    viewer.window.resize(900, 700)
    QApplication.processEvents()
    assert_cut(viewer, share)
    compare.buttons[SWIPE].click()
    red, green, _ = coloured(viewer)
    assert min(red[0], green[0]) == -1 or red[1] > green[0]


def test_an_image_larger_than_a_texture_is_cut_too(viewer: Viewer, compare: Compare, pair: tuple[Image, Image]) -> None:
    choose(compare, pair)
    for layer in pair:
        visual = viewer.window._qt_viewer.canvas.layer_to_visual[layer]
        visual._layer_node._tiledimage_node.tile_size = 32
        visual._layer_node.MAX_TEXTURE_SIZE_2D = 32
        layer.refresh()
    compare.buttons[SWIPE].click()
    assert_cut(viewer, 0.5)
    assert len(compare.views[SWIPE]._clips) == 2 * 6


def test_three_layers_have_two_lines_that_push_each_other(viewer: Viewer, compare: Compare, pair: tuple[Image, Image]) -> None:
    choose(compare, (*pair, viewer.layers["other"]))
    compare.buttons[SWIPE].click()
    left, right = compare.views[SWIPE].handles
    assert (left.share, right.share) == pytest.approx((1 / 3, 2 / 3))
    left.dragged = True
    left.place(0.8)
    left.moved.emit()
    assert right.share == pytest.approx(0.8)
    red, green, width = coloured(viewer)
    assert width / 2 < red[1] <= 0.8 * width + 2
    assert green == (-1, -1)


def test_removing_a_compared_layer_ends_the_view(viewer: Viewer, compare: Compare, pair: tuple[Image, Image]) -> None:
    for button in compare.buttons:
        choose(compare, (pair[0], viewer.add_image(np.full(SHAPE, 1.0), name="second")))
        button.click()
        QApplication.processEvents()
        viewer.layers.remove("second")
        QApplication.processEvents()
        viewer.screenshot(flash=False)
        assert [layer.name for layer in viewer.layers] == ["red", "green", "other", "drawing"]
        assert (pair[0].opacity, pair[0].visible, list(pair[0].contrast_limits)) == (0.7, True, [0, 40])
        assert not viewer.canvas.grid.enabled
        assert not any(other.isChecked() for other in compare.buttons)


@pytest.mark.parametrize("number", [BLINK, SWIPE])
def test_closing_the_window_in_a_view_is_quiet(viewer: Viewer, pair: tuple[Image, Image], qtbot: QtBot, number: int) -> None:
    compare = Compare(viewer)
    viewer.window.add_dock_widget(compare)
    choose(compare, pair)
    compare.buttons[number].click()
    QApplication.processEvents()
    viewer.close()
    del compare
    qtbot.wait(800)


def test_a_key_turns_a_view_on_and_off_while_the_dock_is_open(
    viewer: Viewer, compare: Compare, pair: tuple[Image, Image]
) -> None:
    choose(compare, pair)
    press = viewer.keymap[next(key for key in viewer.keymap if str(key) == "Alt+S")]
    press(viewer)
    assert compare.buttons[SWIPE].isChecked()
    press(viewer)
    assert not compare.buttons[SWIPE].isChecked()
    assert "Alt+S" in compare.buttons[SWIPE].toolTip()
