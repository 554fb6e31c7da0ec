"""Repeat form: a second exposure of the same specimen, by which the latest result is calibrated without any truth."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import Rows, column
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.components import LayerList

    from napari_tweedie.analysis.repeats import Repeat

FIRST = "Run on the first exposure, then choose the second one here."
BLURRED = "A second exposure calibrates results of noise alone: what else is undone needs a clean image."


class RepeatForm(QWidget):
    """The choice of a second exposure, a button, and the sentence that follows."""

    found = Signal(float)

    def __init__(self, layers: LayerList) -> None:
        super().__init__()
        self._layers = layers
        self.layer = LayerCombo(layers, (Image,), wanted=None, optional=True)
        self.button = QPushButton("Calibrate by it")
        self.button.setToolTip(
            "Compare the latest result with a second exposure of the same specimen: its noise is independent, so that "
            "no truth is needed."
        )
        self.said = QLabel(FIRST)
        self.said.setWordWrap(True)
        self._made: dict[str, Image] = {}
        self._source: Image | None = None
        self._undone = False
        self._background = Background(self)
        place, form = column(self), QWidget()
        Rows(form).row("Repeat", self.layer, "The same specimen at the same place and brightness, measured once more.")
        for part in (form, self.button, self.said):
            place.addWidget(part)
        self.button.clicked.connect(self.calibrate)

    def take(self, source: Image, made: Mapping[str, Image], undone: bool) -> None:
        """Take up the layers of a run on a first exposure; `undone` says whether more than noise was undone."""
        self._source, self._made, self._undone = source, dict(made), undone
        self.said.setText("")

    def calibrate(self) -> None:
        """Compare, in a thread."""
        from napari_tweedie.analysis.repeats import calibrate_by_repeat

        second = self.layer.value()
        there = all(layer in self._layers for layer in (self._source, *self._made.values()))
        if second is None or self._source is None or not there or not {"mean", "std"} <= set(self._made):
            self.said.setText(FIRST)
            return
        if self._undone:
            self.said.setText(BLURRED)
            return
        layers = (self._made["mean"], self._made["std"], self._source, second)
        self._background.call(partial(calibrate_by_repeat, *(np.asarray(image_array(layer)) for layer in layers)), self._show)

    def _show(self, repeat: Repeat | Exception) -> None:
        if isinstance(repeat, Exception):
            self.said.setText(sentence(repeat))
            return
        self.said.setText(
            f"By the second exposure errors are {repeat.factor:.3g} ± {repeat.standard_error:.2g} times the stated standard "
            "deviation: the interval is stated so many times as wide."
        )
        self.found.emit(repeat.factor)
