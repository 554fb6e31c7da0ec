"""Side by side: layers shown beside each other, moved and zoomed as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.widgets.compare.view import View

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

SPACING = 4
"""Canvas pixels between the layers."""


class SideBySide(View):
    """Places the layers in napari's grid, with their names, and zooms so that as much of them is seen as before."""

    title = "Side by side"
    key = "Alt-G"
    tip = "Show the layers beside each other; they move and zoom as one."
    _zoomed: float = 1.0

    def begin(self, layers: Sequence[Image]) -> None:
        rows = 2 if len(layers) == 4 else 1
        self._zoomed = place(self.viewer, layers, rows, len(layers) // rows)

    def end(self) -> None:
        self.viewer.scene.camera.zoom /= self._zoomed
        self._zoomed = 1.0


def place(viewer: Viewer, layers: Sequence[Image], rows: int, columns: int) -> float:
    """Place the layers in a grid, hide all others, and zoom so that as much is seen as before; return by how much."""
    grid = viewer.canvas.grid
    grid.shape, grid.stride, grid.spacing, grid.enabled = (rows, columns), 1, SPACING, True
    for layer in viewer.layers:  # each visible one takes a place
        layer.visible = layer.name_overlay.visible = layer in layers
    extent = np.ptp(viewer.layers.extent.world, axis=0)[list(viewer.dims.order[-2:])]
    size = np.array(viewer.canvas.size, dtype=float)
    per_pixel = np.where(extent > 0, extent, 1.0)
    zoomed = float((size / (rows, columns) / per_pixel).min() / (size / per_pixel).min())
    viewer.scene.camera.zoom *= zoomed
    return zoomed
