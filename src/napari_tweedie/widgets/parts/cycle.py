"""Cycle: samples shown one after another, gently, so that what moves is what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from napari.viewer import Viewer

PERIOD_MS = 600
"""How long each sample stands: long enough to look at, short enough to see what moves."""


class Cycle(QObject):
    """Steps through the first axis of a layer, again and again, while it is on; the other layers wait, hidden."""

    stopped = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Image | None = None
        self._hidden: list[Image] = []
        self._was_seen = False
        self._timer = QTimer(self)
        self._timer.setInterval(PERIOD_MS)
        self._timer.timeout.connect(self.step)

    @property
    def is_on(self) -> bool:
        """Whether samples are being shown."""
        return self._timer.isActive()

    def start(self, layer: Image) -> None:
        """Show the samples of a layer in turn, in place of the images that are seen."""
        self.stop()
        self._layer, self._was_seen = layer, layer.visible
        self._hidden = [
            other for other in self._viewer.layers if isinstance(other, Image) and other.visible and other is not layer
        ]
        layer.visible = True
        for other in self._hidden:
            other.visible = False
        self._timer.start()

    def step(self) -> None:
        """Show the next sample."""
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            self.stop()
            return
        axis = self._viewer.dims.ndim - layer.ndim
        now = self._viewer.dims.current_step[axis]
        self._viewer.dims.set_current_step(axis, (now + 1) % len(layer.data))

    def stop(self) -> None:
        """Show what was seen before."""
        if self._layer is None:
            return
        self._timer.stop()
        layer, self._layer = self._layer, None
        for other in self._hidden:
            if other in self._viewer.layers:
                other.visible = True
        if layer in self._viewer.layers:
            layer.visible = self._was_seen
        self._hidden = []
        self.stopped.emit()
