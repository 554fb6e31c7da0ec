"""Strokes of a plot: lines, points, bars and bands, in pixels of the widget."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF

DOT = 2
"""Radius of a point."""
BAND = 70
"""Opacity of a band, out of 255."""
GAP = 1
"""On each side of a bar."""

Pixels = NDArray[np.float64]


def draw_line(painter: QPainter, colour: QColor, across: Pixels, up: Pixels, dashed: bool) -> None:
    """Join points; what is not finite leaves a gap."""
    pen = QPen(colour, 1.5)
    if dashed:
        pen.setStyle(Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    known = np.isfinite(across) & np.isfinite(up)
    for stretch in np.split(np.arange(len(across)), np.flatnonzero(~known)):
        stretch = stretch[known[stretch]]
        painter.drawPolyline(_corners(across[stretch], up[stretch]))


def draw_points(painter: QPainter, colour: QColor, across: Pixels, up: Pixels) -> None:
    """Mark every point."""
    _fill(painter, colour)
    known = np.isfinite(across) & np.isfinite(up)
    for x, y in zip(across[known], up[known], strict=True):
        painter.drawEllipse(QPointF(x, y), DOT, DOT)


def draw_bars(painter: QPainter, colour: QColor, left: Pixels, right: Pixels, top: Pixels, ground: float) -> None:
    """Stand bars on the ground."""
    _fill(painter, colour)
    for first, last, height in zip(left, right, top, strict=True):
        painter.drawRect(QRectF(first + GAP, height, max(1.0, last - first - 2 * GAP), ground - height))


def fill_between(painter: QPainter, colour: QColor, across: Pixels, lower: Pixels, upper: Pixels) -> None:
    """Fill what lies between two lines, where both are finite."""
    _fill(painter, QColor(colour.red(), colour.green(), colour.blue(), BAND))
    known = np.isfinite(across) & np.isfinite(lower) & np.isfinite(upper)
    there, back = across[known], across[known][::-1]
    painter.drawPolygon(_corners(np.append(there, back), np.append(lower[known], upper[known][::-1])))


def _fill(painter: QPainter, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)


def _corners(across: Pixels, up: Pixels) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in zip(across, up, strict=True)])
