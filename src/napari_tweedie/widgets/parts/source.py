"""Source: the layer that is worked on, and how its axes are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QWidget
from superqt import QElidingLabel

from napari_tweedie.images.axes import ROLES, Layout
from napari_tweedie.images.picture import Picture
from napari_tweedie.images.sources import of_layer
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import Rows
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import fingerprint, image_array
from napari_tweedie.widgets.layers.proposed_axes import Proposal, propose

if TYPE_CHECKING:
    from napari.components import LayerList

AXES_TIP = "One letter an axis: " + ", ".join(f"{letter} {meaning}" for letter, meaning in ROLES.items()) + "."

AXES_WIDTH = 54
"""Pixels that six letters take; the shape beside them is read whole in a narrow dock."""


class Source(QWidget):
    """The image layer, the letters of its axes, whether Z is depth, and whether planes beside one another help.

    Parameters
    ----------
    layers : LayerList
        Those to choose from.
    neighbours : bool
        Whether the job can use neighbouring planes.
    """

    changed = Signal()

    def __init__(self, layers: LayerList, neighbours: bool = False) -> None:
        super().__init__()
        self.layer = LayerCombo(layers, (Image,), follow=True)
        self.axes = QLineEdit()
        self.axes.setFixedWidth(AXES_WIDTH)
        self.shape = QElidingLabel()
        self.volume = QCheckBox("treat Z as depth")
        self.neighbours = QCheckBox()
        self._helps = neighbours
        self._proposed_help, self._said = False, "auto"
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
        rows.row("", self.neighbours, Recipe.model_fields["neighbours"].description or "")
        self._edits = 0
        self._proposed = Proposal("")
        self._relays: tuple[Relay, ...] = ()
        self._watched: Image | None = None
        self.layer.changed.connect(self._on_layer)
        self.axes.textChanged.connect(self._on_axes)
        self.volume.toggled.connect(self._on_axes)
        self.neighbours.toggled.connect(self._announce)
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
        """Return what the chosen layer, or else its file, says of its pixels, as fields of a recipe."""
        return {} if (picture := self._picture()) is None else picture.sizes()

    def notes(self) -> tuple[str, ...]:
        """Return what is odd about the chosen layer and its file, a sentence each."""
        return () if (picture := self._picture()) is None else picture.notes

    def state(self) -> tuple[object, ...]:
        """Return what changes with the layer, its pixels, and how they are read: what was measured of it holds as long."""
        image = self.layer.value()
        known = () if image is None else (id(image), self._edits, fingerprint(image))
        return (*known, self.axes.text(), self.is_volume())

    def neighbours_choice(self) -> str:
        """Return the recipe's `neighbours`: auto, or what a recipe said, unless the box was changed since."""
        said = self._proposed_help if self._said == "auto" else self._said != "none"
        if not (axis := self._axis()) or self.neighbours.isChecked() == said:
            return self._said
        return axis if self.neighbours.isChecked() else "none"

    def neighbours_help(self) -> bool:
        """Tell whether planes beside one another are to help."""
        return bool(self._axis()) and self.neighbours.isChecked()

    def _axis(self) -> str:
        """Return the axis along which planes could help; empty: none."""
        axes, image = self.axes.text(), self.image()
        if not self._helps or image is None or image.rgb or len(axes) != self.array().ndim or self.is_volume():
            return ""
        lengths = dict(zip(axes, self.array().shape, strict=True))
        return next((axis for axis in "tz" if lengths.get(axis, 1) > 1), "")

    def _propose_neighbours(self) -> None:
        """Show the axis along which planes help, ticked where that is the default."""
        axis = self._axis()
        words = {"t": "T: use nearby frames", "z": "Z: use nearby planes"}
        proposed = bool(axis) and (axis == "t" or len(self.sizes().get("spacing", ())) == 3)
        if self.neighbours.text() != words.get(axis, "") or proposed != self._proposed_help:
            self._proposed_help, self._said = proposed, "auto"
            self.neighbours.setText(words.get(axis, ""))
            blocked = self.neighbours.blockSignals(True)
            self.neighbours.setChecked(proposed)
            self.neighbours.blockSignals(blocked)
        self._rows.show_row(self.neighbours, bool(axis))

    def _picture(self) -> Picture | None:
        """Return what is known of the chosen layer with the axes of the form, if they are as many."""
        image, axes = self.layer.value(), self.axes.text()
        return of_layer(image, axes) if image is not None and len(axes) == self.array().ndim else None

    def fill(self, recipe: Recipe) -> None:
        """Read the axes of the chosen layer as a recipe does, if it has as many."""
        image = self.image()
        if image is not None and len(recipe.axes) == self.array().ndim:
            self.axes.setText(recipe.axes)
        self.volume.setChecked(recipe.volume)
        self._propose_neighbours()
        self._said = recipe.neighbours
        self.neighbours.setChecked(self._proposed_help if self._said == "auto" else self._said != "none")
        self._announce()

    def is_volume(self) -> bool:
        """Tell whether Z is to be treated as depth."""
        return bool(self.volume.isChecked() and "z" in self.axes.text())

    def _on_layer(self) -> None:
        self._watch()
        self._propose()
        self._on_axes()

    def _watch(self) -> None:
        """Follow what happens to the chosen layer; the one before is forgotten."""
        image = self._watched = self.image()
        if image is None:
            self._relays = ()
            return
        pixels, names, sizes = (
            Relay(image.events.data),
            Relay(image.events.axis_labels),
            Relay(image.events.scale, image.events.units, image.events.affine),
        )
        pixels.fired.connect(self._on_data)
        names.fired.connect(self._on_layer_axes)
        sizes.fired.connect(self._on_axes)
        self._relays = (pixels, names, sizes)

    def _propose(self) -> None:
        """Show the axes that the layer names, or those that are proposed for it, and why."""
        image = self.image()
        self._proposed = Proposal("") if image is None else propose(image, self.array())
        blocked = self.axes.blockSignals(True)
        self.axes.setText(self._proposed.axes)
        self.axes.blockSignals(blocked)
        self._show_shape()

    def _show_shape(self) -> None:
        image, why = self.image(), self._proposed.why if self.axes.text() == self._proposed.axes else ""
        shape = "" if image is None else " × ".join(str(length) for length in self.array().shape)
        self.shape.setText(f"{shape} · {why}" if why else shape)
        self.shape.setToolTip(f"The axes are proposed {why}: change the letters if they are others." if why else shape)

    def _on_data(self) -> None:
        self._edits += 1
        if self.image() is not None and self.array().ndim != len(self.axes.text()):
            self._propose()
        self._show_shape()
        self._on_axes()

    def _on_layer_axes(self) -> None:
        self._propose()
        self._on_axes()

    def _on_axes(self, *_: object) -> None:
        self._show_shape()
        self._rows.show_row(self.volume, "z" in self.axes.text())
        self._propose_neighbours()
        self._announce()

    def _announce(self, *_: object) -> None:
        self.changed.emit()
