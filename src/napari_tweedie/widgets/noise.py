"""How strong is the noise of the layer, by estimate or by the user's word?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.engine import measure
from napari_tweedie.widgets.background import Background
from napari_tweedie.widgets.forms import Form
from napari_tweedie.widgets.words import numbers

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_tweedie.method import Input
    from napari_tweedie.recipe import Recipe
    from napari_tweedie.widgets.editors import OptionalNumber


class NoiseLevel(Form):
    """The noise level; while it is left to the estimate, it shows the value that a run will use."""

    def __init__(self, layers: LayerList) -> None:
        super().__init__(Gaussian, ["sigma"], layers)
        self.sigma.automatic.setText("estimated")
        self.levels: list[float] = []
        """Estimated levels, a channel each; empty until they are known."""
        self._measured: object = None
        self._background = Background(self)

    @property
    def sigma(self) -> OptionalNumber:
        """The editor of the standard deviation."""
        widget: OptionalNumber = self.editors["sigma"].widget
        return widget

    def is_for(self, state: object) -> bool:
        """Tell whether what is shown was measured in `state`; if not, forget it and remember `state`."""
        if state == self._measured:
            return True
        self._measured = state
        self._background.forget()
        self.levels = []
        self.sigma.show_estimate(0.0, "–")
        return False

    def measure(self, recipe: Recipe, image: Any, inputs: dict[str, Input]) -> None:
        """Estimate, in a thread, the levels that a run of `recipe` on `image` would use."""
        self.sigma.show_estimate(0.0, "estimating …")
        self._background.call(lambda: [channel.sigma for channel in measure(recipe, image, **inputs)], self._show)

    def _show(self, levels: list[float] | Exception) -> None:
        if isinstance(levels, Exception):
            self.sigma.show_estimate(0.0, "unknown")
            self.sigma.number.setToolTip(str(levels))
            return
        self.levels = levels
        self.sigma.number.setToolTip(f"Estimated: {numbers(levels, 20)} counts.")
        self.sigma.show_estimate(levels[0], f"{numbers(levels)} counts" if len(levels) > 1 else "")
