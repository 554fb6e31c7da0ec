import os
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from napari_tweedie.denoisers import own_networks as networks
from napari_tweedie.widgets.forms.editors import FileName
from napari_tweedie.widgets.forms.path_edit import SaveName


def test_networks_that_were_learnt_are_offered_the_latest_first(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "folder", lambda: tmp_path)
    for age, name in enumerate(("new", "old")):
        (tmp_path / f"{name}.safetensors").touch()
        os.utime(tmp_path / f"{name}.safetensors", (1000 - age, 1000 - age))
    file = FileName()
    qtbot.addWidget(file)
    file.browse.click()
    assert [action.text() for action in file.own.actions()] == ["new", "old", "Other …"]
    file.own.actions()[1].trigger()
    file.own.hide()
    assert file.path() == tmp_path / "old.safetensors"


def test_a_proposal_gives_way_to_what_the_user_types(qtbot: QtBot, tmp_path: Path) -> None:
    file = SaveName(".safetensors")
    qtbot.addWidget(file)
    with pytest.raises(ValueError, match="which file"):
        file.path()
    file.propose(tmp_path / "first.safetensors")
    file.propose(tmp_path / "cells.tif.safetensors")
    assert file.path() == tmp_path / "cells.tif.safetensors"
    file.text.selectAll()
    qtbot.keyClicks(file.text, "run.3")
    qtbot.keyClick(file.text, Qt.Key.Key_Return)
    file.propose(tmp_path / "third.safetensors")
    assert file.path() == Path("run.3.safetensors")
