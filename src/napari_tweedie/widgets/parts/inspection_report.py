"""Inspection report: what was found, as a curve, a spectrum, or a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_tweedie.widgets.forms.layout import Rows, column
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot


class Findings(QWidget):
    """Shows the report of one inspection; nothing until there is one."""

    strength_chosen = Signal(float)
    """A noise level, in units of the image's own, that the user wants to denoise at."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = column(self)
        self._content: QWidget | None = None
        self.hide()

    def show_report(self, report: dict[str, Any]) -> None:
        """Show a report in place of the one before."""
        if self._content is not None:
            self._content.setParent(None)
            self._content.deleteLater()
        self._content = self._view(report)
        if self._content is not None:
            self._layout.addWidget(self._content)
        self.setVisible(self._content is not None)

    def _view(self, report: dict[str, Any]) -> QWidget | None:
        if "strengths" in report:
            return self._strength(report)
        if "shrinkage" in report:
            return _spectrum(report)
        return _table(report["properties"]) if "properties" in report else None

    def _strength(self, report: dict[str, Any]) -> QWidget:
        view = QWidget()
        layout = column(view)
        strengths, errors = np.array(report["strengths"]), np.array(report["errors"])
        plot = Plot("strength, in noise levels", "estimated error, in noise variances", logarithmic=True)
        best = np.array([report["best"]])
        plot.show_curves(
            [
                Curve("", strengths, errors),
                Curve("best", best, errors[strengths == best], COLOURS[1], points=True),
            ]
        )
        layout.addWidget(plot)
        button = QPushButton(f"Denoise the layer at {report['best']:.2f} noise levels")
        button.setToolTip("Denoise all of the layer at the strength with the least estimated error.")
        button.clicked.connect(lambda: self.strength_chosen.emit(float(report["best"])))
        layout.addWidget(button)
        return view


def _spectrum(report: dict[str, Any]) -> Plot:
    plot = Plot("pattern", "share that is kept")
    shrinkage = np.array(report["shrinkage"])
    numbers = np.arange(len(shrinkage), dtype=float)
    found = report["found"]
    curves = [Curve("", numbers[:found], shrinkage[:found], points=True)]
    if found < len(shrinkage):
        curves.append(Curve("not settled", numbers[found:], shrinkage[found:], COLOURS[1], points=True))
    plot.show_curves(curves)
    return plot


def _table(properties: list[dict[str, Any]]) -> QWidget:
    table = QWidget()
    rows = Rows(table)
    for found in properties:
        value = QLabel(f"{found['measured']:.3g}   (ideal {found['ideal']})")
        rows.row(found["name"].capitalize(), value, found["explanation"])
    return table
