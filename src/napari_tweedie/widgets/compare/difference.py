"""Difference: where layers differ, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QPushButton, QWidget

from napari_tweedie.images.titles import shortened
from napari_tweedie.widgets.compare.overlap import lazily, plane, plane_crops, shared
from napari_tweedie.widgets.compare.side_by_side import place
from napari_tweedie.widgets.compare.view import View
from napari_tweedie.widgets.layers.contrast import sampled
from napari_tweedie.widgets.layers.input import METADATA
from napari_tweedie.widgets.layers.result import result_layer

if TYPE_CHECKING:
    from napari.viewer import Viewer

SHARE = 99.5
"""Percentile of the absolute differences at which the colours are saturated."""


class Difference(View):
    """Shows each layer minus the reference, computed slice by slice as it is looked at, in limits symmetric about zero."""

    title = "Difference"
    key = "Alt-D"
    tip = "Show each layer minus the reference: magenta is below, white equal, green above."
    _zoomed: float = 1.0

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(viewer, parent)
        self._layers: list[Image] = []
        self.option = keep = QPushButton("Keep as a layer")
        keep.setToolTip("Leave the difference in the layer list when another view is chosen.")
        keep.clicked.connect(self.keep)

    def begin(self, layers: Sequence[Image]) -> None:
        self._layers = [difference(self.viewer, layers[0], layer) for layer in layers[1:]]
        limit = max(layer.contrast_limits[1] for layer in self._layers)
        for layer in layers:
            layer.visible = False
        for layer in self._layers:
            layer.contrast_limits = (-limit, limit)
            self.viewer.add_layer(layer)
            layer.name_overlay.visible = True
        if len(self._layers) > 1:
            self._zoomed = place(self.viewer, self._layers, 1, len(self._layers))

    def end(self) -> None:
        self.viewer.scene.camera.zoom /= self._zoomed
        self._zoomed = 1.0
        for layer in self._layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        self._layers = []

    def keep(self) -> None:
        """Leave the layers to the user."""
        for layer in self._layers:
            layer.name_overlay.visible = False
        self._layers = []


def difference(viewer: Viewer, reference: Image, layer: Image) -> Image:
    """Return a layer minus the reference, on the pixels that they share, computed where it is looked at.

    Raises
    ------
    ValueError
        If their pixels do not lie on each other.
    """
    of_reference, of_layer = shared(reference, layer)
    pixels = lazily(layer, of_layer) - lazily(reference, of_reference)
    larger, crop = (reference, of_reference) if reference.ndim > layer.ndim else (layer, of_layer)
    first, second = (plane(*pair) for pair in zip((reference, layer), plane_crops(viewer, reference, layer), strict=True))
    with np.errstate(invalid="ignore"):  # infinite in both
        apart = sampled(np.abs(second - first))
    limit = float(np.percentile(apart, SHARE)) if apart.size else 0.0
    limit = limit or 1.0
    made = result_layer(larger, pixels, "", crop.start, (1,) * larger.ndim, "difference")
    made.name = f"{shortened(layer.name)} − {shortened(reference.name)}"
    made.contrast_limits, made.blending = (-limit, limit), "translucent_no_depth"
    made.metadata = {METADATA: {"difference": [layer.name, reference.name]}}
    return made
