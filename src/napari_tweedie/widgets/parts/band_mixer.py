"""Band mixer: the bands of a decomposition weighed and added up again, while the user looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QWidget
from superqt import QLabeledDoubleSlider

from napari_tweedie.analysis.decomposition import PRESETS, preset, recombine
from napari_tweedie.images.titles import source_of, titled
from napari_tweedie.widgets.forms.layout import Rows, shrinkable
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import METADATA

if TYPE_CHECKING:
    from napari.viewer import Viewer

LARGEST_WEIGHT = 3.0
LIVE_PIXELS = 2**22
"""Larger layers are recombined in the shown slice while a slider moves, and everywhere once it is let go."""
CUSTOM = "custom"


class Recombine(QWidget):
    """A slider a band and one for the base; their sum is a layer that follows the sliders."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.presets = QComboBox()
        shrinkable(self.presets)
        self.presets.addItems([*PRESETS, CUSTOM])
        self.presets.activated.connect(self._on_preset)
        self.sliders: dict[str, QLabeledDoubleSlider] = {}
        self._parts: dict[str, Image] = {}
        self._result: Image | None = None
        self._rows = Rows(self)
        self._rows.row("Recombine", self.presets, "Weights of the bands: one of these, or set every slider by hand.")
        self._relay = Relay(viewer.layers.events.removed)
        self._relay.fired.connect(self._on_removed)
        self.hide()

    def take(self, parts: dict[str, Image]) -> None:
        """Recombine these layers from now on: the base first, then the bands, fine to coarse."""
        self._forget()
        base, *bands = parts
        self._parts = parts
        for name in [*bands, base]:
            slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
            slider.setRange(0, LARGEST_WEIGHT)
            slider.setDecimals(2)
            slider.setValue(1)
            slider.valueChanged.connect(self._on_slide)
            slider.sliderReleased.connect(self._on_release)
            self.sliders[name] = slider
            self._rows.row(name.capitalize(), slider, f"Weight of {name} in the sum; 1 leaves it as it is.")
        self.show()

    def weights(self) -> list[float]:
        """Return the weights: of the bands, fine to coarse, then of the base."""
        return [float(slider.value()) for slider in self.sliders.values()]

    def set_weights(self, weights: list[float]) -> None:
        """Move the sliders and recombine."""
        for slider, weight in zip(self.sliders.values(), weights, strict=True):
            blocked = slider.blockSignals(True)
            slider.setValue(weight)
            slider.blockSignals(blocked)
        self._update(whole=True)

    def _on_preset(self, _: int) -> None:
        if self.presets.currentText() != CUSTOM:
            self.set_weights(preset(self.presets.currentText(), len(self.sliders) - 1))

    def _on_slide(self, _: float) -> None:
        self.presets.setCurrentText(CUSTOM)
        self._update(whole=False)

    def _on_release(self) -> None:
        self._update(whole=True)

    def _update(self, whole: bool) -> None:
        base, *bands = self._parts.values()
        layer = self._layer(base)
        place = (slice(None),) * base.data.ndim if whole or base.data.size <= LIVE_PIXELS else self._shown_slice(base)
        layer.data[place] = recombine([band.data[place] for band in bands], base.data[place], self.weights())
        layer.metadata[METADATA]["weights"] = self.weights()
        layer.refresh()

    def _layer(self, base: Image) -> Image:
        """Return the layer of the sum, a new one if there is none."""
        if self._result is None:
            _, state, kind = base.as_layer_data_tuple()
            own = dict(base.metadata[METADATA])
            state |= {"name": titled(source_of(base.name), "recombined"), "metadata": {METADATA: own | {"result": "recombined"}}}
            layer: Any = Layer.create(np.zeros_like(base.data), state, kind)
            self._result = self.viewer.add_layer(layer)
        return self._result

    def _shown_slice(self, base: Image) -> tuple[Any, ...]:
        shown = self.viewer.dims.displayed[-base.ndim :]
        offset = self.viewer.dims.ndim - base.ndim
        point = np.rint(base.world_to_data(self.viewer.dims.point)).astype(int)
        return tuple(
            slice(None) if axis + offset in shown else int(np.clip(point[axis], 0, base.data.shape[axis] - 1))
            for axis in range(base.data.ndim)
        )

    def _on_removed(self) -> None:
        """Forget the sum that was removed; stop when a band was."""
        layers = self.viewer.layers
        if self._result is not None and self._result not in layers:
            self._result = None
        if any(part not in layers for part in self._parts.values()):
            self._forget()

    def _forget(self) -> None:
        for slider in self.sliders.values():
            self._rows.removeRow(slider)
        self.sliders, self._parts, self._result = {}, {}, None
        self.presets.setCurrentIndex(0)
        self.hide()
