"""Strength: how much noise is taken away, around what was measured."""

from __future__ import annotations

from qtpy.QtCore import Qt
from superqt import QLabeledDoubleSlider

from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms.layout import NARROWEST

WEAKEST, STRONGEST = 0.1, 3.0
TIP = f"{Recipe.model_fields['strength'].description} Less keeps more detail and more noise; more is smoother."


class Strength(QLabeledDoubleSlider):
    """A slider of the recipe's field `strength`."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(WEAKEST, STRONGEST)
        self.setDecimals(2)
        self.setSingleStep(0.05)
        self.setValue(1.0)
        self.setMinimumWidth(NARROWEST)
        self.setToolTip(TIP)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the slider within has it: one stop of Tab rather than two
        self.setFocusProxy(self._slider)

    def strength(self) -> float:
        """Return what is set, in the digits that are shown."""
        return round(float(self.value()), 2)

    def set_quietly(self, strength: float) -> None:
        """Show a strength without telling anybody."""
        blocked = self.blockSignals(True)
        self.setValue(strength)
        self.blockSignals(blocked)
