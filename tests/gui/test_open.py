import itertools
import subprocess
import sys

import numpy as np
import pytest
from napari.viewer import Viewer
from npe2 import PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QScrollArea, QWidget

from napari_tweedie.widgets import sample_data as samples
from napari_tweedie.widgets.docks import commands
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.forms import preferences as settings
from napari_tweedie.widgets.forms.layout import Fold
from napari_tweedie.widgets.runs.run import RUNS

LIMIT = 60_000
PLUGIN = "napari-tweedie"


def run_script(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_opening_the_docks_and_estimating_the_noise_takes_no_torch() -> None:
    script = """
import sys, time, napari, numpy as np
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer(show=False)
viewer.add_image(np.random.default_rng(0).normal(100, 5, (64, 64)))
_, denoise = viewer.window.add_plugin_dock_widget("napari-tweedie", "Denoise")
_, restore = viewer.window.add_plugin_dock_widget("napari-tweedie", "Deblur")
_, degrade = viewer.window.add_plugin_dock_widget("napari-tweedie", "Make test data")
for name in ("Compare", "Blend", "Learn", "Batch"):
    viewer.window.add_plugin_dock_widget("napari-tweedie", name)
projections = {"radon", "random-projection", "one-bit", "fourier-mask"}  # their noise is measured through their operator
for chooser in restore.choosers.values():
    for name in set(chooser._names) - projections:
        chooser.choose(name)
restore.choosers["degradation"].choose("gaussian-blur")
assert "torch._C" not in sys.modules
end = time.monotonic() + 20
while not (denoise.noise.levels and restore.noise.levels) and time.monotonic() < end:
    QApplication.processEvents()
assert abs(denoise.noise.levels[0] - 5) < 1
assert "torch._C" not in sys.modules
viewer.close()
"""
    run_script(script)


def test_torch_is_loaded_in_the_background_once_a_dock_is_shown() -> None:
    script = """
import sys, napari
from qtpy.QtCore import QTimer
viewer = napari.Viewer()
_, denoise = viewer.window.add_plugin_dock_widget("napari-tweedie", "Denoise")
assert "torch._C" not in sys.modules
def look():
    if "torch" in sys.modules and denoise.device.count() >= 2:
        print("warm")
        timer.stop()
        viewer.close()
timer = QTimer(interval=100)
timer.timeout.connect(look)
timer.start()
QTimer.singleShot(60000, viewer.close)
napari.run()
"""
    assert "warm" in run_script(script)


def test_closing_the_window_in_mid_run_ends_the_program() -> None:
    script = """
import time, napari, numpy as np
from qtpy.QtCore import QTimer
from napari_tweedie.denoisers.network import Unet
def slowly(self, x, sigma):
    time.sleep(0.2)
    return x
Unet.__call__ = slowly
viewer = napari.Viewer()
viewer.add_image(np.random.default_rng(0).normal(100, 5, (500, 64, 64)))
_, denoise = viewer.window.add_plugin_dock_widget("napari-tweedie", "Denoise")
def close():
    if len(viewer.layers) == 2:
        print("closed in mid-run")
        timer.stop()
        viewer.window._qt_window.close()
timer = QTimer(interval=100)
timer.timeout.connect(close)
timer.start()
denoise.bar.run.click()
napari.run()
"""
    assert "closed in mid-run" in run_script(script)


@pytest.fixture
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution(PLUGIN)


def test_everything_in_the_manifest_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    assert manifest.package_metadata is not None


def test_samples_open_with_their_truth(viewer: Viewer, manifest: PluginManifest) -> None:
    names = {}
    for sample in manifest.contributions.sample_data or []:
        viewer.layers.clear()
        viewer.open_sample(PLUGIN, sample.key)
        names[sample.key] = [layer.name for layer in viewer.layers]
        assert viewer.layers.selection.active is viewer.layers[-1]
        assert viewer.layers[-1].visible
    assert names["short_exposure"] == ["long exposure", "noisy"]
    assert names["fluorescence"] == ["truth", "noisy"]
    assert names["stack"] == ["truth", "psf", "blurred"]
    assert names["beads"] == ["psf", "beads"]
    assert names["missing"] == ["truth", "mask", "incomplete"]


def test_a_sample_knows_its_pixel_size() -> None:
    data, shown, kind = samples.stack()[-1]
    assert kind == "image"
    assert shown["axis_labels"] == ("z", "y", "x")
    assert shown["scale"] == (0.3, 0.1, 0.1)
    assert shown["units"] == ("micrometer",) * 3
    assert data.ndim == 3


def test_the_quick_command_denoises_the_active_layer(viewer: Viewer, qtbot: QtBot, noisy: np.ndarray) -> None:
    layer = viewer.add_image(noisy, name="cells")
    commands.denoise_active_layer(layer, viewer)
    qtbot.waitUntil(lambda: RUNS.job is None, timeout=LIMIT)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · denoised"]


def test_the_menu_offers_the_quick_command_for_images_only() -> None:
    script = """
import time, napari, numpy as np
from napari._app_model import get_app_model
from qtpy.QtWidgets import QApplication
from napari_tweedie.widgets.runs.run import RUNS
viewer = napari.Viewer(show=False)
command, app = "napari-tweedie.denoise_active_layer", get_app_model()
item = next(i for i in app.menus.get_menu("napari/layers/filter") if getattr(i, "command", None) and i.command.id == command)
viewer.add_labels(np.zeros((32, 32), int))
assert not item.command.enablement.eval(viewer.layers._ctx)
viewer.add_image(np.random.default_rng(0).normal(100, 5, (32, 32)), name="cells")
assert item.command.enablement.eval(viewer.layers._ctx)
app.commands.execute_command(command).result()
assert RUNS.job is not None
while RUNS.job is not None:
    QApplication.processEvents()
assert viewer.layers[-1].name == "cells · denoised"
viewer.close()
"""
    run_script(script)


def test_preferences_set_device_and_tile(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "defaults", lambda: {"device": "cpu", "tile": 256})
    panel = Denoise(viewer)
    assert panel.device.currentText() == "cpu"
    assert panel.recipe().tile == 256
    panel.deleteLater()


def test_removing_and_renaming_layers_is_followed(viewer: Viewer, denoise: Denoise, noisy: np.ndarray) -> None:
    first = viewer.add_image(noisy, name="first")
    viewer.add_image(noisy, name="second")
    assert denoise.source.layer.currentText() == "second"
    viewer.layers.selection.active = first
    assert denoise.source.layer.currentText() == "first"
    denoise.source.layer.pin()
    viewer.layers.selection.active = viewer.layers[-1]
    first.name = "renamed"
    assert denoise.source.layer.currentText() == "renamed"
    viewer.layers.remove(first)
    assert denoise.source.layer.currentText() == "second"
    viewer.layers.clear()
    assert denoise.source.image() is None


NARROW = 300
LINE = 10
"""Pixels up or down by which parts of one line may differ."""


def test_every_dock_fits_into_300_pixels_names_its_fields_and_is_walked_through_by_tab_as_it_is_read(
    viewer: Viewer, qtbot: QtBot
) -> None:
    viewer.add_image(np.zeros((5, 32, 32), np.float32), name="a stack of a name that takes a good deal of room")
    names = [widget.display_name for widget in PluginManifest.from_distribution(PLUGIN).contributions.widgets or []]
    assert len(names) > 10
    for name in names:
        holder, dock = viewer.window.add_plugin_dock_widget(PLUGIN, name)
        for child in dock.findChildren(Fold):
            child.expand()
        _wait_for(qtbot, name, dock)
        assert (name, _nameless(dock)) == (name, [])
        _wait_for_order(qtbot, name, dock)
        viewer.window.remove_dock_widget(holder)


def _wait_for(qtbot: QtBot, name: str, dock: QWidget) -> None:
    def fits() -> None:
        assert (name, dock.minimumSizeHint().width()) <= (name, NARROW)

    qtbot.waitUntil(fits, timeout=3000)  # fonts and margins of the theme come late


def _wait_for_order(qtbot: QtBot, name: str, dock: QWidget) -> None:
    def is_read_so() -> None:
        assert len(_stops(dock)) > 2
        assert (name, _out_of_order(dock)) == (name, [])

    qtbot.waitUntil(is_read_so, timeout=5000)  # it is laid out and drawn late


def _stops(dock: QWidget) -> list[tuple[QWidget, QPoint]]:
    """Return what Tab leads to, in this order, and where that stands; without what is scrolled out of sight."""
    stops: list[tuple[QWidget, QPoint]] = []
    part = dock.nextInFocusChain()
    while part is not None and part is not dock:
        takes = part.isVisible() and part.isEnabled() and part.focusPolicy() & Qt.FocusPolicy.TabFocus
        inner = part.objectName() == "qt_spinbox_lineedit" or isinstance(part, QScrollArea)
        if takes and not inner and dock.isAncestorOf(part) and not part.visibleRegion().isEmpty():
            stops.append((part, part.mapTo(dock, part.rect().center())))
        part = part.nextInFocusChain()
    return stops


def _out_of_order(dock: QWidget) -> list[str]:
    """Return the names of what Tab leads to although it stands before what it leads from."""
    wrong = []
    for (_, place), (part, after) in itertools.pairwise(_stops(dock)):
        same_line = abs(after.y() - place.y()) <= LINE
        if after.y() < place.y() - LINE or (same_line and after.x() <= place.x()):
            wrong.append(f"{type(part).__name__} {part.accessibleName()}")
    return wrong


def _nameless(dock: QWidget) -> list[str]:
    """Return what takes the keyboard without telling a screen reader what it is."""
    seen = [part for part in dock.findChildren(QWidget) if part.isVisible() and part.focusPolicy() & Qt.FocusPolicy.TabFocus]
    told = [part for part in seen if not (isinstance(part, QAbstractButton) and part.text())]
    return [type(part).__name__ for part in told if not part.accessibleName() and part.objectName() != "qt_spinbox_lineedit"]
