"""What follows from samples: structure that they do not agree on, and the spread relative to the signal, as layers on demand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import METADATA, image_array
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.viewer import Viewer
    from numpy.typing import NDArray

PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
RED = "#e5484d"


class Derived(QWidget):
    """Two buttons, shown for as long as the mean, spread and samples of the latest run are open."""

    told = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.support = self._button(
            "Invented?",
            "Mark what the mean shows and the samples do not agree on: structure that the measurement does not support.",
        )
        self.relative = self._button("Relative std", "Add the standard deviation as a share of the signal above black.")
        self._made: dict[str, Image] = {}
        self._background = Background(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self.support, self.relative):
            row.addWidget(button)
        self.support.clicked.connect(self.mark_unsupported)
        self.relative.clicked.connect(self.add_relative)
        self._relay = Relay(viewer.layers.events.removed)
        self._relay.fired.connect(self._on_removed)
        self.hide()

    def take(self, made: Mapping[str, Image]) -> None:
        """Offer what follows from the layers of a run."""
        self._made = dict(made)
        self._on_removed()

    def mark_unsupported(self) -> None:
        """Add a layer of marks on the mean, computed in a thread."""
        from napari_tweedie.analysis.support import unsupported

        mean, samples = self._made["mean"], self._made["samples"]
        self.told.emit("Looking for structure that the samples do not agree on …")
        self._background.call(partial(unsupported, np.asarray(image_array(samples))), partial(self._show_marks, mean))

    def add_relative(self) -> None:
        """Add the standard deviation over the mean above black: a known offset of the camera, else 0."""
        mean, std = self._made["mean"], self._made["std"]
        black = black_of(mean.metadata.get(METADATA, {}))
        signal = np.asarray(image_array(mean)) - black
        share = np.divide(image_array(std), signal, out=np.full(signal.shape, np.nan, np.float32), where=signal > 0)
        layer = Image(share, name=f"{std.name}, relative", colormap=std.colormap, contrast_limits=(0, 1), **placed_as(std))
        layer.metadata[METADATA] = std.metadata.get(METADATA, {}) | {"result": "relative std", "black": black}
        if hasattr(layer, "colorbar"):
            layer.colorbar.visible = True
        self.viewer.add_layer(layer)
        self.told.emit(f"Standard deviation ÷ (mean − {black:.4g}).")

    def _show_marks(self, mean: Image, marks: NDArray[np.bool_] | Exception) -> None:
        if isinstance(marks, Exception):
            self.told.emit(f"{marks}.")
            return
        if mean not in self.viewer.layers:
            return
        name = f"{mean.name.rpartition(' · ')[0] or mean.name} · not supported"
        layer = Labels(marks.astype(np.uint8), name=name, colormap={0: "transparent", 1: RED, None: RED}, **placed_as(mean))
        self.viewer.add_layer(layer)
        share = 100 * float(marks.mean())
        self.told.emit(f"{share:.2g} % of the pixels show structure that the samples do not agree on; it is marked in red.")

    def _on_removed(self) -> None:
        self._made = {name: layer for name, layer in self._made.items() if layer in self.viewer.layers}
        self.setVisible({"mean", "std", "samples"} <= set(self._made))

    def _button(self, title: str, tip: str) -> QPushButton:
        button = QPushButton(title)
        button.setToolTip(tip)
        return button


def placed_as(layer: Image) -> dict[str, Any]:
    """Return where a layer lies."""
    return {name: getattr(layer, name) for name in PLACED}


def black_of(made: Mapping[str, Any]) -> float:
    """Return the grey level without light, by the noise model of a run where it has an offset, else 0."""
    return next((float(noise["offset"]) for noise in made.get("noise", []) if noise.get("offset") is not None), 0.0)
