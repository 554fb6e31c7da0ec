"""What somebody without a mouse sees and does."""

from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from npe2 import PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.layout import Fold
from napari_tweedie.widgets.runs.run import RUNS

PLUGIN = "napari-tweedie"
LEAST = 12
"""Pixels that differ at least where something is seen to have the keyboard."""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_has_the_keyboard_is_seen_in_every_dock(viewer: Viewer, qtbot: QtBot, theme: str) -> None:
    viewer.theme = theme
    viewer.add_image(np.zeros((5, 32, 32), np.float32), name="cells")
    unseen: set[str] = set()
    looked = 0
    for widget in PluginManifest.from_distribution(PLUGIN).contributions.widgets or []:
        holder, dock = viewer.window.add_plugin_dock_widget(PLUGIN, widget.display_name)
        for fold in dock.findChildren(Fold):
            fold.expand()
        qtbot.wait(50)
        dock.window().activateWindow()
        for part in _stops(dock):
            before = _pixels(part)
            part.setFocus(Qt.FocusReason.TabFocusReason)
            qtbot.waitUntil(part.hasFocus, timeout=2000)
            changed = np.count_nonzero((_pixels(part) != before).any(-1))
            looked += 1
            if changed < LEAST:
                said = part.accessibleName() or getattr(part, "text", str)()
                unseen.add(f"{widget.display_name}: {type(part).__name__} {said}")
            part.clearFocus()
        viewer.window.remove_dock_widget(holder)
    assert looked > 60
    assert "; ".join(sorted(unseen)) == ""


def test_enter_in_a_field_runs_and_escape_cancels(
    viewer: Viewer, denoise: Denoise, finish: Callable[[Panel], str], qtbot: QtBot, rng: np.random.Generator
) -> None:
    viewer.add_image(1000 + 50 * rng.standard_normal((512, 512)), name="cells")
    qtbot.keyClick(denoise.source.axes, Qt.Key.Key_Escape)  # nothing runs, nothing happens
    assert not denoise.bar.running
    qtbot.keyClick(denoise.source.axes, Qt.Key.Key_Return)
    assert denoise.bar.running
    qtbot.keyClick(denoise.source.axes, Qt.Key.Key_Return)  # once is enough
    qtbot.keyClick(denoise.strength, Qt.Key.Key_Escape)
    assert not denoise.bar.run.isEnabled()
    assert "Cancelled" in finish(denoise)
    assert RUNS.job is None


def _stops(dock: QWidget) -> list[QWidget]:
    """Return what Tab leads to and is seen."""
    found = []
    for part in dock.findChildren(QWidget):
        takes = part.isVisible() and part.isEnabled() and part.focusPolicy() & Qt.FocusPolicy.TabFocus
        inner = part.objectName() == "qt_spinbox_lineedit" or isinstance(part, QScrollArea)
        if takes and not inner and part.window() is dock.window() and not part.visibleRegion().isEmpty():
            found.append(part)
    return found


def _pixels(part: QWidget) -> np.ndarray:
    """Return what is drawn of a part, without a blinking cursor."""
    QApplication.setCursorFlashTime(0)
    image = part.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    values = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8)
    return values.reshape(image.height(), image.width(), 4)[..., :3].copy()
