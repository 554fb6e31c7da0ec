"""To which file is something written?"""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_tweedie.widgets.forms.path_edit import ProposedName


class SaveName(ProposedName):
    """The name of a file to write, proposed until the user has typed or chosen another one.

    Parameters
    ----------
    suffix : str
        What the file's name ends with.
    """

    def __init__(self, suffix: str) -> None:
        super().__init__()
        self._suffix = suffix

    def path(self) -> Path:
        """Return the path, with its suffix.

        Raises
        ------
        ValueError
            If there is none.
        """
        path = super().path()
        if path == Path():
            raise ValueError("say which file to write")
        return path if path.suffix == self._suffix else path.with_name(path.name + self._suffix)

    def _browse(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Write to", self.text.text(), f"*{self._suffix}")
        if chosen:
            self.set_path(chosen)
