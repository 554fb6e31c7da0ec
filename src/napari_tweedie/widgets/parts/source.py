"""Source: the layer that is worked on, and how its axes are read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QWidget

from napari_tweedie.images.axes import ROLES, Layout
from napari_tweedie.images.sources import as_picture
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import Rows
from napari_tweedie.widgets.layers.input import image_array, image_axes

if TYPE_CHECKING:
    from napari.components import LayerList

AXES_TIP = "One letter an axis: " + ", ".join(f"{letter} {meaning}" for letter, meaning in ROLES.items()) + "."


class Source(QWidget):
    """The image layer, the letters of its axes, and whether Z is depth."""

    changed = Signal()

    def __init__(self, layers: LayerList) -> None:
        super().__init__()
        self.layer = LayerCombo(layers, (Image,), follow=True)
        self.axes = QLineEdit()
        self.axes.setFixedWidth(80)
        self.shape = QLabel()
        self.volume = QCheckBox("treat Z as depth (3-D)")
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.axes)
        row.addWidget(self.shape, 1)
        both = QWidget()
        both.setLayout(row)
        self._rows = rows = Rows(self)
        rows.row("Layer", self.layer, "The image to work on; it stays as it is.")
        rows.row("Axes", both, AXES_TIP)
        rows.row("", self.volume, Recipe.model_fields["volume"].description or "")
        self.layer.changed.connect(self._on_layer)
        self.axes.textChanged.connect(self._on_axes)
        self.volume.toggled.connect(self._announce)
        self._on_layer()

    def image(self) -> Image | None:
        """Return the chosen layer."""
        return self.layer.value()

    def array(self) -> Any:
        """Return the pixels of the chosen layer."""
        return image_array(self.layer.value())

    def layout_of(self) -> Layout:
        """Return how the chosen layer will be cut into blocks.

        Raises
        ------
        ValueError
            If the axes do not describe it.
        """
        return Layout(self.axes.text(), tuple(self.array().shape), self.is_volume())

    def sizes(self) -> dict[str, Any]:
        """Return what the chosen layer says of its pixels, as fields of a recipe."""
        image, axes = self.layer.value(), self.axes.text()
        if image is None or len(axes) != self.array().ndim:
            return {}
        return replace(as_picture(image), axes=axes).sizes()

    def fill(self, recipe: Recipe) -> None:
        """Read the axes of the chosen layer as a recipe does, if it has as many."""
        image = self.image()
        if image is not None and len(recipe.axes) == self.array().ndim:
            self.axes.setText(recipe.axes)
        self.volume.setChecked(recipe.volume)

    def is_volume(self) -> bool:
        """Tell whether Z is to be treated as depth."""
        return bool(self.volume.isChecked() and "z" in self.axes.text())

    def _on_layer(self) -> None:
        image = self.image()
        blocked = self.axes.blockSignals(True)
        self.axes.setText("" if image is None else image_axes(image))
        self.axes.blockSignals(blocked)
        self.shape.setText("" if image is None else " × ".join(str(length) for length in self.array().shape))
        self._on_axes()

    def _on_axes(self, *_: object) -> None:
        self._rows.show_row(self.volume, "z" in self.axes.text())
        self._announce()

    def _announce(self, *_: object) -> None:
        self.changed.emit()
