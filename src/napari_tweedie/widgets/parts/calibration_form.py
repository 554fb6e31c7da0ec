"""Calibration form: a clean layer to try intervals on, and the curve of how often they hold the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import Rows, column
from napari_tweedie.widgets.forms.plot import COLOURS, GREY, Curve, Plot
from napari_tweedie.widgets.layers.input import image_axes

if TYPE_CHECKING:
    from napari.components import LayerList


class Reliability(QWidget):
    """The choice of a clean layer, a button to measure coverage on it, and the reliability curve."""

    asked = Signal()

    def __init__(self, layers: LayerList) -> None:
        super().__init__()
        self.layer = LayerCombo(layers, (Image,), wanted="truth", optional=True)
        self.button = QPushButton("Calibrate on it")
        self.button.setToolTip(
            "Simulate measurements of the clean layer, sample them, and count how often the interval holds the truth. "
            "The factor that corrects its width is checked by halves, each with the factor of the other."
        )
        self.button.clicked.connect(self.asked)
        self.plot = Plot("stated level, %", "measured coverage, %")
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
        levels, coverages = (100 * np.array(report[name]) for name in ("levels", "coverages"))
        ideal = Curve("ideal", levels, levels, GREY, dashed=True)
        self.plot.show_curves([ideal, Curve("found", levels, coverages, COLOURS[0], points=True)])
        level, raw = (100 * report[name] for name in ("level", "coverage"))
        left, right = (100 * share for share in report["coverage_of_halves"])
        self.said.setText(
            f"The {level:.3g} % interval held {raw:.1f} % of the pixels. It will be stated {report['factor']:.2f} times as wide; "
            f"widened by the factor of the other half it held {left:.1f} % of the left half and {right:.1f} % of the right."
        )
        self.plot.show()
        self.said.show()
