"""Synthesise dock: images of what a denoiser believes images look like."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from napari.layers import Image
from pydantic import Field
from qtpy.QtWidgets import QWidget

from napari_tweedie.core.method import Model
from napari_tweedie.core.registry import Bundle
from napari_tweedie.recipe.defaults import PRIOR
from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.samplers import Sampler
from napari_tweedie.samplers.implicit_prior import ImplicitPrior
from napari_tweedie.samplers.moment_matched import MomentMatched
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.runs.layer_run import Order
from napari_tweedie.widgets.runs.run import RUNS


class Size(Model):
    """Size of the images."""

    height: int = Field(128, ge=8, le=2048, description="Pixels along Y.")
    width: int = Field(128, ge=8, le=2048, description="Pixels along X.")


class Synthesise(Panel):
    """The dock *Synthesise*: samples of the prior, from noise alone; they grow in the viewer."""

    job: ClassVar[JobName] = "synthesise"
    page: ClassVar[str] = "how-it-works/tweedie"
    doing = "Drawing images"
    about = "Draw images that the denoiser believes in, from nothing."
    term = "Synthesis: samples of the prior that is in a denoiser."

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.size_ = Form(Size, ["height", "width"], self.viewer.layers)
        methods: Bundle[Sampler] = Bundle("sampler", (ImplicitPrior, MomentMatched))
        sampler = Chooser("Sampler", "How images are drawn from the prior.", methods, ImplicitPrior.name, self.viewer.layers)
        for field in PRIOR.keys() - {"name"}:
            sampler.editor(field).set(PRIOR[field])
        return {"sampler": sampler, **super()._choosers()}

    def _parts(self) -> list[QWidget]:
        self.source.hide()
        self.bar.preview.hide()
        return [self.choosers["denoiser"], self.size_]

    def _further(self) -> list[QWidget]:
        return [self.choosers["sampler"]]

    def _reasons(self) -> dict[str, str]:
        return {}

    def check(self) -> None:
        if RUNS.job is not None:
            raise ValueError("another run is in progress")

    def recipe(self, **changes: Any) -> Recipe:
        return super().recipe(**{"axes": "yx", "volume": False, "spacing": (), **changes})

    def order(self, preview: bool = False) -> Order:
        size = self.size_.values()
        shape = (size["height"], size["width"])
        recipe = self.recipe()
        canvas = Image(np.zeros(shape, np.float32), name=recipe.denoiser.title, contrast_limits=(0, 1))
        return Order(recipe, canvas, "", Crop.whole(shape), estimated=False)

    def _measure(self) -> None:
        """Estimate nothing: there is no measurement."""
