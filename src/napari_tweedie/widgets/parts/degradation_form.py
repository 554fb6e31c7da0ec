"""Degradation form: what happened to an image, one degradation after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QWidget

from napari_tweedie import degradations
from napari_tweedie.degradations import Degradation
from napari_tweedie.degradations.composition import Composition
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms.layout import column
from napari_tweedie.widgets.forms.method_form import WRITTEN, Chooser
from napari_tweedie.widgets.parts.psf_estimator import PsfEstimator

if TYPE_CHECKING:
    from napari.components import LayerList

MORE, LESS = "+ then another", "− only the first"


class Sequence(Chooser[Degradation]):
    """A choice of one degradation, or of two of which the second follows the first."""

    def __init__(self, layers: LayerList, chosen: str, then: str = "downsample") -> None:
        about = Recipe.model_fields["degradation"].description or ""
        super().__init__("Degradation", about, degradations.registry, chosen, layers)
        self.then = Chooser("Then", "What happened after it.", degradations.registry, then, layers)
        self.then.changed.connect(self.changed)
        self._then_advanced = QWidget()
        column(self._then_advanced).addWidget(self.then.advanced)
        self.more = QPushButton(MORE)
        self.more.setCheckable(True)
        self.more.setCursor(Qt.CursorShape.PointingHandCursor)
        self.more.setToolTip("One degradation after another: a blur and then coarser pixels, for example.")
        self.more.setObjectName("tweedie_fold")
        self.estimator = PsfEstimator(layers, super().method)
        self.estimator.found.connect(self._on_found)
        self.estimator.valued.connect(self._on_valued)
        self.combo.currentIndexChanged.connect(self._fit_estimator)
        self.layout().addWidget(self.estimator)
        self.layout().addWidget(self.then)
        self.layout().addWidget(self.more)
        self.more.toggled.connect(self._on_more)
        self._on_more(False)
        self._fit_estimator()

    def method(self) -> Degradation:
        """Return the chosen degradation, or the composition of both.

        Raises
        ------
        ValueError
            Also if both need an array of one name, and not the same one.
        """
        first = super().method()
        if not self.more.isChecked():
            return first
        ours, theirs = super().chosen_layers(), self.then.chosen_layers()
        for field in ours.keys() & theirs.keys():
            if ours[field] is not theirs[field]:
                raise ValueError(f"both degradations take the array {field!r}: choose the same layer for both")
        return self.then.method() @ first

    def fill(self, description: Mapping[str, Any]) -> None:
        composed = description["name"] == Composition.name
        super().fill(description["inner"] if composed else description)
        self.more.setChecked(composed)
        if composed:
            self.then.fill(description["outer"])

    def chosen_layers(self) -> dict[str, Layer]:
        return super().chosen_layers() | (self.then.chosen_layers() if self.more.isChecked() else {})

    def show_grey_unit(self, unit: str) -> None:
        super().show_grey_unit(unit)
        self.then.show_grey_unit(unit)

    def folded_parts(self) -> list[QWidget]:
        return [*super().folded_parts(), self._then_advanced]

    def kinds(self) -> tuple[type[Degradation], ...]:
        """Return the classes of what is chosen, the first first."""
        return (self.cls, self.then.cls) if self.more.isChecked() else (self.cls,)

    def _on_found(self, layer: Layer) -> None:
        """Choose a point-spread function that was found."""
        if "psf" in self.cls.inputs():
            chosen = self.editor("psf")
            chosen.set(layer)
            chosen.widget.pin()

    def _on_valued(self, name: str, value: float) -> None:
        """Write a value that was found into the form."""
        if name in self.editors():
            self.editor(name).set(value)

    def _fit_estimator(self) -> None:
        """Offer to estimate a point-spread function where one is asked for, or what of a model of it can be told from images."""
        from napari_tweedie.engine.blind_blur import unknowns

        found = {name: WRITTEN.get(name, name.capitalize()) for name in unknowns(self.cls)}
        self.estimator.offer(found if found or "psf" in self.cls.inputs() else None)

    def _on_more(self, more: bool) -> None:
        self.then.setVisible(more)
        self._then_advanced.setVisible(more)
        self.more.setText(LESS if more else MORE)
        self.changed.emit()
