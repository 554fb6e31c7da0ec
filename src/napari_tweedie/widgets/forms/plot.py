"""Plot of a few curves in a dock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tweedie.widgets.forms.strokes import DOT, draw_bars, draw_line, draw_points, fill_between

HEIGHT = 170
MARGIN = 6
TICK = 4
MOST_TICKS = 4
FAINT = 110
"""Opacity of axes, out of 255."""
COLOURS = ("#4c9be8", "#f0883e", "#3fb68b", "#d16ba5")
"""Curves are seen on dark and on light ground, and told apart by eyes that see fewer colours."""
GREY = "#909090"
"""Colour of what a curve is compared with."""


@dataclass(frozen=True)
class Curve:
    """Values over positions.

    Parameters
    ----------
    label : str
        What the legend says; empty: it is left out there.
    x, y : array
        Positions and values; what is not finite leaves a gap.
    colour : str
        As Qt reads it.
    dashed : bool
        Whether it is drawn as a dashed line, for what is expected rather than measured.
    points : bool
        Whether each value is marked by a point rather than joined with the next.
    band : array or None
        Lower and upper end of an interval of every value, shape (2, values), drawn as a band.
    bar : float
        Width of the bar, in units of the positions, that each value is drawn as; 0: none.
    """

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: str = COLOURS[0]
    dashed: bool = False
    points: bool = False
    band: NDArray[np.float64] | None = None
    bar: float = 0.0

    @property
    def extent(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions and values that what is drawn reaches."""
        x, y = np.asarray(self.x, dtype=float), np.asarray(self.y, dtype=float)
        if self.band is not None:
            return x, np.concatenate([y, *np.asarray(self.band, dtype=float)])
        return (np.concatenate([x - self.bar / 2, x + self.bar / 2]), np.append(y, 0.0)) if self.bar else (x, y)


