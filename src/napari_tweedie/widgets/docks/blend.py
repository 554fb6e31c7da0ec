"""Blend dock: a region of a layer filled, or pasted from another layer, without a seam."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_tweedie.analysis.poisson import PoissonEditing
from napari_tweedie.core.array_input import Input
from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.field_error import FieldError
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.layers.crop import Crop, visible_crop
from napari_tweedie.widgets.layers.input import image_array, nanometres
from napari_tweedie.widgets.runs.layer_run import Order

HELP = (
    "Use it to remove an artefact of any size, or to merge exposures: the region meets the pixels around it, whatever their "
    "brightness. Without a source it is filled smoothly, with no texture. Small dead regions within texture are better restored "
    "by the dock Deblur, degradation “missing pixels”."
)
LARGEST_PLANE = 2**14


class Blend(Panel):
    """The dock *Blend*: Poisson editing of a region, in every slice that it marks."""

    job: ClassVar[JobName] = "blend"
    page: ClassVar[str] = "how-it-works/poisson-editing"
    doing = "Blending"
    about = "Fill or paste a marked region without a seam."
    term = "Poisson editing: the gradients of a region, joined to what surrounds it."

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.blending = Form(PoissonEditing, ["source", "region", "gradients"], self.viewer.layers)
        self.blending.changed.connect(self._on_edit)
        return {}

    def _parts(self) -> list[QWidget]:
        self.source.volume.setEnabled(False)
        help_ = QLabel(HELP)
        help_.setWordWrap(True)
        help_.setAlignment(Qt.AlignmentFlag.AlignTop)
        help_.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.bar.preview.setToolTip("Try it on the current slice.")
        return [self.blending, help_]

    def _further(self) -> list[QWidget]:
        return []

    def chosen_layers(self) -> dict[str, Layer]:
        return self.blending.chosen_layers()

    def recipe(self, **changes: Any) -> Recipe:
        values = {name: value for name, value in self.blending.values().items() if value is not None}
        if "region" not in values:
            raise FieldError("mark the region in a Labels or Shapes layer", self.blending.editors["region"].widget)
        return super().recipe(**{"blending": values, "volume": False, **changes})

    def fill(self, recipe: Recipe) -> None:
        if recipe.blending is not None:
            self.blending.fill(recipe.blending.model_dump(mode="json"))
        super().fill(recipe)

    def order(self, preview: bool) -> Order:
        order = super().order(preview)
        if not order.inputs["region"].values().any():
            raise ValueError(f"the layer {order.inputs['region'].name!r} marks no pixel of the image")
        return order

    def _visible(self, recipe: Recipe, image: Any, side: int | None = None) -> tuple[Crop, Recipe]:
        return visible_crop(image, self.viewer.dims.point, recipe.axes, False, flat=False, side=LARGEST_PLANE), recipe

    def _inputs(self, crop: Crop) -> dict[str, Input]:
        marks = super()._inputs(crop)
        source = self.chosen_layers().get("source")
        if source is not None:
            self._check_source(source)
            pixels = np.asarray(crop.of_mask(image_array(source), self.source.axes.text()))
            marks["source"] = Input.of(pixels, source.name, nanometres(source))
        return marks

    def _check_source(self, source: Layer) -> None:
        axes, shape = self.source.axes.text(), tuple(self.source.array().shape)
        plane = tuple(shape[axes.index(axis)] for axis in "yx")
        found = tuple(image_array(source).shape)
        if found not in (shape, plane):
            raise ValueError(f"the source {source.name!r} has shape {found}, the layer {shape}: they must lie on the same pixels")

    def _measure(self) -> None:
        """Estimate nothing: noise plays no part."""
