"""Equivalent filter: the weights with which the denoiser averages the image into the pixel under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QTimer
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_tweedie.analysis.jacobian import equivalent_filter
from napari_tweedie.core.lazy import torch
from napari_tweedie.engine.blocks import Blocks
from napari_tweedie.images.axes import Layout
from napari_tweedie.widgets.forms.layout import column
from napari_tweedie.widgets.layers.contrast import fit_contrast
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.layers.result import result_layer
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_tweedie.recipe.recipe import Recipe
    from napari_tweedie.widgets.docks.panel import Panel

RADIUS = 32
"""How far around the cursor, in pixels, is looked."""
LEAST_NOISE = 1e-3
"""Noise level, as a share of the range, at which an image without noise is looked at."""
PAUSE_MS = 60
"""How long the cursor rests before the filter follows."""


class FilterAtCursor(QWidget):
    """A switch; while it is on, a small layer shows the equivalent filter of the pixel under the cursor."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.panel = panel
        self.viewer: Viewer = panel.viewer
        self.switch = QCheckBox("filter at the cursor")
        self.switch.setToolTip(
            "Equivalent filter: show with which weights the denoiser averages the image into the pixel under the cursor."
        )
        column(self).addWidget(self.switch)
        self.layer: Image | None = None
        self._pixel: tuple[int, ...] = ()
        self._background = Background(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._compute)
        self.switch.toggled.connect(self._on_switch)

    def follow(self, position: Any) -> None:
        """Show the filter of the pixel at a position in world coordinates, once the cursor rests."""
        image = self.panel.source.image()
        if image is None or image.rgb:
            return
        pixel = tuple(int(n) for n in np.rint(image.world_to_data(position)))
        if len(pixel) == image_array(image).ndim and all(
            0 <= n < length for n, length in zip(pixel, image_array(image).shape, strict=True)
        ):
            self._pixel = pixel
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        if not event.spontaneous():
            self.switch.setChecked(False)

    def _on_switch(self, on: bool) -> None:
        callbacks = self.viewer.mouse_move_callbacks
        if on and self._on_move not in callbacks:
            callbacks.append(self._on_move)
        elif not on:
            self.stop()

    def stop(self) -> None:
        """Follow the cursor no longer, and take the layer away."""
        if self._on_move in self.viewer.mouse_move_callbacks:
            self.viewer.mouse_move_callbacks.remove(self._on_move)
        self._timer.stop()
        self._background.forget()
        if self.layer is not None and self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)
        self.layer = None

    def _on_move(self, viewer: Viewer, event: Any) -> None:
        self.follow(event.position)

    def _compute(self) -> None:
        image, pixel = self.panel.source.image(), self._pixel
        try:
            recipe = self.panel.recipe(device="cpu")
        except ValueError:
            return
        if image is not None:
            array = image_array(image)
            self._background.call(lambda: filter_at(array, recipe, pixel), lambda found: self._show(image, found))

    def _show(self, image: Image, found: Any) -> None:
        if isinstance(found, Exception) or not self.switch.isChecked() or image not in self.viewer.layers:
            return
        weights, start = found
        made = result_layer(image, weights, "filter at the cursor", start, (1.0,) * weights.ndim, "difference")
        fit_contrast(made, "difference")
        if self.layer is None or self.layer not in self.viewer.layers:
            active = self.viewer.layers.selection.active
            self.layer = self.viewer.add_layer(made)
            self.viewer.layers.selection.active = active
            return
        self.layer.data = made.data
        self.layer.translate = made.translate
        self.layer.contrast_limits = made.contrast_limits


def filter_at(array: Any, recipe: Recipe, pixel: tuple[int, ...]) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Return the weights around a pixel, with as many axes as the image, and the pixel at which they begin."""
    blocks = Blocks(array, recipe.model_copy(update={"volume": False, "job": "inspect"}))
    axes = blocks.layout.axes
    spatial = [axes.index("y"), axes.index("x")]
    channel = blocks.channel(tuple(n for axis, n in enumerate(pixel) if axis not in spatial))
    around = [2 * RADIUS if axis in spatial else 0 for axis in range(len(axes))]
    first = [max(0, n - more) for n, more in zip(pixel, around, strict=True)]
    crop = array[tuple(slice(begin, n + more + 1) for begin, n, more in zip(first, pixel, around, strict=True))]
    block = Layout(axes, crop.shape).read(crop, (0,) * (len(axes) - 2))
    x = torch.from_numpy(channel.intensity.forward(block))[None]
    inside = tuple(pixel[axis] - first[axis] for axis in spatial)
    sigma = max(channel.level, LEAST_NOISE)
    found = equivalent_filter(recipe.denoiser, x, sigma, inside, RADIUS)
    for axis, place in zip(spatial, found.patch, strict=True):
        first[axis] += place.start
    sizes = dict(zip(spatial, found.weights.shape[1:], strict=True))
    weights = np.zeros([sizes.get(axis, 1) for axis in range(len(axes))], np.float32)
    Layout(axes, weights.shape).write(weights, (0,) * (len(axes) - 2), found.weights.numpy())
    return weights, tuple(first)
