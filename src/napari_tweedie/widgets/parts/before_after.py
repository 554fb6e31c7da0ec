"""Before and after: two pictures of one place under a line to drag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tweedie.widgets.layers.contrast import limits_within, sampled

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

HEIGHT = 210
GRIP = 7.0
STEP = 0.05
"""Share of the width by which a key moves the line."""
PAPER, INK = QColor(0, 0, 0, 140), QColor(255, 255, 255)
MARGIN = 4
SHADES = 1024


class BeforeAfter(QWidget):
    """Shows one picture left of a line to drag and another right of it. Arrow keys move the line, space swaps the pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.5
        self.told = ""
        """What is written where there is no second picture yet."""
        self.after_text = "after"
        self._pictures: list[QImage] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("before and after")
        self.setToolTip("Left of the line: the layer as it is. Right: what would become of it. Drag, or use ← → and space.")

    @property
    def is_complete(self) -> bool:
        """Whether there are both pictures."""
        return len(self._pictures) == 2

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(200, HEIGHT)

    def show_pictures(self, *pictures: QImage, told: str = "", after: str = "after") -> None:
        """Show one or two pictures; what is told stands where the second is missing."""
        self._pictures, self.told, self.after_text = list(pictures), told, after
        self.update()

    def move(self, share: float) -> None:
        """Put the line at a share of the width."""
        self.share = min(max(share, 0.0), 1.0)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self.mouseMoveEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        frame = self._frame()
        self.move((event.position().x() - frame.left()) / max(1.0, frame.width()))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        moved = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}.get(Qt.Key(event.key()))
        if moved is not None:
            self.move(self.share + moved)
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_A, Qt.Key.Key_B):
            self.move(0.0 if self.share > 0.5 else 1.0)
        else:
            super().keyPressEvent(event)

    def _frame(self) -> QRectF:
        """Return where the pictures lie: as large as they fit, in the middle."""
        if not self._pictures:
            return QRectF(self.rect())
        size = self._pictures[0].size()
        scale = min(self.width() / size.width(), self.height() / size.height())
        width, height = size.width() * scale, size.height() * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = self._frame()
        for picture in self._pictures[:1]:
            painter.drawImage(frame, picture)
        if self.is_complete:
            line = frame.left() + self.share * frame.width()
            painter.save()
            painter.setClipRect(QRectF(line, frame.top(), frame.right() - line, frame.height()))
            painter.drawImage(frame, self._pictures[1])
            painter.restore()
            self._draw_line(painter, line, frame)
            _write(painter, self, frame, "before", left=True)
            _write(painter, self, frame, self.after_text, left=False)
        if self.told:
            _write(painter, self, frame, self.told, left=None)
        if self.hasFocus():
            painter.setPen(QPen(self.palette().windowText().color(), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _draw_line(self, painter: QPainter, x: float, frame: QRectF) -> None:
        for colour, width in ((QColor(0, 0, 0, 110), 3.0), (QColor(255, 255, 255, 230), 1.5)):  # seen on dark and on light
            painter.setPen(QPen(colour, width))
            painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
        painter.setBrush(QColor(255, 255, 255, 235))
        painter.setPen(QPen(self.palette().highlight().color() if self.hasFocus() else QColor(0, 0, 0, 110), 1.5))
        painter.drawEllipse(QPointF(x, frame.center().y()), GRIP, GRIP)


def _write(painter: QPainter, widget: QWidget, frame: QRectF, text: str, left: bool | None) -> None:
    """Write a word on a dark label: in an upper corner, or, with None, in the middle."""
    metrics = widget.fontMetrics()
    width, height = metrics.horizontalAdvance(text) + 2 * MARGIN, metrics.height() + 2
    x = frame.left() + MARGIN if left else frame.right() - width - MARGIN
    place = QRectF(x, frame.top() + MARGIN, width, height)
    if left is None:
        place.moveCenter(frame.center())
    painter.fillRect(place, PAPER)
    painter.setPen(INK)
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)


def pictures(planes: Sequence[NDArray[Any]], layer: Image, noise: float = 0.0) -> list[QImage]:
    """Return planes in the gamma and colours of a layer, in limits in which the last is seen well, at least as wide as noise."""
    low, high = (0.0, 1.0) if layer.rgb else layer.contrast_limits
    if planes[-1].ndim == 2:
        low, high = limits_within(sampled(planes[-1]), (low, high), noise, brighter=True)
    return [_picture(plane, layer, low, high) for plane in planes]


def _picture(plane: NDArray[Any], layer: Image, low: float, high: float) -> QImage:
    """Return a picture of a plane (Y, X) or (Y, X, samples)."""
    if plane.ndim == 3:
        brightest = sampled(plane).max(initial=1.0)
        colours = np.nan_to_num(plane[..., :3] / (255.0 if plane.dtype == np.uint8 else brightest))
    else:
        values = ((np.clip(np.nan_to_num(plane, nan=low), low, high) - low) / (high - low)) ** layer.gamma
        table = layer.colormap.map(np.linspace(0, 1, SHADES))[:, :3]  # a colour for each pixel would hold up the window
        colours = table[np.rint(values * (SHADES - 1)).astype(np.intp)]
    bytes_ = np.ascontiguousarray(np.clip(255 * colours + 0.5, 0, 255).astype(np.uint8))
    height, width, _ = bytes_.shape
    return QImage(bytes_.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
