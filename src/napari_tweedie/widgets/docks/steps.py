"""Steps dock: several recipes on a layer, each on the result of the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtWidgets import QWidget

from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.method_form import Chooser
from napari_tweedie.widgets.layers.crop import Crop, visible_crop
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.parts.step_list import StepList

if TYPE_CHECKING:
    from napari.layers import Image, Layer
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
        self.list.list.setAccessibleName("Steps")
        self.list.list.setToolTip(TIP)
        super().__init__(napari_viewer)
        self.settings.hide()  # every step has its own
        self.source.volume.setEnabled(False)
        self.source.volume.hide()
        self.list.told.connect(self.bar.tell)

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.list.changed.connect(self._on_edit)
        return {}

    def _parts(self) -> list[QWidget]:
        return [self.list]

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

    def _visible(self, recipe: Recipe, image: Image, side: int | None = None) -> tuple[Crop, Recipe]:
        """Return the part of a layer that is seen, with all frames or planes of which a step takes the mean, and the recipe."""
        shape, first = image_array(image).shape, recipe.steps[0]
        if first.inverts and not first.degradation.is_image:
            return Crop.whole(shape), recipe
        deep, flat = any(step.volume for step in recipe.steps), self.viewer.dims.ndisplay == 2
        crop = visible_crop(image, self.viewer.dims.point, recipe.axes, deep, flat=flat, side=side)
        means = [step.along for step in recipe.steps if step.job == "average"]
        return crop.with_all_along("".join(means), recipe.axes, shape), recipe

    def check(self) -> None:
        if self.source.image() is not None:
            self.list.layers()
        super().check()

    def wrong_dock(self, recipe: Recipe) -> str:
        return ""

    def _measure(self) -> None:
        """Leave the noise to the run: what later steps take for it is not that of the layer."""
