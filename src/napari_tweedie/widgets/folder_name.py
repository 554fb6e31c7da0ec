"""In which folder is something read or written?"""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_tweedie.widgets.editors import FileName


class FolderName(FileName):
    """The name of a folder, typed or chosen; proposed until the user has given one."""

    def __init__(self) -> None:
        super().__init__()
        self._own = False
        self.browse.setToolTip("Choose a folder.")
        self.text.textEdited.connect(self._take)

    def propose(self, path: Path) -> None:
        """Show a path, unless the user has given one."""
        if not self._own:
            super().set_path(path)

    def set_path(self, path: Path | str) -> None:
        self._own = True
        super().set_path(path)

    def _take(self, text: str) -> None:
        self._own = bool(text)

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder", self.text.text())
        if chosen:
            self.set_path(chosen)
