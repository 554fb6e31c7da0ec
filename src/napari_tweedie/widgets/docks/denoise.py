"""Denoise dock: a layer denoised."""

from __future__ import annotations

from typing import Any, ClassVar

from napari.layers import Image
from napari.settings import get_settings
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.field_error import FieldError
from napari_tweedie.widgets.forms.layout import Fold, one_row
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.layers.lazy_layer import lazy_layer, shown_crop
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.parts.derived import Derived
from napari_tweedie.widgets.parts.removed import Removed
from napari_tweedie.widgets.runs.background import Background

PROBES = 8
"""Of the standard deviation; each takes as long as denoising, which is done twice besides, unless its errors were learnt."""
STD_TIP = (
    "Add a layer of how uncertain every pixel is: the standard deviation of its error. U-Net and its small sister have learnt it "
    f"and hardly take longer; of other denoisers it follows from the Jacobian and takes about {PROBES + 2} times as long."
)
ASYNC = "Preferences › Experimental › Render Layers Asynchronously"
LAZY_TIP = (
    "Add a layer that is computed where you look, slice by slice and level by level, for images of any size. napari waits while "
    f"a new plane is computed, which may take seconds, unless {ASYNC} is on."
)


class Denoise(Panel):
    """The dock *Denoise*: noise is removed, nothing else is undone."""

    job: ClassVar[JobName] = "denoise"
    page: ClassVar[str] = "denoising"
    doing = "Denoising"
    about = "Take the noise away; everything else stays."
    term = "Denoising: the posterior mean of the image given the noisy one."

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.std, self.lazy = QCheckBox("standard deviation"), QCheckBox("only what is shown")
        for check in (self.std, self.lazy):
            check.toggled.connect(self._on_edit)
        self.fusion = Form(Recipe, ["fusion"], self.viewer.layers)
        self.fusion.changed.connect(self._on_edit)
        self._looking = Background(self)
        self.removed, self.derived = Removed(), Derived(self.viewer)
        return super()._choosers()

    def _further(self) -> list[QWidget]:
        return [*super()._further(), self.fusion, one_row("", self.std, STD_TIP), one_row("", self.lazy, LAZY_TIP)]

    def _seen_after(self) -> list[QWidget]:
        self._removed = Fold("What was removed", [self.removed])
        self._removed.hide()
        self.derived.told.connect(self.bar.tell)
        return [self._removed, self.derived]

    def recipe(self, **changes: Any) -> Recipe:
        with_std = self.std.isChecked() and not self.lazy.isChecked()
        return super().recipe(**{"probes": PROBES if with_std else 0, **self.fusion.values(), **changes})

    def fill(self, recipe: Recipe) -> None:
        self.std.setChecked(recipe.probes > 0)
        self.lazy.setChecked(False)
        self.fusion.fill(dict(recipe))
        super().fill(recipe)

    def _on_ended(self, text: str) -> None:
        job = self._run
        if job is not None and job.is_complete and not job.order.preview and "denoised" in job.layers.by_name:
            self._removed.show()
            self.removed.show_run(job.order.source, job.layers.by_name["denoised"])
            self.derived.take(job.layers.by_name)
        super()._on_ended(text)

    def check(self) -> None:
        image = self.source.image()
        if self.std.isChecked() and self.std.isEnabled() and image is not None and image.rgb:
            raise FieldError("colour has no standard deviation: split the layer into channels, or untick it", self.std)
        super().check()
        recipe = self.recipe()
        if recipe.fusion == "learnt" and self.source.neighbours_help() and not recipe.denoiser.knows_fusion:
            field = self.fusion.editors["fusion"].widget
            raise FieldError("how neighbours come together was not learnt for this denoiser: choose averaged, or auto", field)

    def run(self, preview: bool = False) -> None:
        """Run, or add a layer that is computed where it is looked at."""
        if preview or not self.lazy.isChecked():
            super().run(preview)
            return
        try:
            layer = lazy_layer(self.source.image(), self.recipe())
        except ValueError as error:
            self.bar.tell(sentence(error))
            return
        self.source.layer.pin()
        self.bar.tell("Computing what is shown …")
        self._looking.call(shown_crop(layer, self.viewer.dims).compute, lambda _: self._show(layer))

    def _show(self, layer: Image) -> None:
        self.viewer.add_layer(layer)
        waits = "" if get_settings().experimental.async_ else f" napari waits for every new plane, unless {ASYNC} is on."
        self.bar.tell(f"The layer is computed where you look.{waits}")

    def _on_edit(self, *changed: object) -> None:
        self.std.setEnabled(not self.lazy.isChecked())
        self.fusion.show_row("fusion", self.source.neighbours_help())
        super()._on_edit(*changed)
