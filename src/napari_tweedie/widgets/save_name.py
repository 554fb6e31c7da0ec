"""To which file is something written?"""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QToolButton, QWidget

from napari_tweedie.widgets.arrangement import NARROWEST


class SaveName(QWidget):
    """The name of a file to write, proposed until the user has typed or chosen another one.

    Parameters
    ----------
    suffix : str
        What the file's name ends with.
    """

    def __init__(self, suffix: str) -> None:
        super().__init__()
        self._suffix = suffix
        self._own = False
        self.text = QLineEdit()
        self.text.setMinimumWidth(NARROWEST)
        self.browse = QToolButton()
        self.browse.setText("…")
        self.browse.setToolTip("Choose a file.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.browse)
        self.text.textEdited.connect(self._take)
        self.browse.clicked.connect(self._choose)

    def propose(self, path: Path) -> None:
        """Show a path, unless the user has given one."""
        if not self._own:
            self.text.setText(str(path))

    def set_path(self, path: Path | str) -> None:
        """Show a path that the user has chosen."""
        self._own = True
        self.text.setText(str(path))

    def path(self) -> Path:
        """Return the path, with its suffix.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self.text.text().strip():
            raise ValueError("say which file to write")
        return Path(self.text.text().strip()).with_suffix(self._suffix)

    def _take(self, _: str) -> None:
        self._own = True

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Write to", self.text.text(), f"*{self._suffix}")
        if chosen:
            self.set_path(chosen)
