"""In which folder is something read or written?"""

from __future__ import annotations

from qtpy.QtWidgets import QFileDialog

from napari_tweedie.widgets.forms.path_edit import ProposedName


class FolderName(ProposedName):
    """The name of a folder, typed or chosen; proposed until the user has given one."""

    def __init__(self) -> None:
        super().__init__()
        self.browse.setToolTip("Choose a folder.")

    def _take(self, text: str) -> None:
        self._own = bool(text)

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder", self.text.text())
        if chosen:
            self.set_path(chosen)
