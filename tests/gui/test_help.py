from pathlib import Path

import pytest
import yaml
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from napari_tweedie.widgets.parts.help_button import HelpButton

MANIFEST = yaml.safe_load((Path(__file__).parents[2] / "napari.yaml").read_text())
DOCKS = [widget["display_name"] for widget in MANIFEST["contributions"]["widgets"]]


@pytest.mark.parametrize("name", DOCKS)
def test_the_question_mark_of_a_dock_opens_a_page_of_the_installation(
    name: str, viewer: Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    _, dock = viewer.window.add_plugin_dock_widget("napari-tweedie", name)
    (button,) = dock.findChildren(HelpButton)
    assert button.isEnabled()
    button.click()
    (url,) = opened
    assert url.isLocalFile()
    assert "<h1" in Path(url.toLocalFile()).read_text(encoding="utf-8")
