"""Learn dock: a network that learns from layers, and becomes a denoiser of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from napari.layers import Image, Layer
from pydantic import Field
from qtpy.QtWidgets import QPushButton, QWidget

from napari_tweedie.core.method import Model
from napari_tweedie.denoisers.own_networks import SUFFIX, folder
from napari_tweedie.engine.learning import Source
from napari_tweedie.engine.learning_session import Session
from napari_tweedie.engine.run import Progress
from napari_tweedie.images.picture import Picture
from napari_tweedie.images.sources import of_layer
from napari_tweedie.recipe.recipe import JobName
from napari_tweedie.training import objectives
from napari_tweedie.training.learning import Learning
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import Fold, one_row
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.forms.path_edit import SaveName
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.input import image_array, is_result
from napari_tweedie.widgets.parts.package_button import PackageButton
from napari_tweedie.widgets.runs.layer_run import Job, Order
from napari_tweedie.widgets.runs.learning_run import Learning as LearningRun

LOOK_SIDE = 256
"""Height and width, at most, of the part of the layer that is shown while the network learns."""
TRAINING = ("weights", "batch", "patch", "learning_rate", "patience")

DENOISE, SAMPLE = "Denoise the layer with it", "Draw samples of the layer with it"


class Extent(Model):
    """What is learnt from, and for how long."""

    layers: Literal["this layer", "all selected layers", "all image layers"] = Field(
        "this layer", description="Whether other open images are learnt from as well; results of this plugin are left out."
    )
    minutes: float = Field(
        10.0, ge=0, le=1440, description="Longest time to take; what was learnt by then is kept. 0: until all steps are done."
    )


class Learn(Panel):
    """The dock *Learn*: a network learns what is particular to layers, from noise alone or from targets, and becomes a file.

    It learns nothing about the truth of a result: what recurs in the images, it takes for real.
    """

    job: ClassVar[JobName] = "denoise"
    page: ClassVar[str] = "learning"
    remembers = False
    doing = "Learning"
    about = "Let the network learn what is special about your images."
    term = "Self-supervised training: Stein's risk estimate, Noise2Void, Noise2Noise and others; with targets, supervised."

    def _choosers(self) -> dict[str, Chooser[Any]]:
        layers = self.viewer.layers
        self.objective: Chooser[Any] = Chooser(
            "Objective", Learning.model_fields["objective"].description or "", objectives.registry, "auto", layers
        )
        self.target = LayerCombo(layers, (Image,), wanted=None, optional=True)
        self.extent = Form(Extent, ["layers", "minutes"], layers)
        self.length, self.training = Form(Learning, ["start", "steps"], layers), Form(Learning, TRAINING, layers)
        self.file = SaveName(SUFFIX)
        self.plot = Plot("step", "estimated error ÷ noise variance")
        self.plot.setToolTip(
            "The error that is minimised, and, on pixels held out, the squared error as it is estimated without a clean image. A "
            "network is kept only if it is better on the latter beyond doubt."
        )
        self.use = QPushButton(DENOISE)
        self.use.setToolTip("Every list of denoisers offers it now; one that samples is chosen in the dock How sure?.")
        self.use.clicked.connect(self.denoise)
        self._written: Path | None = None
        self._samples = False
        """Whether what was written last is a trained sampler."""
        self.package = PackageButton(self._packed)
        for part in (self.objective, self.target, self.extent, self.length, self.training):
            part.changed.connect(self._on_edit)
        return {}

    def _parts(self) -> list[QWidget]:
        self.package.told.connect(self.bar.tell)
        self.bar.preview.hide()
        self.recipes.hide()
        for button in (self.use, self.package):
            button.hide()
        self.plot.hide()  # until there is something to see
        target = one_row(
            "Target",
            self.target,
            "The same scene, clean or recorded again, of the same shape: it is learnt from it. None: noise alone.",
        )
        file = one_row("Weights", self.file, "Where the network is written; a file that exists is never overwritten.")
        return [target, self.extent, file, self.plot, self.use, self.package]

    def _further(self) -> list[QWidget]:
        training = Fold("Training", [self.training, *self.objective.folded_parts()])
        return [self.objective, self.length, self.noise, training]

    def chosen_layers(self) -> dict[str, Layer]:
        return {}

    def check(self) -> None:
        self.learning()
        super().check()

    def order(self, preview: bool = False) -> Order:
        crop, recipe = self._visible(self.recipe(volume=False), self.source.image(), LOOK_SIDE)
        return Order(recipe, self.source.image(), "learning", crop)

    def learning(self) -> Learning:
        """Return the settings of the form.

        Raises
        ------
        ValueError
            If one is not allowed; the message says what to change.
        """
        values = {**self.length.values(), **self.training.values(), "seed": self.settings.values()["seed"]}
        return Learning(objective=self.objective.method(), **values)

    def session(self) -> Session:
        """Return what the form says: the layers to learn from, how, and where the network goes."""
        image, target = self.source.image(), self.target.value()
        if image is None:
            raise ValueError("open an image first")
        sources = [Source(image_array(image), self.recipe(volume=False), target and image_array(target), image.name)]
        if target is None:
            sources += [self._source(layer) for layer in self._others()]
        return Session(sources, self.learning(), self.file.path(), self.extent.values()["minutes"], self.device.currentText())

    def _others(self) -> list[Layer]:
        """Return the other layers that are learnt from, the topmost last."""
        layers = self.viewer.layers
        chosen = {"this layer": [], "all selected layers": list(layers.selection), "all image layers": list(layers)}
        found = chosen[self.extent.values()["layers"]]
        return [
            layer for layer in layers
            if layer in found and isinstance(layer, Image) and layer is not self.source.image() and not is_result(layer)
        ]  # fmt: skip

    def _source(self, layer: Layer) -> Source:
        picture = of_layer(layer)
        recipe = self.recipe(volume=False, axes=picture.axes, spacing=(), unit="pixel").fitted(picture)
        return Source(picture.data, recipe, None, layer.name)

    def denoise(self) -> None:
        """Denoise the layer with the network that was written last, or draw samples with it."""
        self._start(self._denoising)

    def _denoising(self) -> Order:
        image = self.source.image()
        use: dict[str, Any] = {"denoiser": {"name": "file", "path": str(self._written)}}
        what = "denoised, learnt"
        if self._samples:
            use, what = {"job": "sample", "sampler": {"name": "trained", "path": str(self._written)}}, "learnt"
        return Order(self.recipe(**use), image, what, Crop.whole(image_array(image).shape))

    def _packed(self) -> tuple[Picture, dict[str, Any], Path]:
        """Return what a package is made of: the layer, what is known of it, and the network that was written last."""
        image = self.source.image()
        if image is None or self._written is None:
            raise ValueError("no network was learnt yet: press Run")
        recipe = self.recipe(volume=False)
        return of_layer(image), {"noise": recipe.noise, "axes": recipe.axes}, self._written

    def _job(self, order: Order) -> Job:
        if order.what != "learning":
            return super()._job(order)
        self.plot.show_curves([])
        self.plot.show()
        return LearningRun(self.viewer, order, self.session())

    def _on_edit(self, *changed: object) -> None:
        image = self.source.image()
        if image is not None:
            name = re.sub(r"[^\w.-]+", "-", image.name)
            self.file.propose(folder() / f"{name}{SUFFIX}")
        super()._on_edit(*changed)

    def _on_progressed(self, progress: Progress) -> None:
        super()._on_progressed(progress)
        if isinstance(self._run, LearningRun):
            self.plot.show_curves(curves(self._run.curve))

    def _on_ended(self, text: str) -> None:
        if isinstance(self._run, LearningRun):
            self.plot.show_curves(curves(self._run.curve))
            self._written = self._run.outcome.path if self._run.outcome is not None else None
            self._samples = self._run.session.settings.objective.samples
            self.use.setText(SAMPLE if self._samples else DENOISE)
            self.use.setVisible(self._written is not None)
            self.package.setVisible(self._written is not None and not self._samples)
        super()._on_ended(text)


def curves(trace: Sequence[Mapping[str, float]]) -> list[Curve]:
    """Return the errors of learning over its steps; those on held-out pixels where they were measured."""
    steps, losses, held_out = (np.array([facts[name] for facts in list(trace)]) for name in ("step", "loss", "held_out"))
    measured = np.flatnonzero(np.diff(held_out, prepend=np.nan) != 0)
    return [Curve("learnt from", steps, losses), Curve("held out", steps[measured], held_out[measured], COLOURS[1])]
