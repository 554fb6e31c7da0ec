"""Measure dock: numbers of regions and profiles along lines, each with an interval, of a denoised image or from samples."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_tweedie.analysis.regions import Regions
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import Message, arrange, focus_style, heading, one_row
from napari_tweedie.widgets.forms.method_form import Form
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot
from napari_tweedie.widgets.layers.denoised import Denoised, was_denoised
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import grey_unit
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.layers.regions import regions_on, write_features
from napari_tweedie.widgets.layers.samples import Samples, holds_samples
from napari_tweedie.widgets.parts.doors import open_dock
from napari_tweedie.widgets.parts.help_button import HelpButton
from napari_tweedie.widgets.parts.region_table import RegionTable
from napari_tweedie.widgets.runs.background import Background
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.widgets.layers.samples import Found

ABOUT = "Measure regions and lines, each number with an interval."
TERM = (
    "Pixels err together, so intervals of pixels say nothing about a region. Of a denoised image the covariance of its errors "
    "tells how sure a mean or an integrated intensity is; areas and counts are computed on every sample of the posterior."
)
NOTHING = "Denoise the image; or, for areas and counts, press How sure?, run it, and come back."
NO_REGIONS = "Outline regions: press Draw, or choose a Labels or Shapes layer."
PAUSE_MS = 300
"""How long regions stay as they are before they are measured."""
LINE_WIDTH = 0.005
"""Width of the outlines that are drawn, relative to the image."""


class Measure(QWidget):
    """The dock *Measure*. It keeps up with the regions as they are drawn, moved and painted."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        layers = napari_viewer.layers
        self.samples = LayerCombo(layers, (Image,), accepts=lambda layer: holds_samples(layer) or was_denoised(layer))
        self.regions = LayerCombo(layers, (Labels, Shapes))
        self.draw = QPushButton("Draw")
        self.draw.setToolTip("Add a layer to draw regions in: rectangles, ellipses, polygons; lines for profiles.")
        self.form = Form(Regions, ["threshold", "level"], layers)
        self.table = RegionTable()
        self.profile = Plot(y_label="grey level")
        self.sample = QPushButton("How sure?")
        self.sample.setToolTip("Open the dock that draws samples of the posterior.")
        self.save = QPushButton("Save table …")
        self.save.setToolTip("Write all quantities, intervals and distributions as comma-separated values.")
        self.attach = QPushButton("Add to layer")
        self.attach.setToolTip("Put the numbers into the features of the layer of regions, those of the frame that is seen.")
        self.message = Message()
        self.found: Found | None = None
        """What was measured last; None while something is missing."""
        self._kept: Denoised | None = None
        self._background = Background(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._heard: Relay | None = None
        self._arrange()
        self._connect()
        self._on_layers()

    # Measuring.

    def draw_regions(self) -> None:
        """Add a layer to draw regions in, or take up the chosen one."""
        shapes, image = self.regions.value(), self.samples.value()
        if not isinstance(shapes, Shapes):
            where = (
                {} if image is None else {"scale": image.scale[-2:], "translate": image.translate[-2:], "units": image.units[-2:]}
            )
            numbered = {"features": {"number": np.zeros(0, int)}, "text": {"string": "{number}", "color": COLOURS[1]}}
            shapes = Shapes(ndim=2, name="regions", **numbered, **where)
            shapes.feature_defaults = {"number": 1}
            shapes.current_face_color, shapes.current_edge_color = "transparent", COLOURS[1]
            seen = np.ptp(self.viewer.layers.extent.world, axis=0)[-2:].max() / np.min(shapes.scale)
            shapes.current_edge_width = max(LINE_WIDTH * seen, 1e-3)
            self.viewer.add_layer(shapes)
            self.regions.set_value(shapes)
            self.regions.pin()
        self.viewer.layers.selection.active = shapes
        shapes.mode = "add_rectangle"

    def _measure(self) -> None:
        """Measure in a thread what is chosen now."""
        layer, regions = self.samples.value(), self.regions.value()
        told = NOTHING if layer is None else NO_REGIONS if regions is None else ""
        if told or RUNS.job is not None:
            self._show_nothing(told)
            return
        try:
            samples = self._source_of(layer)
            outlined = regions_on(regions, layer, samples.shape, samples.axes)
        except ValueError as error:
            self._show_nothing(sentence(error))
            return
        if not outlined.labels.any() and not outlined.lines:
            self._show_nothing(NO_REGIONS)
            return
        wanted, frame = self.form.values(), samples.frame(layer, self.viewer.dims.point)
        self._background.call(partial(samples.measure, outlined, frame=frame, **wanted), self._show)

    def _source_of(self, layer: Image) -> Samples | Denoised:
        """Return what a layer is measured by; what is known of a denoised one is kept until another is chosen."""
        if holds_samples(layer):
            return Samples.of(layer)
        found = Denoised.of(layer, self.viewer.layers)
        if self._kept is None or not found.is_same(self._kept):
            self._kept = found
        return self._kept

    def _show(self, found: Found | Exception) -> None:
        if isinstance(found, Exception):
            self._show_nothing(sentence(found))
            return
        self.found = found
        self.table.show_quantities(found.quantities)
        self.message.show_text(" ".join(found.notes))
        self.profile.setVisible(bool(found.profiles))
        self.profile.x_label = f"distance ({found.unit})"
        unit = grey_unit(self.samples.value())
        self.profile.y_label = unit or "grey level"
        self.profile.show_curves(
            [
                Curve(f"line {number}", line.distance, line.mean, colour, band=np.array([line.lower, line.upper]))
                for (number, line), colour in zip(found.profiles.items(), COLOURS, strict=False)
            ]
        )
        self._mark()

    def _show_nothing(self, told: str) -> None:
        self.found = None
        self._background.forget()
        self.table.show_quantities([])
        self.profile.hide()
        self.message.show_text(told)
        self._mark()

    # What to do with the numbers.

    def write_csv(self, path: Path) -> None:
        """Write the table."""
        from napari_tweedie.analysis.measurements import as_csv

        if self.found is not None:
            path.write_text(as_csv(self.found.quantities), encoding="utf-8")
            self.message.show_text(f"{len(self.found.quantities)} numbers were written to {path}.")

    def add_features(self) -> None:
        """Put the numbers into the features of the layer of regions."""
        regions = self.regions.value()
        if self.found is not None and self.found.quantities and isinstance(regions, Labels | Shapes):
            frame = self.found.frame
            write_features(regions, self.found.quantities, frame)
            which = f" of frame {' '.join(map(str, frame))}" if frame else ""
            self.message.show_text(f"The numbers{which} are in the features of {regions.name!r}: see its features table.")

    def _ask_where(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the table", "measurements.csv", "*.csv")
        if chosen:
            self.write_csv(Path(chosen))

    def _mark(self) -> None:
        measured = self.found is not None and bool(self.found.quantities)
        for button in (self.save, self.attach):
            button.setEnabled(measured)
        layer = self.samples.value()
        self.sample.setVisible(layer is None or (not holds_samples(layer) and self.form.values()["threshold"] is not None))

    # Layout and signals.

    def _arrange(self) -> None:
        none = self.form.editors["threshold"].widget.automatic
        none.setText("none")
        none.setToolTip("Neither area nor objects are measured; untick to give a grey level.")
        both, foot = QWidget(), QWidget()
        for row, parts in ((both, (self.regions, self.draw)), (foot, (self.save, self.attach, HelpButton("uncertainty", self)))):
            inside = QHBoxLayout(row)
            inside.setContentsMargins(0, 0, 0, 0)
            for part in parts:
                inside.addWidget(part, 1 if part is self.regions else 0)
        rows = [
            one_row(
                "Measured on", self.samples, "A denoised image; or what the dock How sure? has made, or samples that were opened."
            ),
            self.sample,
            one_row("Regions", both, "Labels, or shapes; shapes hold for all planes and frames, and lines are profiles."),
        ]
        arrange(self, [heading(ABOUT, TERM), *rows, self.form, self.message, self.table, self.profile], foot)

    def _connect(self) -> None:
        self.samples.changed.connect(self._on_layers)
        self.regions.changed.connect(self._on_layers)
        self.form.changed.connect(self._pause.start)
        self._pause.timeout.connect(self._measure)
        self.draw.clicked.connect(self.draw_regions)
        self.sample.clicked.connect(lambda: open_dock(self.viewer, "How sure?"))
        self.save.clicked.connect(self._ask_where)
        self.attach.clicked.connect(self.add_features)
        self._moved = Relay(self.viewer.dims.events.current_step, self.viewer.layers.events.removed)  # perhaps what was denoised
        self._themed = Relay(self.viewer.events.theme)
        self._moved.fired.connect(self._pause.start)
        self._themed.fired.connect(self._on_theme)
        RUNS.changed.connect(self._pause.start)
        self._on_theme()

    def _on_layers(self) -> None:
        regions = self.regions.value()
        self._heard = None if regions is None else Relay(*_edits(regions))
        if self._heard is not None:
            self._heard.fired.connect(self._on_drawn)
        image = self.samples.value()
        if image is not None:
            self.form.show_grey_unit(grey_unit(image))
        self._on_drawn()

    def _on_drawn(self) -> None:
        regions = self.regions.value()
        if isinstance(regions, Shapes) and "number" in regions.features:
            numbers = np.arange(1, len(regions.data) + 1)
            if list(regions.features["number"]) != list(numbers):
                regions.features["number"] = numbers
                regions.refresh_text()
            regions.feature_defaults = {"number": len(numbers) + 1}
        self._pause.start()

    def _on_theme(self) -> None:
        self.setStyleSheet(focus_style(self.viewer.theme))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self._pause.start()


def _edits(layer: Layer) -> list[Any]:
    """Return the events of a layer that tell that its regions have changed."""
    names = ("data", "set_data", "paint", "labels_update")
    return [getattr(layer.events, name) for name in names if name in layer.events.emitters]
