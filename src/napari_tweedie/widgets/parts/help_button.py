"""Help button: the page of the documentation about a dock, from the installed package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QToolButton, QWidget


class HelpButton(QToolButton):
    """A question mark that opens a page in the browser, which needs no network.

    Parameters
    ----------
    page : str
        Name of a page in docs/, without its suffix.
    parent : QWidget, optional
        Where it is shown.
    """

    def __init__(self, page: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page = page
        self.setText("?")
        self.setToolTip("Open the documentation page about this (it is part of the installation).")
        self.setStyleSheet("QToolButton { padding: 2px 6px; }")
        self.clicked.connect(self.open)

    def path(self) -> Path:
        """Return the file of the page."""
        return Path(str(files("napari_tweedie") / "docs" / f"{self.page}.html"))

    def open(self) -> None:
        """Show the page in the browser."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.path())))
