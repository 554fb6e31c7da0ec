"""What was found on a layer: two small plots, and a line each in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_tweedie.images.units import symbol
from napari_tweedie.recipe.proposal import rounded
from napari_tweedie.widgets.forms.layout import column
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot

if TYPE_CHECKING:
    from napari_tweedie.engine.survey import Survey
    from napari_tweedie.recipe.proposal import Clues

HEIGHT = 118


class Found(QWidget):
    """Noise variance over brightness beside the spectrum, and what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = Plot("brightness", "noise²", height=HEIGHT)
        self.noise.setToolTip(
            "Noise variance over brightness. A level line: the noise is the same everywhere. A rising one: photon noise."
        )
        self.spectrum = Plot("cycles per pixel", "power", logarithmic=True, height=HEIGHT)
        self.spectrum.setToolTip(
            "How strong the image is, from coarse (left) to fine detail (right), and its noise (dashed). Where they meet, "
            "detail is lost in the noise."
        )
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.plots = QWidget()
        row = QHBoxLayout(self.plots)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.noise)
        row.addWidget(self.spectrum)
        place = column(self)
        place.addWidget(self.words)
        place.addWidget(self.plots)
        self.clear()

    def clear(self, told: str = "") -> None:
        """Show nothing but a line of text."""
        self.words.setText(told)
        self.words.setVisible(bool(told))
        self.plots.hide()

    def show_survey(self, survey: Survey, clues: Clues, spacing: tuple[float, ...], unit: str) -> None:
        """Show what was found; of projections and k-space, which do not look like an image, nothing is told as of one."""
        if clues.scan:
            self.clear("A measurement rather than an image: its noise is found once its image is made.")
            return
        lines = [("Noise", clues.noise_in_words())]
        if survey.detail is not None:
            lines.append(("Detail", _detail(survey.detail.finest, spacing, unit)))
        if survey.missing > 0:
            lines.append(("Missing", f"{rounded(100 * survey.missing)} % of the pixels hold no value"))
        lines.append(("Pixels", _bad(survey.outliers)))
        rows = "".join(f"<tr><td style='padding-right:8px'>{name}</td><td><b>{text}</b></td></tr>" for name, text in lines)
        self.words.setText(f"<table cellspacing='0' cellpadding='1'>{rows}</table>")
        self.words.setToolTip(survey.channel.decision)
        self.words.show()
        self._draw(survey)

    def _draw(self, survey: Survey) -> None:
        curves: list[Curve] = []
        if (fit := survey.channel.fit) is not None:
            means = np.array(fit.means)
            ends = np.array([means.min(), means.max()])
            line = [survey.channel.noise.level(float(end)) or 0.0 for end in ends]
            curves = [
                Curve("", means, np.array(fit.variances), COLOURS[0], points=True),
                Curve("", ends, np.square(line), COLOURS[0]),
            ]
        self.noise.show_curves(curves)
        self.noise.setVisible(bool(curves))
        detail: Any = survey.detail
        self.spectrum.setVisible(detail is not None)
        if detail is not None:
            self.spectrum.show_curves(
                [
                    Curve("noise", detail.frequency, detail.noise, COLOURS[1], dashed=True),
                    Curve("", detail.frequency, detail.power, COLOURS[0]),
                ]
            )
        self.plots.setVisible(bool(curves) or detail is not None)


def _bad(outliers: int) -> str:
    if outliers == 1:
        return "1 hot or dead pixel; it will be left out"
    return f"{outliers} hot or dead pixels; they will be left out" if outliers else "none hot or dead"


def _detail(finest: float, spacing: tuple[float, ...], unit: str) -> str:
    if not np.isfinite(finest):
        return "none stands out of the noise"
    size = ""
    if spacing and unit != "pixel":
        size = f" ({rounded(finest * spacing[-1])} {symbol(unit)})"
    return f"seen down to {rounded(finest)} pixels{size}"
