"""Do docks come up as they were last run on such layers, say so, and let it be reset?"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms import last_settings

Press = Callable[[Panel], str]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / last_settings.FILE
    monkeypatch.setattr(last_settings, "place", lambda: path)
    return path


def opened(viewer: Viewer) -> Denoise:
    dock = Denoise(viewer)
    viewer.window.add_dock_widget(dock, name=f"Denoise {len(viewer.window.dock_widgets)}")
    return dock


def test_a_dock_comes_up_as_it_was_last_run_on_such_layers(
    viewer: Viewer, file: Path, press: Press, qtbot: QtBot, noisy: np.ndarray
) -> None:
    viewer.add_image(noisy, name="patient 7")
    first = opened(viewer)
    assert first.last_time.isHidden()
    first.choosers["denoiser"].choose("heat")
    first.strength.setValue(1.5)
    press(first)
    assert "patient" not in file.read_text()
    second = opened(viewer)
    assert second.recipe().denoiser.name == "heat"
    assert second.recipe().strength == 1.5
    assert "denoiser" in second.last_time.told.text()
    assert not second.last_time.isHidden()
    viewer.add_image(np.zeros((4, *noisy.shape), np.float32), name="other kind", axis_labels=("t", "y", "x"))
    qtbot.waitUntil(lambda: second.recipe().denoiser.name == "unet")
    assert second.last_time.isHidden()
    viewer.layers.selection.active = viewer.layers["patient 7"]
    qtbot.waitUntil(lambda: second.recipe().denoiser.name == "heat")
    second.last_time.reset.click()
    assert second.recipe().denoiser.name == "unet"
    assert second.recipe().strength == 1.0
    assert second.last_time.isHidden()
    assert opened(viewer).recipe().denoiser.name == "unet"


def test_what_was_kept_and_cannot_be_used_is_left_alone(viewer: Viewer, file: Path, noisy: np.ndarray) -> None:
    file.write_text(json.dumps({"denoise": {"yx counts": {"denoiser": {"name": "gone"}, "strength": -3, "tile": "?"}}}))
    viewer.add_image(noisy, name="cells")
    dock = opened(viewer)
    assert dock.recipe().denoiser.name == "unet"
    assert dock.last_time.isHidden()
    assert not dock.obstacle()
