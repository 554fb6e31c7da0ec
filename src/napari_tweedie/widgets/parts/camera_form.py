"""Camera form: maps of a camera made from open layers of its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QListWidget, QListWidgetItem, QPushButton, QWidget

from napari_tweedie.engine.camera import camera_maps
from napari_tweedie.images.camera import PLANES
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import Fold, column, one_row
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import METADATA, image_array
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_tweedie.analysis.camera_maps import CameraMaps

NAME = "camera maps"
"""Name of the layer that is made."""
LINES = 4
DARK_TIP = "Frames without light, N planes along the first axis: 100 and more are good."
FLAT_TIP = "Frames of even light: tick a layer for every intensity. The brightest should be at about half of what saturates."


class CameraForm(QWidget):
    """Layers of dark and flat frames to choose, folded, and a button that makes a layer of maps of them.

    Parameters
    ----------
    layers : LayerList
        The layers of a viewer.
    """

    def __init__(self, layers: LayerList) -> None:
        super().__init__()
        self._layers = layers
        self._offered: list[Image] = []
        self.dark = LayerCombo(layers, (Image,), wanted="dark")
        self.flats = QListWidget()
        self.flats.setMaximumHeight(LINES * self.flats.fontMetrics().height() + 8)
        self.button = QPushButton("Make camera maps")
        self.button.setToolTip("Measure offset, gain and read noise of every pixel, and add them as a layer of three planes.")
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.hide()
        self._background = Background(self)
        rows = column(self)
        frames = [one_row("Dark frames", self.dark, DARK_TIP), one_row("Flat frames", self.flats, FLAT_TIP)]
        rows.addWidget(Fold("Make camera maps", [*frames, self.button]))
        rows.addWidget(self.told)  # below the fold, which would not grow with it
        self.button.clicked.connect(self.make)
        self._relays = [Relay(event) for event in (layers.events.inserted, layers.events.removed, layers.events.renamed)]
        for relay in self._relays:
            relay.fired.connect(self._list)
        self._list()

    def chosen(self) -> list[Image]:
        """Return the layers that are ticked."""
        items = [self.flats.item(n) for n in range(self.flats.count())]
        ticks = [item is not None and item.checkState() == Qt.CheckState.Checked for item in items]
        return [layer for layer, ticked in zip(self._offered, ticks, strict=True) if ticked and layer in self._layers]

    def make(self) -> None:
        """Make the maps, in a thread."""
        dark, flats = self.dark.value(), self.chosen()
        if dark is None or not flats:
            self._tell("Choose the layer of dark frames, and tick those of flat frames.")
            return
        frames = [image_array(layer) for layer in (dark, *flats)]
        self.button.setEnabled(False)
        self._tell("measuring …")
        self._background.call(lambda: camera_maps(frames[0], frames[1:]), self._add)

    def _add(self, found: CameraMaps | Exception) -> None:
        self.button.setEnabled(True)
        if isinstance(found, Exception):
            self._tell(sentence(found))
            return
        facts = {"planes": list(PLANES), "errors": found.errors, "notes": found.notes}
        self._layers.append(Image(found.maps, name=NAME, metadata={METADATA: facts}))
        self._tell(" ".join(found.notes))

    def _tell(self, text: str) -> None:
        self.told.setText(text)
        self.told.setVisible(bool(text))

    def _list(self) -> None:
        """Offer the open image layers that are stacks; what was ticked stays ticked."""
        ticked = self.chosen()
        images = [layer for layer in self._layers if isinstance(layer, Image) and layer.ndim >= 3 and not layer.rgb]
        self._offered = [layer for layer in images if METADATA not in layer.metadata]
        self.flats.clear()
        for layer in self._offered:
            item = QListWidgetItem(layer.name, self.flats)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if layer in ticked else Qt.CheckState.Unchecked)
