"""Does what is wrong stand at the field that is wrong, and does its button put it right?"""

from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from qtpy.QtWidgets import QWidget
from scipy.ndimage import gaussian_filter

from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.forms.layout import TROUBLED, Rows

Press = Callable[[Panel], str]


def row_above(part: QWidget) -> QWidget:
    rows = part.parentWidget().layout()
    assert isinstance(rows, Rows)
    above = rows.itemAt(rows.getWidgetPosition(part)[0] - 1, Rows.ItemRole.FieldRole)
    return above.widget()


def test_axes_that_do_not_fit_are_marked_and_put_right_by_a_click(viewer: Viewer, denoise: Denoise, noisy: np.ndarray) -> None:
    viewer.add_image(noisy, name="cells")
    assert denoise.trouble.isHidden()
    axes = denoise.source.axes
    axes.setText("tyx")
    assert not denoise.bar.run.isEnabled()
    assert axes.property(TROUBLED)
    assert "name 3 axes" in axes.accessibleDescription()
    assert axes in row_above(denoise.trouble).findChildren(QWidget)
    denoise.trouble.button.click()
    assert axes.text() == "yx"
    assert not axes.property(TROUBLED)
    assert not axes.accessibleDescription()
    assert denoise.trouble.isHidden()
    assert denoise.bar.run.isEnabled()


def test_a_layer_that_is_missing_is_offered_where_one_is_open_or_can_be_made(
    viewer: Viewer, restore: Restore, noisy: np.ndarray
) -> None:
    viewer.add_image(np.ones((5, 5), np.float32), name="beads seen through the optics")
    cells = viewer.add_image(noisy, name="cells")
    restore.source.layer.set_value(cells)
    restore.source.layer.pin()
    restore.choosers["degradation"].choose("psf-blur")
    psf = restore.choosers["degradation"].editor("psf").widget
    psf.set_value(None)
    assert psf.property(TROUBLED)
    assert restore.trouble.button.text() == "Use “beads seen th…”"
    restore.trouble.button.click()
    assert psf.value().name == "beads seen through the optics"
    assert restore.trouble.isHidden()
    restore.choosers["degradation"].choose("mask")
    assert restore.trouble.button.text() == "Paint them"
    restore.trouble.button.click()
    assert viewer.layers[-1].mode == "paint"
    assert viewer.layers[-1].data.shape == noisy.shape
    assert restore.obstacle() == ""


def test_what_cannot_do_it_is_replaced_by_what_can_and_unfolded(viewer: Viewer, restore: Restore, noisy: np.ndarray) -> None:
    viewer.add_image(noisy, name="cells")
    assert not restore.more.header.isChecked()
    restore.choosers["degradation"].choose("gaussian-blur")
    restore.choosers["solver"].choose("d-amp")
    assert restore.choosers["solver"].combo.property(TROUBLED)
    assert restore.more.header.isChecked()
    restore.trouble.button.click()
    assert restore.choosers["solver"].name == "hqs"
    assert restore.obstacle() == ""


def test_an_error_of_a_run_stands_at_its_field(viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray) -> None:
    viewer.add_image(noisy, name="cells")
    denoise.settings.editors["tile"].set(7)
    assert "tile must be" in denoise.obstacle().lower()
    assert denoise.settings.editors["tile"].widget.property(TROUBLED)


@pytest.mark.parametrize("behind", [False, True])
def test_the_end_of_a_run_is_told_where_its_dock_is_not_seen(
    viewer: Viewer, denoise: Denoise, press: Press, messages: Callable[[], list[str]], noisy: np.ndarray, behind: bool
) -> None:
    viewer.add_image(noisy, name="cells")
    if behind:
        other = viewer.window.add_dock_widget(QWidget(), name="other", tabify=True)
        other.raise_()
    press(denoise)
    assert any("Denoising has ended" in text for text in messages()) == behind


def test_after_a_run_a_doubted_width_is_mended_by_a_click(viewer: Viewer, restore: Restore, press: Press) -> None:
    """A scene blurred by 1.6 pixels, of which twice that is said."""
    rng, scene = np.random.default_rng(1), np.zeros((80, 80))
    for _ in range(100):
        (y, x), (height, width) = rng.integers(0, 78, 2), rng.integers(3, 20, 2)
        scene[y : y + height, x : x + width] = rng.uniform(0, 200)
    viewer.add_image(gaussian_filter(scene, 1.6) + rng.normal(0, 1, scene.shape), name="cells")
    degradation = restore.choosers["degradation"]
    degradation.editor("std").set(3.2)
    assert "point-spread function is wrong" in press(restore)
    width = degradation.editor("relative_width")
    assert width.widget.property(TROUBLED)
    assert restore.bar.run.isEnabled()
    restore.trouble.button.click()
    assert 0.4 < width.get() < 0.8
    assert restore.trouble.isHidden()
    assert not width.widget.property(TROUBLED)
