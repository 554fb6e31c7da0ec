"""Decompose dock: a layer taken apart into bands, and put together again."""

from __future__ import annotations

from typing import Any, ClassVar

from qtpy.QtWidgets import QWidget

from napari_tweedie.analysis.decomposition import Decomposition
from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.parts.band_mixer import Recombine

FIELDS = ("levels", "ladder", "start", "ratio")


class Decompose(Panel):
    """The dock *Take apart*: bands of detail above a smooth base, and a slider for each to recombine them."""

    job: ClassVar[JobName] = "decompose"
    page: ClassVar[str] = "how-it-works/decomposition"
    doing = "Taking apart"
    about = "Take the image apart into fine and coarse detail, and mix it anew."
    term = "Decomposition: bands of detail above a smooth base, which add up to the image."

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.decomposition = Form(Decomposition, FIELDS, self.viewer.layers)
        self.decomposition.editors["start"].widget.automatic.setText("noise")
        self.decomposition.editors["start"].widget.automatic.setToolTip("The noise level of the layer; untick to give a value.")
        self.recombine = Recombine(self.viewer)
        self.decomposition.changed.connect(self._on_edit)
        return super()._choosers()

    def _parts(self) -> list[QWidget]:
        return [self.recombine]

    def _further(self) -> list[QWidget]:
        return [self.decomposition, *super()._further()]

    def recipe(self, **changes: Any) -> Recipe:
        return super().recipe(**{"decomposition": self.decomposition.values(), **changes})

    def fill(self, recipe: Recipe) -> None:
        self.decomposition.fill(dict(recipe.decomposition))
        super().fill(recipe)

    def _on_edit(self, *changed: object) -> None:
        self.decomposition.show_row("ratio", self.decomposition.editors["ladder"].get() == "geometric")
        super()._on_edit(*changed)

    def _on_ended(self, text: str) -> None:
        if self._run is not None and self._run.is_complete:
            self.recombine.take(self._run.layers.by_name)
        super()._on_ended(text)
