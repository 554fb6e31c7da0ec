"""Region table: a quantity of all regions with its interval, and what the selected rows say."""

from __future__ import annotations

from collections.abc import Sequence
from math import erf
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QLabel, QTableWidget, QTableWidgetItem, QWidget

from napari_tweedie.analysis.quantity import Drawn, Normal
from napari_tweedie.widgets.forms.layout import column, one_row, shrinkable
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot

if TYPE_CHECKING:
    from napari_tweedie.analysis.quantity import Quantity

MOST_ROWS = 500
LINES = 6
NORMAL_BARS = 12
"""Bars of a normal law, each of half a standard deviation."""
BARS = 8
"""Bars of a distribution that is not of whole numbers."""
TITLES = {"mean": "Mean", "integrated": "Integrated intensity", "area": "Area", "count": "Number of objects"}
COMPARED = "Select two rows to see whether they differ (hold Ctrl)."


class RegionTable(QWidget):
    """A row for every region and frame of the chosen quantity.

    One selected row is drawn below: its course over the frames, or how its value is distributed. Of two it is said how probable
    it is that they differ.
    """

    def __init__(self) -> None:
        super().__init__()
        self.quantities: list[Quantity] = []
        self.choice = QComboBox()
        shrinkable(self.choice)
        self.table = _empty_table()
        self.said = QLabel(COMPARED)
        self.said.setWordWrap(True)
        self.plot = Plot()
        place = column(self)
        place.addWidget(one_row("Quantity", self.choice, "Area and objects are measured above a threshold."))
        for part in (self.table, self.said, self.plot):
            place.addWidget(part)
        self.choice.currentIndexChanged.connect(self._fill)
        self.table.itemSelectionChanged.connect(self._look)
        self.hide()

    def show_quantities(self, quantities: Sequence[Quantity]) -> None:
        """Show these instead of the present ones; the chosen quantity and the selected rows stay so."""
        chosen, rows = self.choice.currentData(), self._selected_rows()
        self.quantities = list(quantities)
        blocked = self.choice.blockSignals(True)
        self.choice.clear()
        for name in dict.fromkeys(each.name for each in self.quantities):
            self.choice.addItem(TITLES[name], name)
        self.choice.setCurrentIndex(max(0, self.choice.findData(chosen)))
        self.choice.blockSignals(blocked)
        self._fill()
        for row in rows:
            if row < self.table.rowCount():
                self.table.selectRow(row) if len(rows) == 1 else self._add_row(row)
        self.setVisible(bool(self.quantities))

    def shown(self) -> list[Quantity]:
        """Return the quantities of the rows, in their order."""
        return [each for each in self.quantities if each.name == self.choice.currentData()][:MOST_ROWS]

    def selected(self) -> list[Quantity]:
        """Return those of the selected rows."""
        shown = self.shown()
        return [shown[row] for row in self._selected_rows() if row < len(shown)]

    def _fill(self, *_: object) -> None:
        shown = self.shown()
        several = any(each.frame for each in shown)
        headings = ["region", *(["frame"] if several else []), _value_title(shown), _interval_title(shown)]
        self.table.setColumnCount(len(headings))
        self.table.setHorizontalHeaderLabels(headings)
        self.table.setRowCount(len(shown))
        for row, each in enumerate(shown):
            frame = [" ".join(map(str, each.frame))] if several else []
            low, high = each.interval
            for place, text in enumerate([str(each.region), *frame, f"{each.value:.5g}", f"{low:.5g} – {high:.5g}"]):
                item = QTableWidgetItem(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, place, item)
        self._look()

    def _selected_rows(self) -> list[int]:
        return sorted({index.row() for index in self.table.selectionModel().selectedRows()})

    def _add_row(self, row: int) -> None:
        for place in range(self.table.columnCount()):
            self.table.item(row, place).setSelected(True)

    def _look(self) -> None:
        from napari_tweedie.analysis.quantity import compare

        selected = self.selected()
        self.plot.setVisible(len(selected) == 1)
        self.said.setText(COMPARED)
        if len(selected) == 1:
            self._draw(selected[0])
        elif len(selected) == 2:
            found = compare(*selected)
            low, high = found.difference.interval
            larger = found.probability >= 0.5
            sure = 100 * (found.probability if larger else 1 - found.probability)
            self.said.setText(
                f"{_written(selected[1])} − {_written(selected[0])}: {_signed(found.difference.value)} ({_signed(low)} to "
                f"{_signed(high)}); {'larger' if larger else 'smaller'} with a probability of {percentage(sure)} %."
            )

    def _draw(self, quantity: Quantity) -> None:
        course = [each for each in self.quantities if (each.region, each.name) == (quantity.region, quantity.name)]
        if len(course) > 1:
            ends = np.array([each.interval for each in course]).T
            values = np.array([each.value for each in course])
            self.plot.x_label, self.plot.y_label = "frame", quantity.unit
            self.plot.show_curves([Curve("", np.arange(len(course), dtype=float), values, COLOURS[0], band=ends)])
            return
        self.plot.x_label, self.plot.y_label = quantity.unit, "probability, %"
        self.plot.show_curves([bars_of(quantity)])


def bars_of(quantity: Quantity) -> Curve:
    """Return how the value of a quantity is distributed, as bars; a normal law as its share of every half standard deviation."""
    if isinstance(quantity, Normal):
        edges = np.linspace(-NORMAL_BARS / 4, NORMAL_BARS / 4, NORMAL_BARS + 1)
        percents = 100 * np.diff([0.5 * (1 + erf(edge / 2**0.5)) for edge in edges])
        middles, step = (edges[:-1] + edges[1:]) / 2, quantity.std / 2 or 1.0
        return Curve("", quantity.value + middles * quantity.std, percents, COLOURS[0], bar=step)
    assert isinstance(quantity, Drawn)
    whole = quantity.name == "count" or float(np.ptp(quantity.draws)) == 0
    if whole:
        shares = quantity.distribution
        values, heights, width = np.array(list(shares)), np.array(list(shares.values())), 1.0
    else:
        heights, edges = np.histogram(quantity.draws, BARS)
        values, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
        heights = heights / len(quantity.draws)
    return Curve("", values, 100 * heights, COLOURS[0], bar=width)


def percentage(share: float) -> str:
    """Write a probability in per cent, of which samples never say that it is 0 or 100."""
    return "more than 99.9" if share > 99.9 else f"{share:.3g}"


def _signed(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def _written(quantity: Quantity) -> str:
    frame = f", frame {' '.join(map(str, quantity.frame))}" if quantity.frame else ""
    return f"region {quantity.region}{frame}"


def _value_title(shown: Sequence[Quantity]) -> str:
    return shown[0].unit if shown else "value"


def _interval_title(shown: Sequence[Quantity]) -> str:
    return f"{100 * shown[0].level:.3g} % interval" if shown else "interval"


def _empty_table() -> QTableWidget:
    table = QTableWidget(0, 0)
    table.verticalHeader().hide()
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.setMinimumHeight((LINES + 2) * table.fontMetrics().lineSpacing())
    return table
