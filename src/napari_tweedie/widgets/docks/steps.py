"""Steps dock: several recipes on a layer, each on the result of the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtWidgets import QWidget

from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.layout import one_row
from napari_tweedie.widgets.forms.method_form import Chooser
from napari_tweedie.widgets.parts.step_list import StepList

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

TIP = "What is done, from top to bottom; each step is told what noise the one before left. Arrays come from layers by name."


class Steps(Panel):
    """The dock *Steps*: a recipe of several steps is put together, run and stored."""

    job: ClassVar[JobName] = "average"
    page: ClassVar[str] = "several-steps"
    remembers = False
    doing = "Step by step"
    about = "Do several things one after the other."
    term = "A recipe of several steps, each on the result of the one before."

    def __init__(self, napari_viewer: Viewer) -> None:
        self.list = StepList(napari_viewer.layers)
        super().__init__(napari_viewer)
        self.bar.preview.hide()
        self.settings.hide()  # every step has its own
        self.source.volume.setEnabled(False)
        self.source.volume.hide()
        self.list.told.connect(self.bar.tell)

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.list.changed.connect(self._on_edit)
        return {}

    def _parts(self) -> list[QWidget]:
        return [one_row("Steps", self.list, TIP)]

    def _further(self) -> list[QWidget]:
        return []

    def chosen_layers(self) -> dict[str, Layer]:
        return self.list.layers()

    def recipe(self, **changes: Any) -> Recipe:
        known = {"axes": self.source.axes.text(), "device": self.device.currentText()}
        return self.list.recipe().model_copy(update={**known, **self.source.sizes(), **changes})

    def fill(self, recipe: Recipe) -> None:
        self.list.clear()
        self.list.add(recipe)
        self.device.setCurrentText(recipe.device)

    def check(self) -> None:
        if self.source.image() is not None:
            self.list.layers()
        super().check()

    def wrong_dock(self, recipe: Recipe) -> str:
        return ""

    def _measure(self) -> None:
        """Leave the noise to the run: what later steps take for it is not that of the layer."""
