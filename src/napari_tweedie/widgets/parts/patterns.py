"""Patterns of an adaptive basis as small pictures: each cut to where it lives, in a range of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_tweedie.widgets.layers.colours import SIGNED

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE, COLUMNS = 62, 4
"""Pixels of the screen of a picture, and how many stand in a row: they fit the narrowest dock."""
ENERGY = 0.15
"""Share of a pattern's energy that may lie outside its picture, along an axis, on both sides together."""
LEAST = 16
"""Fewest pixels of a pattern that are shown along an axis."""
BRIGHTEST = 99.5
"""Percentile of what is shown of a pattern that has the last of the colours."""


class Patterns(QWidget):
    """A grid of pictures, below each how many times as strong the pattern comes out, once that is known."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("What the denoiser keeps of this image, most of all first; each where it lives, in its own range.")
        self.pictures: list[QLabel] = []
        self.shares: list[QLabel] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(COLUMNS, 1)
        self.hide()

    def show_patterns(self, basis: NDArray[np.float32], shares: Sequence[float] = ()) -> None:
        """Show patterns (count, …, Y, X), of which those that are still to come are 0."""
        shown = basis.reshape(len(basis), -1, *basis.shape[-2:])[:, 0]
        found = [pattern for pattern in shown if np.any(pattern)]
        self._fit(len(found))
        for number, (pattern, picture, share) in enumerate(zip(found, self.pictures, self.shares, strict=True)):
            place = where(pattern)
            picture.setPixmap(_picture(pattern[place]))
            rows, columns = place
            told = f"Pattern {number + 1}: y {rows.start} to {rows.stop - 1}, x {columns.start} to {columns.stop - 1}"
            picture.setToolTip(f"{told}; it comes out {shares[number]:.2f} times as strong" if number < len(shares) else told)
            picture.setAccessibleName(picture.toolTip())
            share.setText(f"× {shares[number]:.2f}" if number < len(shares) else "")
        self.setVisible(bool(found))

    def _fit(self, count: int) -> None:
        """Have as many pictures as there are patterns."""
        while len(self.pictures) < count:
            picture, share = QLabel(), QLabel()
            row, column = divmod(len(self.pictures), COLUMNS)
            for place, label in enumerate((picture, share)):
                label.setAlignment(Qt.AlignmentFlag.AlignCenter)
                label.setStyleSheet("padding: 0; margin: 0;")
                self._grid.addWidget(label, 2 * row + place, column)
            self.pictures.append(picture)
            self.shares.append(share)
        while len(self.pictures) > count:
            for label in (self.pictures.pop(), self.shares.pop()):
                self._grid.removeWidget(label)
                label.deleteLater()


def where(pattern: NDArray[Any]) -> tuple[slice, slice]:
    """Return rows and columns that hold nearly all of a pattern's energy, shape (Y, X), as close to a square as it has room."""
    energy = np.asarray(pattern, dtype=np.float64) ** 2
    ends = [_inner(energy.sum(1)), _inner(energy.sum(0))]
    side = max(LEAST, *(stop - start for start, stop in ends))
    return tuple(_widened(start, stop, side, n) for (start, stop), n in zip(ends, pattern.shape, strict=True))  # type: ignore[return-value]


def _inner(energy: NDArray[np.float64]) -> tuple[int, int]:
    """Return from where to where nearly all of the energy lies."""
    reached = np.cumsum(energy) / energy.sum()
    return int(np.searchsorted(reached, ENERGY / 2)), int(np.searchsorted(reached, 1 - ENERGY / 2)) + 1


def _widened(start: int, stop: int, side: int, length: int) -> slice:
    """Return as many places around some as `side`, or all that there are."""
    side = min(side, length)
    first = min(max(0, (start + stop - side) // 2), length - side)
    return slice(first, first + side)


def _picture(pattern: NDArray[np.float32]) -> QPixmap:
    """Return a picture of a pattern, its largest values, of either sign, at the end of the colours."""
    largest = float(np.percentile(np.abs(pattern), BRIGHTEST)) or 1.0
    table = SIGNED.map(np.linspace(0, 1, 256))[:, :3]
    colours = table[np.rint(127.5 * (1 + np.clip(pattern / largest, -1, 1))).astype(np.intp)]
    pixels = np.ascontiguousarray((255 * colours + 0.5).astype(np.uint8))
    height, width, _ = pixels.shape
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    return QPixmap.fromImage(image.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio))
