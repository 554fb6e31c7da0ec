"""Line profile: the grey levels of several layers along one drawn line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_tweedie.widgets.compare.overlap import lazily
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import column, one_row
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from napari.viewer import Viewer

PAUSE_MS = 100
"""How long a line stays as it is before it is read."""
MOST_POINTS = 2000
WIDTH = 0.006
"""Width of the line that is drawn, relative to what is seen."""


class Profile(QWidget):
    """Grey levels along the last line of a Shapes layer, of all layers that are compared, wherever their pixels lie."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self._layers: list[Image] = []
        self._background = Background(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self.line = LayerCombo(viewer.layers, (Shapes,))
        self.draw = QPushButton("Draw")
        self.draw.setToolTip("Draw a line across the image; drag its ends to move it.")
        self.plot = Plot(y_label="grey level")
        both = QWidget()
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(self.draw)
        inside = column(self)
        inside.addWidget(one_row("Line", both, "The Shapes layer whose selected or last line is followed."))
        inside.addWidget(self.plot)
        self._heard: Relay | None = None
        self._relay = Relay(viewer.dims.events.current_step, viewer.dims.events.order)
        self._relay.fired.connect(self._pause.start)
        self._pause.timeout.connect(self._read)
        self.line.changed.connect(self._on_line)
        self.draw.clicked.connect(self.begin_line)
        self._on_line()

    def compare(self, layers: Sequence[Image]) -> None:
        """Follow the line through these layers."""
        self._layers = list(layers)
        self.draw.setEnabled(bool(layers))
        self._pause.start()

    def begin_line(self) -> None:
        """Let the user draw a line on the canvas."""
        shapes = self.line.value()
        if shapes is None:
            seen = np.ptp(self.viewer.layers.extent.world, axis=0)[list(self.viewer.dims.order[-2:])].max()
            largest = max(self._layers, key=lambda layer: layer.ndim)
            shapes = Shapes(ndim=largest.ndim, name="line profile", units=largest.units, axis_labels=largest.axis_labels)
            shapes.current_edge_color, shapes.current_edge_width = COLOURS[1], WIDTH * seen
            self.viewer.add_layer(shapes)
        self.viewer.layers.selection.active = shapes
        shapes.mode = "add_line"

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self._pause.start()

    def _on_line(self) -> None:
        shapes = self.line.value()
        self._heard = None if shapes is None else Relay(shapes.events.data, shapes.events.set_data)
        if self._heard is not None:
            self._heard.fired.connect(self._pause.start)
        self._pause.start()

    def _read(self) -> None:
        ends = None if self.line.value() is None else line_ends(self.viewer, self.line.value())
        if not self.isVisible():
            return
        if ends is None or not self._layers:
            self.plot.show_curves([])
            return
        paths = [path(self.viewer, layer, ends) for layer in self._layers]
        layers, length = self._layers, float(np.linalg.norm(ends[1] - ends[0]))
        self.plot.x_label = f"distance ({layers[0].units[-1]:~P})"
        self._background.call(
            lambda: [values_along(layer, points) for layer, points in zip(layers, paths, strict=True)],
            lambda values: self._show([layer.name for layer in layers], length, values),
        )

    def _show(self, names: Sequence[str], length: float, values: list[NDArray[np.float64]] | Exception) -> None:
        if isinstance(values, Exception):
            raise values
        self.plot.show_curves(
            [
                Curve(name, np.linspace(0, length, len(along)), along, colour)
                for name, along, colour in zip(names, values, COLOURS, strict=False)
            ]
        )


def line_ends(viewer: Viewer, shapes: Shapes) -> NDArray[np.float64] | None:
    """Return both ends, in world coordinates, of the selected line or of the last one; None if there is no line."""
    lines = [n for n, kind in enumerate(shapes.shape_type) if kind in ("line", "path")]
    chosen = [n for n in lines if n in shapes.selected_data] or lines
    if not chosen:
        return None
    vertices = shapes.data[chosen[-1]]
    ends = np.tile(np.array(viewer.dims.point, dtype=float), (2, 1))
    for end, vertex in zip(ends, (vertices[0], vertices[-1]), strict=True):
        end[-shapes.ndim :] = shapes.data_to_world(vertex)
    return ends


def path(viewer: Viewer, layer: Image, ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points about a pixel apart along a line, in pixels of a layer, on the slice that is seen."""
    first, last = (np.array(layer.world_to_data(end), dtype=float) for end in ends)
    offset = viewer.dims.ndim - layer.ndim
    for axis in range(layer.ndim):
        if axis + offset not in viewer.dims.order[-2:]:
            first[axis] = last[axis] = np.rint(first[axis])
    count = int(np.clip(np.ceil(np.linalg.norm(last - first)) + 1, 2, MOST_POINTS))
    return np.linspace(first, last, count)


def values_along(layer: Image, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the grey levels of a layer at points, in its pixels, by linear interpolation; NaN where it has none."""
    from scipy.ndimage import map_coordinates

    shape = np.array(image_array(layer).shape[: layer.ndim])
    start = np.clip(np.floor(points.min(0)).astype(int), 0, shape)
    stop = np.clip(np.ceil(points.max(0)).astype(int) + 1, 0, shape)
    if (stop <= start).any():
        return np.full(len(points), np.nan)
    crop = np.asarray(lazily(layer, Crop(tuple(map(int, start)), tuple(map(int, stop)))))
    values: NDArray[np.float64] = map_coordinates(crop, (points - start).T, order=1, output=np.float64, mode="nearest")
    outside = (points < -0.5) | (points > shape - 0.5)
    return np.where(outside.any(1), np.nan, values)
