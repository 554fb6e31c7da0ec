"""Adapt dock: the network adapted to a layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from napari.layers import Layer
from pydantic import BaseModel, Field, ValidationError
from qtpy.QtWidgets import QPushButton, QWidget

from napari_tweedie.core.method import explain
from napari_tweedie.engine.run import Progress
from napari_tweedie.recipe.recipe import JobName
from napari_tweedie.training.adapt import Adaptation
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.adapted_networks import SUFFIX, folder
from napari_tweedie.widgets.forms.layout import folded, one_row
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.forms.path_edit import SaveName
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.runs.adaptation_run import Learning
from napari_tweedie.widgets.runs.layer_run import Job, Order


class Limit(BaseModel):
    """How long an adaptation may take."""

    minutes: float = Field(
        10.0, ge=0, le=1440, description="Longest time to take; what was learnt by then is kept. 0: until all steps are done."
    )


class Adapt(Panel):
    """The dock *Learn*: the U-Net learns what is particular to a layer, from its noise alone, and becomes a file."""

    job: ClassVar[JobName] = "denoise"
    page: ClassVar[str] = "how-it-works/sure"
    about = "Let the network learn what is special about this image."
    term = "Adaptation: training on the open image by Stein's unbiased risk estimate."

    def _choosers(self) -> dict[str, Chooser[Any]]:
        layers = self.viewer.layers
        self.length, self.limit = Form(Adaptation, ["steps"], layers), Form(Limit, ["minutes"], layers)
        self.training = Form(Adaptation, ["batch", "patch", "learning_rate"], layers)
        self.file = SaveName(SUFFIX)
        self.plot = Plot("step", "estimated error ÷ noise variance")
        self.plot.setToolTip(
            "Stein's estimate of the squared error, without a clean image: on the patches that are learnt from, and on pixels "
            "held out of them. A network is kept only if it is better on the latter beyond doubt."
        )
        self.use = QPushButton("Denoise the layer with it")
        self.use.setToolTip("In other docks choose “Model from a file”: the … beside its name offers what was written here.")
        self.use.clicked.connect(self.denoise)
        self._written: Path | None = None
        return {}

    def _parts(self) -> list[QWidget]:
        self.bar.preview.hide()
        self.recipes.hide()
        self.use.hide()
        file = one_row("Weights", self.file, "Where the adapted network is written; a file that exists is never overwritten.")
        return [self.noise, self.length, self.limit, file, folded("Training", [self.training]), self.plot, self.use]

    def chosen_layers(self) -> dict[str, Layer]:
        return {}

    def order(self, preview: bool = False) -> Order:
        image = self.source.image()
        return Order(self.recipe(), image, "", Crop.whole(image_array(image).shape))

    def adaptation(self) -> Adaptation:
        """Return the settings of the form.

        Raises
        ------
        ValueError
            If one is not allowed; the message says what to change.
        """
        try:
            return Adaptation(**self.length.values(), **self.training.values(), seed=self.settings.values()["seed"])
        except ValidationError as error:
            raise ValueError(explain(error)) from None

    def denoise(self) -> None:
        """Denoise the layer with the network that was written last."""
        self._start(self._denoising)

    def _denoising(self) -> Order:
        image, recipe = self.source.image(), self.recipe(denoiser={"name": "file", "path": str(self._written)})
        return Order(recipe, image, "denoised, adapted", Crop.whole(image_array(image).shape))

    def _job(self, order: Order) -> Job:
        if order.what:
            return super()._job(order)
        self.plot.show_curves([])
        return Learning(self.viewer, order, self.adaptation(), self.limit.values()["minutes"], self.file.path())

    def _on_edit(self, *changed: object) -> None:
        image = self.source.image()
        if image is not None:
            name = re.sub(r"[^\w.-]+", "-", image.name)
            self.file.propose(folder() / f"{name}{SUFFIX}")
        super()._on_edit(*changed)

    def _on_progressed(self, progress: Progress) -> None:
        super()._on_progressed(progress)
        if isinstance(self._run, Learning):
            self.plot.show_curves(curves(self._run.trace))

    def _on_ended(self, text: str) -> None:
        if isinstance(self._run, Learning):
            self.plot.show_curves(curves(self._run.trace))
            self._written = self._run.written
            self.use.setVisible(self._written is not None)
        super()._on_ended(text)


def curves(trace: Sequence[Mapping[str, float]]) -> list[Curve]:
    """Return the errors of learning over its steps; those on held-out pixels where they were measured."""
    steps, losses, held_out = (np.array([facts[name] for facts in list(trace)]) for name in ("step", "loss", "held_out"))
    measured = np.flatnonzero(np.diff(held_out, prepend=np.nan) != 0)
    return [Curve("learnt from", steps, losses), Curve("held out", steps[measured], held_out[measured], COLOURS[1])]
