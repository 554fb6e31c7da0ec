"""Blink: layers shown in turn, so that what differs between them moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_tweedie.widgets.compare.view import View
from napari_tweedie.widgets.forms.editors import Number

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class Blink(View):
    """Shows one layer after the other. Opacities change and not the visibility, which would read the data again."""

    title = "Blink"
    key = "Alt-B"
    tip = "Show the layers in turn: what differs between them moves."

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(viewer, parent)
        self._layers: Sequence[Image] = []
        self._shown = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.step)
        self.label = "Each for"
        self.option = self.seconds = Number(0.1, 10, " s")
        self.seconds.setValue(0.6)
        self.seconds.setSingleStep(0.1)
        self.seconds.setToolTip("How long each layer is shown.")
        self.seconds.valueChanged.connect(self._on_seconds)

    def begin(self, layers: Sequence[Image]) -> None:
        self._layers, self._shown = layers, -1
        self.step()
        self._timer.start(self._milliseconds())

    def end(self) -> None:
        self._timer.stop()
        self._layers = []

    def step(self) -> None:
        """Show the next layer."""
        self._shown = (self._shown + 1) % len(self._layers)
        for number, layer in enumerate(self._layers):
            layer.opacity = float(number == self._shown)
            layer.name_overlay.visible = number == self._shown

    def _milliseconds(self) -> int:
        return round(1000 * self.seconds.value())

    def _on_seconds(self) -> None:
        self._timer.setInterval(self._milliseconds())
