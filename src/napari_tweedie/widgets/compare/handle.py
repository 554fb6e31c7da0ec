"""Handle that the user drags in the canvas."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

WIDTH = 24
GRIP = 9.0
SMALLEST_SHARE = 0.01


class Handle(QWidget):
    """A vertical line with a grip, across all of its parent, that stays at its share of the width.

    Parameters
    ----------
    canvas : QWidget
        What it lies on.
    share : float
        Where it is, from 0 at the left to 1 at the right.
    """

    moved = Signal()

    def __init__(self, canvas: QWidget, share: float) -> None:
        super().__init__(canvas)
        self.share = share
        self.dragged = False
        self._grabbed = 0.0
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip("Drag to swipe")
        canvas.installEventFilter(self)
        self.place(share)
        self.show()
        self.raise_()

    def place(self, share: float) -> None:
        """Put the line at a share of the width."""
        self.share = min(max(share, SMALLEST_SHARE), 1 - SMALLEST_SHARE)
        width, height = self.parentWidget().width(), self.parentWidget().height()
        self.setGeometry(round(self.share * width) - WIDTH // 2, 0, WIDTH, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Resize and watched is self.parentWidget():
            self.place(self.share)
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self.dragged = event.button() == Qt.MouseButton.LeftButton
        self._grabbed = event.position().x() - WIDTH / 2

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self.dragged:
            place = self.mapToParent(event.position().toPoint()).x() - self._grabbed
            self.place(place / self.parentWidget().width())
            self.moved.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self.dragged = False

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x, y = WIDTH / 2, self.height() / 2
        for colour, width in ((QColor(0, 0, 0, 110), 4), (QColor(255, 255, 255, 230), 2)):  # seen on dark and on light
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        painter.setPen(QPen(QColor(0, 0, 0, 110), 1))
        painter.setBrush(QColor(255, 255, 255, 235))
        painter.drawEllipse(QRectF(x - GRIP, y - GRIP, 2 * GRIP, 2 * GRIP))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(60, 60, 60))
        for side in (-1, 1):
            tip, back = x + side * 6, x + side * 2.5
            painter.drawPolygon(QPolygonF([QPointF(tip, y), QPointF(back, y - 3.5), QPointF(back, y + 3.5)]))