class Plot(QWidget):
    """A small plot in the colours of napari's theme: two axes with a few ticks, curves, and a legend above them.

    Parameters
    ----------
    x_label, y_label : str
        What the axes show, with units.
    logarithmic : bool
        Whether values are shown on a logarithmic axis; those that are not positive are left out.
    height : int
        Its height in pixels.
    """

    def __init__(self, x_label: str = "", y_label: str = "", logarithmic: bool = False, height: int = HEIGHT) -> None:
        super().__init__()
        self._height = height
        self.x_label = x_label
        self.y_label = y_label
        self.logarithmic = logarithmic
        self.curves: list[Curve] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(120, self._height)

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Draw these curves instead of the present ones."""
        self.curves = list(curves)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        drawn = [(curve, *self._finite(curve)) for curve in self.curves]
        drawn = [(curve, x, y) for curve, x, y in drawn if np.isfinite(y).any()]
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not drawn:
            painter.setPen(self._ink(FAINT))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "nothing to show yet")
            return
        extents = [(x, y) if self.logarithmic else curve.extent for curve, x, y in drawn]
        x_range = _range([x for x, _ in extents])
        y_range = _range([y for _, y in extents], padding=0.05)
        frame = self._frame(y_range)
        self._draw_axes(painter, frame, x_range, y_range)
        self._draw_legend(painter, frame, [curve for curve, _, _ in drawn])
        painter.setClipRect(frame.adjusted(-DOT - 1, -DOT - 1, DOT + 1, DOT + 1))

        def across(x: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(frame.left() + frame.width() * (x - x_range[0]) / (x_range[1] - x_range[0]))

        def up(y: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(frame.bottom() - frame.height() * (y - y_range[0]) / (y_range[1] - y_range[0]))

        for curve, x, y in drawn:
            colour = QColor(curve.colour)
            if curve.band is not None:
                lower, upper = np.asarray(curve.band, dtype=float)
                fill_between(painter, colour, across(x), up(lower), up(upper))
            if curve.bar:
                ground = float(up(np.zeros(1))[0])
                draw_bars(painter, colour, across(x - curve.bar / 2), across(x + curve.bar / 2), up(y), ground)
            elif curve.points or np.isfinite(y).sum() == 1:
                draw_points(painter, colour, across(x), up(y))
            else:
                draw_line(painter, colour, across(x), up(y), curve.dashed)

    def _finite(self, curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        y = np.asarray(curve.y, dtype=float)
        if self.logarithmic:
            y = np.log10(np.where(y > 0, y, np.nan))
        return np.asarray(curve.x, dtype=float), np.where(np.isfinite(y), y, np.nan)

    def _ink(self, opacity: int = 255) -> QColor:
        colour = QColor(self.palette().color(self.foregroundRole()))
        colour.setAlpha(opacity)
        return colour

    def _legible(self, colour: str) -> QColor:
        """Return a colour to write in: darker on light ground."""
        dark = self._ink().lightnessF() > 0.5
        return QColor(colour) if dark else QColor(colour).darker(165)

    def _frame(self, y_range: tuple[float, float]) -> QRectF:
        metrics = self.fontMetrics()
        line = metrics.height()
        left = max(metrics.horizontalAdvance(_text(self._value(tick))) for tick in self._y_ticks(y_range)) + TICK + MARGIN
        top, below = line + MARGIN, (2 if self.x_label else 1) * line + TICK
        return QRectF(left, top, self.width() - left - MARGIN, self.height() - top - below - MARGIN)

    def _value(self, position: float) -> float:
        return float(10**position) if self.logarithmic else position

    def _y_ticks(self, y_range: tuple[float, float]) -> list[float]:
        if not self.logarithmic:
            return _ticks(*y_range)
        decades = [float(n) for n in range(int(np.ceil(y_range[0])), int(np.floor(y_range[1])) + 1)]
        if len(decades) > 1:
            return decades[:: 1 + len(decades) // (MOST_TICKS + 1)]
        return [float(np.log10(tick)) for tick in _ticks(10 ** y_range[0], 10 ** y_range[1]) if tick > 0]

    def _x_ticks(self, frame: QRectF, x_range: tuple[float, float]) -> list[tuple[float, float, int, str]]:
        """Return where ticks lie, where their labels begin, how wide they are and what they say: as many as do not overlap."""
        made: list[tuple[float, float, int, str]] = []
        for most in range(MOST_TICKS, 0, -1):
            made = []
            for tick in _ticks(*x_range, most):
                x = frame.left() + frame.width() * (tick - x_range[0]) / (x_range[1] - x_range[0])
                width = self.fontMetrics().horizontalAdvance(_text(tick))
                made.append((x, min(x - width / 2, frame.right() - width), width, _text(tick)))
            if all(left[1] + left[2] + MARGIN <= right[1] for left, right in pairwise(made)):
                break
        return made

    def _draw_axes(self, painter: QPainter, frame: QRectF, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        painter.setPen(QPen(self._ink(FAINT), 1))
        painter.drawLine(frame.bottomLeft(), frame.bottomRight())
        painter.drawLine(frame.bottomLeft(), frame.topLeft())
        metrics, line = self.fontMetrics(), self.fontMetrics().height()
        painter.setPen(self._ink(200))
        for x, place, width, text in self._x_ticks(frame, x_range):
            painter.drawLine(QPointF(x, frame.bottom()), QPointF(x, frame.bottom() + TICK))
            painter.drawText(QRectF(place, frame.bottom() + TICK, width + 1, line), 0, text)
        for tick in self._y_ticks(y_range):
            y = frame.bottom() - frame.height() * (tick - y_range[0]) / (y_range[1] - y_range[0])
            painter.drawLine(QPointF(frame.left() - TICK, y), QPointF(frame.left(), y))
            beside = QRectF(0, y - line / 2, frame.left() - TICK - 2, line)
            painter.drawText(beside, Qt.AlignmentFlag.AlignRight, _text(self._value(tick)))
        width = max(frame.width(), metrics.horizontalAdvance(self.x_label) + 1)  # a plot may be narrower than its label
        below = QRectF(frame.right() - width, frame.bottom() + TICK + line, width, line)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, self.x_label)
        painter.drawText(QRectF(0, 0, frame.width(), line), Qt.AlignmentFlag.AlignLeft, self.y_label)

    def _draw_legend(self, painter: QPainter, frame: QRectF, curves: Sequence[Curve]) -> None:
        """Write the labels above the plot, from the right, each in its colour; they share the room."""
        metrics, labelled = self.fontMetrics(), [curve for curve in curves if curve.label]
        free = frame.right() - metrics.horizontalAdvance(self.y_label) - 2 * MARGIN
        right = frame.right()
        for number, curve in enumerate(reversed(labelled)):
            share = int(free / (len(labelled) - number)) - MARGIN
            text = metrics.elidedText(curve.label, Qt.TextElideMode.ElideMiddle, share)
            width = metrics.horizontalAdvance(text) + 1
            painter.setPen(self._legible(curve.colour))
            painter.drawText(QRectF(right - width, 0, width, metrics.height()), 0, text)
            right -= width + 2 * MARGIN
            free -= width + 2 * MARGIN


def _range(values: Sequence[NDArray[np.float64]], padding: float = 0.0) -> tuple[float, float]:
    low = float(min(np.nanmin(array) for array in values if np.isfinite(array).any()))
    high = float(max(np.nanmax(array) for array in values if np.isfinite(array).any()))
    more = padding * (high - low) if high > low else 0.5 * abs(high) or 0.5
    return low - more, high + more


def _ticks(low: float, high: float, most: int = MOST_TICKS) -> list[float]:
    """Return at most a few round numbers from `low` to `high`."""
    step = 10.0 ** np.floor(np.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= most)
    return [float(n * step) for n in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _text(value: float) -> str:
    """Write a number short: powers of ten as such where they are large or small."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPT)}"
    return power if mantissa == "1.0" else f"{mantissa.removesuffix('.0')}·{power}"
