import json
from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_tweedie.recipe import Recipe
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.layers.input import METADATA

LIMIT = 60_000
Press = Callable[[Panel], str]


@pytest.fixture
def restored(viewer: Viewer, restore: Restore, press: Press, noisy: np.ndarray) -> Restore:
    """A result whose recipe differs from the defaults nearly everywhere."""
    viewer.add_image(np.outer([1, 2, 1], [1, 2, 1]) / 16, name="beads")
    viewer.add_image(np.zeros((20, 30)), name="other")
    viewer.layers.selection.active = viewer.add_image(noisy, name="cells")
    degradation = {"name": "psf-blur", "psf": {"name": "beads"}, "boundary": "circular"}
    restore.choosers["degradation"].fill(degradation)
    restore.choosers["solver"].fill({"name": "tikhonov", "weight": 0.0712345678})
    restore.noise.fill({"name": "gaussian", "sigma": 20.123456789})
    restore.settings.fill({"tile": 64, "seed": 7})
    press(restore)
    return restore


def recipe_of(viewer: Viewer) -> Recipe:
    return Recipe.model_validate(viewer.layers["cells · deblurred"].metadata[METADATA]["recipe"])


def muddle(dock: Restore) -> None:
    dock.source.layer.set_value(dock.viewer.layers["other"])
    dock.source.layer.pin()
    dock.choosers["degradation"].choose("gaussian-blur")
    dock.choosers["solver"].choose("hqs")
    dock.noise.fill({"name": "gaussian", "sigma": None})
    dock.settings.fill({"tile": 0, "seed": 0})


def test_a_result_is_replayed_from_its_layer(viewer: Viewer, restored: Restore, press: Press, qtbot: QtBot) -> None:
    first = viewer.layers["cells · deblurred"]
    muddle(restored)
    viewer.layers.selection.active = first
    restored.recipes.load_layer()
    assert restored.bar.status.toolTip() == f"Filled in from the layer {first.name!r}."
    assert restored.source.image().name == "cells"
    press(restored)
    np.testing.assert_array_equal(viewer.layers[-1].data, first.data)
    again, before = (layer.metadata[METADATA]["recipe"] for layer in (viewer.layers[-1], first))
    assert again == before


def test_what_cannot_be_filled_in_or_will_differ_is_said(
    messages: Callable[[], list[str]], viewer: Viewer, restored: Restore, qtbot: QtBot
) -> None:
    first = viewer.layers["cells · deblurred"]
    muddle(restored)
    viewer.layers["beads"].data = np.ones((3, 3)) / 9
    first.metadata[METADATA]["version"] = "0.0.7"
    viewer.layers.selection.active = first
    restored.recipes.load_layer()
    qtbot.waitUntil(lambda: "0.0.7" in restored.bar.status.toolTip(), timeout=LIMIT)
    assert "'psf' is not the one" in restored.bar.status.toolTip()
    assert any("0.0.7" in message for message in messages())
    viewer.layers.remove("beads")
    restored.recipes.load_layer()
    assert "choose a layer for PSF" in restored.bar.status.toolTip()
    viewer.layers.selection.active = viewer.layers["cells"]
    restored.recipes.load_layer()
    assert "no result" in restored.bar.status.toolTip()


def test_recipes_pass_through_the_clipboard(viewer: Viewer, restored: Restore) -> None:
    clipboard = QApplication.clipboard()
    restored.recipes.copy_json()
    assert json.loads(clipboard.text())["solver"]["name"] == "tikhonov"
    muddle(restored)
    restored.source.layer.set_value(viewer.layers["cells"])
    restored.recipes.load_clipboard()
    assert restored.bar.status.toolTip() == "Filled in from the clipboard."
    assert restored.recipe().model_dump(exclude={"degradation"}) == recipe_of(viewer).model_dump(exclude={"degradation"})
    restored.recipes.copy_command_line()
    assert clipboard.text().startswith("napari-tweedie restore cells.tif")
    assert "--psf beads.tif" in clipboard.text()
    restored.recipes.copy_python()
    compile(clipboard.text(), "script", "exec")
    assert "psf=read('beads.tif')" in clipboard.text()
    for text, answer in (("nothing", "holds no recipe"), ('{"seed": -1}', "seed"), ('{"job": "denoise"}', "'denoise'")):
        clipboard.setText(text)
        restored.recipes.load_clipboard()
        assert answer in restored.bar.status.toolTip()
    clipboard.setText('{"job": "restore", "denoiser": "combined", "axes": "yx", "degradation": "gaussian-blur"}')
    restored.recipes.load_clipboard()
    assert "but for: denoiser (combined)" in restored.bar.status.toolTip()
