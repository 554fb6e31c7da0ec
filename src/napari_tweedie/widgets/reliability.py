"""How often do intervals hold the truth? A clean layer to try it on, and the curve that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_tweedie.widgets.arrangement import Rows, column
from napari_tweedie.widgets.layer_combo import LayerCombo
from napari_tweedie.widgets.layers import image_axes
from napari_tweedie.widgets.plot import COLOURS, Curve, Plot

if TYPE_CHECKING:
    from napari.components import LayerList

GREY = "#909090"


class Reliability(QWidget):
    """The choice of a clean layer, a button to measure coverage on it, and the reliability curve."""

    asked = Signal()

    def __init__(self, layers: LayerList) -> None:
        super().__init__()
        self.layer = LayerCombo(layers, (Image,), wanted="truth", optional=True)
        self.button = QPushButton("Calibrate on it")
        self.button.setToolTip(
            "Simulate measurements of the clean layer, sample them, and count how often the interval holds the truth. "
            "Its width is corrected by what is found on one half, and checked on the other."
        )
        self.button.clicked.connect(self.asked)
        self.plot = Plot("stated level", "measured coverage")
        self.said = QLabel()
        self.said.setWordWrap(True)
        place = column(self)
        form = QWidget()
        Rows(form).row("Clean layer", self.layer, "An image of the same kind without noise, in the same grey levels.")
        for part in (form, self.button, self.said, self.plot):
            place.addWidget(part)
        self.plot.hide()
        self.said.hide()

    def axes(self) -> str:
        """Return the axes of the clean layer."""
        return image_axes(self.layer.value())

    def show_report(self, report: dict[str, Any]) -> None:
        """Draw stated against measured, and say what the correction is."""
        levels = np.array(report["levels"])
        ideal = Curve("", levels, levels, GREY, dashed=True)
        self.plot.show_curves([ideal, Curve("as stated", levels, np.array(report["coverages"]), COLOURS[0], points=True)])
        level, raw, corrected = (100 * report[name] for name in ("level", "coverage", "coverage_corrected"))
        self.said.setText(
            f"The {level:.3g} % interval held {raw:.1f} % of the pixels; {report['factor']:.2f} times as wide, "
            f"it held {corrected:.1f} % of pixels that the factor was not fitted on."
        )
        self.plot.show()
        self.said.show()
