"""Degrade dock: a measurement simulated from a clean layer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from napari.layers import Layer
from qtpy.QtWidgets import QWidget

from napari_tweedie.degradations import noise as noise_models
from napari_tweedie.recipe.recipe import JobName
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.editors import OptionalNumber
from napari_tweedie.widgets.forms.method_form import Chooser
from napari_tweedie.widgets.parts.degradation_form import Sequence

PROPOSED = {"sigma": 0.05, "gain": 0.01, "step": 0.05, "read_noise": 0.0}
"""Parameters of the noise to begin with, as shares of the range of grey levels."""
PERCENTILES = (0.5, 99.5)


class Degrade(Panel):
    """The dock *Make test data*: a degradation and then noise are applied to a layer; *Deblur* takes the result back."""

    job: ClassVar[JobName] = "degrade"
    page: ClassVar[str] = "restoration"
    doing = "Making test data"
    about = "Make test data: blur a clean image and add noise to it."
    term = "Degradation: a simulated measurement; Deblur takes it back."

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self._proposed: dict[str, Layer | None] = {}
        noise = self._chooser("noise", noise_models.simulated, "gaussian")
        return {"degradation": Sequence(self.viewer.layers, "gaussian-blur"), "noise": noise}

    def _parts(self) -> list[QWidget]:
        return list(self.choosers.values())

    def _further(self) -> list[QWidget]:
        return []

    def chosen_layers(self) -> dict[str, Layer]:
        return self.choosers["degradation"].chosen_layers()

    def _on_edit(self, *changed: object) -> None:
        self._propose_noise()
        super()._on_edit(*changed)

    def _measure(self) -> None:
        """Estimate nothing: the noise is said by the user."""

    def _propose_noise(self) -> None:
        """Propose noise that is seen in the layer, once the layer or another model is chosen."""
        noise, image = self.choosers["noise"], self.source.image()
        if image is None or self._proposed.get(noise.name) is image:
            return
        self._proposed[noise.name] = image
        low, high = image.contrast_limits
        shares = PROPOSED if noise.name != "quantised" else PROPOSED | {"sigma": 0.0}
        proposed = {field: float(f"{share * (high - low):.2g}") for field, share in shares.items()} | {"offset": float(low)}
        for field, made in noise.form.editors.items():
            noise.form.show_row(field, field in proposed)  # the others concern estimates
            if isinstance(made.widget, OptionalNumber):
                made.widget.automatic.hide()
            if field in proposed:
                made.set(proposed[field])

    def _on_ended(self, text: str) -> None:
        job = self._run
        if job is not None and job.is_complete and not job.order.recipe.degradation.is_image:
            for layer in job.layers.by_name.values():
                low, high = np.percentile(layer.data, PERCENTILES)
                layer.contrast_limits = (low, high) if high > low else (low, low + 1)
        super()._on_ended(text)
