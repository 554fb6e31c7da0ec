"""Similarity table: how alike layers are to a reference, in numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QWidget
from superqt import QElidingLabel

from napari_tweedie.analysis.similarity import fourier_ring_correlation, psnr, ssim
from napari_tweedie.widgets.compare.overlap import plane, plane_crops
from napari_tweedie.widgets.forms.layout import column, one_row, shrinkable
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.runs.background import Background
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.widgets.layers.crop import Crop

PAUSE_MS = 300
"""How long the view stays as it is before it is measured."""
FIELDS = ("visible field", "whole plane")
COLUMNS = {
    "PSNR": "Peak signal-to-noise ratio, its peak being the range of the reference there.",
    "SSIM": "Mean structural similarity: 1 for equal images.",
    "FRC": "Resolution: the finest period on which both agree by their Fourier ring correlation (threshold 1/7). "
    "Compare two frames with independent noise, or a result and its truth.",
}
UNKNOWN = "–"


class Similarity(QWidget):
    """A table of a row for each layer, measured again whenever what is looked at has changed; colour counts as its mean."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.rows: list[list[QLabel]] = []
        self._layers: list[Image] = []
        self._background = Background(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self.field = QComboBox()
        self.field.addItems(FIELDS)
        shrinkable(self.field)
        inside = column(self)
        inside.addWidget(one_row("On", self.field, "What of the current plane is measured."))
        table = QWidget()
        self._table = QGridLayout(table)
        self._table.setContentsMargins(0, 0, 0, 0)
        self._table.setColumnStretch(0, 1)
        for number, (title, tip) in enumerate(COLUMNS.items(), start=1):
            self._table.addWidget(_cell(title, tip), 0, number)
        inside.addWidget(table)
        self._connect()

    def compare(self, layers: Sequence[Image]) -> None:
        """Measure these layers, of which the first is the reference, if the table is seen."""
        self._layers = list(layers)
        for cell in [cell for row in self.rows for cell in row]:
            self._table.removeWidget(cell)
            cell.deleteLater()
        self.rows = []
        for number, layer in enumerate(self._layers[1:], start=1):
            name = QElidingLabel(layer.name)
            name.setToolTip(layer.name)
            self.rows.append([name, *(_cell(UNKNOWN, tip) for tip in COLUMNS.values())])
            for place, cell in enumerate(self.rows[-1]):
                self._table.addWidget(cell, number, place)
        self._look_again()

    def _connect(self) -> None:
        dims, camera = self.viewer.dims.events, self.viewer.scene.camera.events
        self._relay = Relay(dims.current_step, dims.order, dims.ndisplay, camera.zoom, camera.center)
        self._relay.fired.connect(self._look_again)
        RUNS.changed.connect(self._look_again)
        self.field.currentIndexChanged.connect(self._look_again)
        self._pause.timeout.connect(self._measure)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self._look_again()

    def _look_again(self, *_: object) -> None:
        self._pause.start()

    def _measure(self) -> None:
        if not self.isVisible() or len(self._layers) < 2:
            return
        reference, visible = self._layers[0], self.field.currentText() == FIELDS[0]
        pairs: list[tuple[Image, tuple[Crop, Crop]] | None] = []
        for layer, cells in zip(self._layers[1:], self.rows, strict=True):
            try:
                pairs.append((layer, plane_crops(self.viewer, reference, layer, visible)))
                cells[0].setToolTip(layer.name)
            except ValueError as error:
                pairs.append(None)
                cells[0].setToolTip(sentence(error))
        axes = sorted(axis - self.viewer.dims.ndim for axis in self.viewer.dims.order[-2:])
        sizes = (float(reference.scale[axes[0]]), float(reference.scale[axes[1]]))
        unit = f"{reference.units[axes[1]]:~P}"
        self._background.call(lambda: [_measured(reference, pair, sizes, unit) for pair in pairs], self._show)

    def _show(self, found: list[tuple[str, ...]] | Exception) -> None:
        if isinstance(found, Exception):
            raise found
        for cells, texts in zip(self.rows, found, strict=False):
            for cell, text in zip(cells[1:], texts, strict=True):
                cell.setText(text)


def _measured(
    reference: Image, pair: tuple[Image, tuple[Crop, Crop]] | None, sizes: tuple[float, float], unit: str
) -> tuple[str, ...]:
    """Write the measures of a pair, in the order of the columns."""
    if pair is None:
        return (UNKNOWN,) * len(COLUMNS)
    layer, crops = pair
    truth, image = plane(reference, crops[0]), plane(layer, crops[1])

    def resolution() -> str:
        rings = fourier_ring_correlation(image, truth, sizes)
        finest = rings.resolution <= 1 / rings.frequency[-1]
        return f"{'≤ ' if finest else ''}{rings.resolution:.3g} {unit}" if isfinite(rings.resolution) else UNKNOWN

    return tuple(map(_written, (lambda: f"{psnr(image, truth):.2f} dB", lambda: f"{ssim(image, truth):.4f}", resolution)))


def _written(measure: Callable[[], str]) -> str:
    try:
        return measure()
    except ValueError:  # too few pixels, or a constant plane
        return UNKNOWN


def _cell(text: str, tip: str) -> QLabel:
    label = QLabel(text)
    label.setToolTip(tip)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    label.setMinimumWidth(label.fontMetrics().horizontalAdvance("00.00 dB"))
    return label
