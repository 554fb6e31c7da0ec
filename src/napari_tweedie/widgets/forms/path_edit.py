"""Editors of paths: a proposed one, until the user has typed or chosen another."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_tweedie.widgets.forms.editors import FileName


class ProposedName(FileName):
    """The name of a file, proposed until the user has typed or chosen another one."""

    def __init__(self) -> None:
        super().__init__()
        self._own = False
        self.text.textEdited.connect(self._take)

    def propose(self, path: Path) -> None:
        """Show a path, unless the user has given one."""
        if not self._own:
            super().set_path(path)

    def set_path(self, path: Path | str) -> None:
        self._own = True
        super().set_path(path)

    def _take(self, text: str) -> None:
        self._own = True


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
