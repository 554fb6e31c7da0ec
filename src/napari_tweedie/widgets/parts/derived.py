"""What follows from the spread of a result, as layers on demand: outlines, shares of the signal, what is invented, a film."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import Signal
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget

from napari_tweedie.images.titles import source_of, titled
from napari_tweedie.widgets.layers.colours import label_colours
from napari_tweedie.widgets.layers.contrast import fit_contrast
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import METADATA, grey_unit, image_array, made_of
from napari_tweedie.widgets.layers.result import show_scale
from napari_tweedie.widgets.parts.cycle import Cycle
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.viewer import Viewer
    from numpy.typing import NDArray

PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
RED, AMBER = "#e5484d", "#ffb224"
LINE = 2
"""Width of an outline, in pixels of the layer."""
PLAY, STOP = "Play samples", "Stop"


class Derived(QWidget):
    """Buttons, each shown for as long as the layers of the latest run that it needs are open."""

    told = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.outline = self._button("Uncertain here", "Outline the tenth of the pixels that the result is least sure of.")
        self.relative = self._button(
            "Relative std", "Add the standard deviation as a share of the signal above black, without the ground."
        )
        self.support = self._button(
            "Invented?",
            "Mark what the mean shows and the samples do not agree on: structure that the measurement does not support.",
        )
        self.play = self._button(PLAY, "Show the samples one after another: what moves is not known, what stays is.")
        self._needs = {
            self.outline: {"shown", "std"},
            self.relative: {"shown", "std"},
            self.support: {"mean", "samples"},
            self.play: {"samples"},
        }
        self._made: dict[str, Image] = {}
        self._background = Background(self)
        self.cycle = Cycle(viewer)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, button in enumerate(self._needs):
            grid.addWidget(button, place // 2, place % 2)
        self.outline.clicked.connect(self.outline_least_sure)
        self.support.clicked.connect(self.mark_unsupported)
        self.relative.clicked.connect(self.add_relative)
        self.play.clicked.connect(self.play_samples)
        self.cycle.stopped.connect(self._on_stopped)
        self._relay = Relay(viewer.layers.events.removed)
        self._relay.fired.connect(self._on_removed)
        self.hide()

    def take(self, made: Mapping[str, Image]) -> None:
        """Offer what follows from the layers of a run; the first of them is the result."""
        self.cycle.stop()
        self._made = {**dict(made), "shown": next(iter(made.values()))} if made else {}
        self._on_removed()

    def outline_least_sure(self) -> None:
        """Add a layer of outlines, computed in a thread."""
        from napari_tweedie.analysis.least_sure import least_sure

        spread = np.asarray(image_array(self._made["std"]))
        self._background.call(partial(least_sure, spread), partial(self._show_outlines, self._made["std"]))

    def mark_unsupported(self) -> None:
        """Add a layer of marks on the mean, computed in a thread."""
        from napari_tweedie.analysis.support import unsupported

        mean, samples = self._made["mean"], self._made["samples"]
        self.told.emit("Looking for structure that the samples do not agree on …")
        self._background.call(partial(unsupported, np.asarray(image_array(samples))), partial(self._show_marks, mean))

    def add_relative(self) -> None:
        """Add the standard deviation over the result above black: a known offset of the camera, else 0.

        Where it is not less than that signal, as on black ground, it is a share of nothing, and the layer is empty.
        """
        shown, std = self._made["shown"], self._made["std"]
        black = black_of(made_of(shown))
        share = relative(np.asarray(image_array(std)), np.asarray(image_array(shown)) - black)
        layer = Image(
            share,
            name=titled(source_of(std.name), "relative std"),
            colormap=std.colormap,
            contrast_limits=(0, 1),
            **placed_as(std),
        )
        fit_contrast(layer, "spread")
        layer.metadata[METADATA] = made_of(std) | {"result": "relative std", "black": black}
        show_scale(layer)
        self.viewer.add_layer(layer)
        self.told.emit(f"Standard deviation ÷ (mean − {black:.4g}); empty where there is nothing but ground.")

    def play_samples(self) -> None:
        """Show the samples one after another, or end that."""
        if self.cycle.is_on:
            self.cycle.stop()
            return
        self.cycle.start(self._made["samples"])
        self.play.setText(STOP)
        self.told.emit("What moves from sample to sample is not known; what stays, the measurement says.")

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        if not event.spontaneous():
            self.cycle.stop()

    def _on_stopped(self) -> None:
        self.play.setText(PLAY)

    def _show_outlines(self, std: Image, found: tuple[NDArray[np.bool_], float] | Exception) -> None:
        if isinstance(found, Exception):
            self.told.emit(f"{found}.")
            return
        marks, limit = found
        layer = self._add_labels(std, marks, "uncertain here", AMBER)
        if layer is not None:
            layer.contour = LINE
            above = f"{limit:.3g} {grey_unit(std)}".rstrip()
            self.told.emit(f"Outlined: where the result is least sure, with a standard deviation above {above}.")

    def _show_marks(self, mean: Image, marks: NDArray[np.bool_] | Exception) -> None:
        if isinstance(marks, Exception):
            self.told.emit(f"{marks}.")
            return
        if self._add_labels(mean, marks, "not supported", RED) is not None:
            share = 100 * float(marks.mean())
            self.told.emit(f"{share:.2g} % of the pixels show structure that the samples do not agree on; it is marked in red.")

    def _add_labels(self, place: Image, marks: NDArray[np.bool_], what: str, colour: str) -> Labels | None:
        """Add marks in one colour, where a layer lies; nothing if that is gone."""
        if place not in self.viewer.layers:
            return None
        name = titled(source_of(place.name), what)
        layer = Labels(marks.astype(np.uint8), name=name, colormap=label_colours([colour]), **placed_as(place))
        self.viewer.add_layer(layer)
        return layer

    def _on_removed(self) -> None:
        self._made = {name: layer for name, layer in self._made.items() if layer in self.viewer.layers}
        for button, needs in self._needs.items():
            button.setVisible(needs <= set(self._made))
        self.setVisible(any(needs <= set(self._made) for needs in self._needs.values()))

    def _button(self, title: str, tip: str) -> QPushButton:
        button = QPushButton(title)
        button.setToolTip(tip)
        return button


def relative(std: NDArray[Any], signal: NDArray[Any]) -> NDArray[np.float32]:
    """Return standard deviations as shares of a signal; NaN where it does not exceed them."""
    empty = np.full(signal.shape, np.nan, np.float32)
    return np.divide(std, signal, out=empty, where=signal > std)


def placed_as(layer: Image) -> dict[str, Any]:
    """Return where a layer lies."""
    return {name: getattr(layer, name) for name in PLACED}


def black_of(made: Mapping[str, Any]) -> float:
    """Return the grey level without light, by the noise model of a run where it has an offset, else 0."""
    return next((float(noise["offset"]) for noise in made.get("noise", []) if noise.get("offset") is not None), 0.0)
