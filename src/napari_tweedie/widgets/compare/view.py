"""View: the base of the ways to look at a few layers together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class View(QObject):
    """A way to look at two to four layers that lie on each other.

    What it changes of the layers and of the viewer is put back by `ViewState`; in `end` it takes away only what it added.
    """

    title: ClassVar[str]
    key: ClassVar[str]
    """Key that turns it on and off, as napari writes keys."""
    tip: ClassVar[str]

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.label = ""
        self.option: QWidget | None = None
        """What can be set, under `label`, if there is anything."""

    def begin(self, layers: Sequence[Image]) -> None:
        """Show these layers, of which the first is the reference; all are visible and opaque.

        Raises
        ------
        ValueError
            If they cannot be shown in this way; the message says why.
        """
        raise TypeError(f"{type(self).__name__} shows nothing")

    def end(self) -> None:
        """Take away what was added."""
