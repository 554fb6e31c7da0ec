"""Base of the docks that undo a degradation."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Layer

from napari_tweedie.degradations.noise import Auto
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.method_form import Chooser
from napari_tweedie.widgets.layers.input import recipe_of
from napari_tweedie.widgets.parts.clues import kernel_axes
from napari_tweedie.widgets.parts.degradation_form import Sequence


class Inverse(Panel):
    """A dock whose layer is a measurement: it has a degradation, filled in from the layer where that was simulated."""

    first: str
    """The degradation that is chosen at the start."""
    _simulated: Layer | None = None
    """The layer whose simulation the form was filled in from."""

    _fitted: Layer | None = None
    """The point-spread function for which Z was treated as depth, or not."""

    def _choosers(self) -> dict[str, Chooser[Any]]:
        return {"degradation": Sequence(self.viewer.layers, self.first), **super()._choosers()}

    def chosen_layers(self) -> dict[str, Layer]:
        return super().chosen_layers() | self.choosers["degradation"].chosen_layers()

    def _measured_through(self) -> object:
        degradation = self.choosers["degradation"]
        try:
            described = degradation.method().describe()
        except ValueError:
            return None
        return described, {name: id(layer) for name, layer in degradation.chosen_layers().items()}

    def _on_edit(self, *changed: object) -> None:
        self._fit_simulation()
        self._fit_dimensions()
        super()._on_edit(*changed)

    def _fit_simulation(self) -> None:
        """Propose to undo what was simulated, once a simulated measurement is chosen."""
        image = self.source.image()
        if image is self._simulated:
            return
        recipe = {} if image is None else recipe_of(image)
        if recipe.get("job") == "degrade":
            self._simulated = image
            self.source.volume.setChecked(recipe["volume"])
            self.noise.fill(recipe["noise"])
            self.choosers["degradation"].fill(recipe["degradation"])
        elif self._simulated is not None:
            self._simulated = None
            self.noise.fill(Auto().describe())

    def _fit_dimensions(self) -> None:
        """Treat Z as depth once a 3-D point-spread function is chosen."""
        chosen = self.chosen_layers().get("psf")
        if isinstance(chosen, Image) and chosen is not self._fitted:
            self.source.volume.setChecked(kernel_axes(chosen) == 3)
        self._fitted = chosen
