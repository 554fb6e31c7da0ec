"""Noise form: the noise of the layer, by estimate or by the user's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QLabel

from napari_tweedie.degradations import noise
from napari_tweedie.degradations.noise import Noise
from napari_tweedie.engine.run import measure
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms.editors import OptionalNumber
from napari_tweedie.widgets.forms.layout import note
from napari_tweedie.widgets.forms.method_form import Chooser
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot
from napari_tweedie.widgets.layers.messages import numbers, sentence
from napari_tweedie.widgets.parts.camera_form import CameraForm
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from napari.components import LayerList

    from napari_tweedie.core.array_input import Input
    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.engine.channel import Channel

ENLARGED = 5
"""Screen pixels for a pixel of the autocorrelation."""


class NoiseForm(Chooser[Noise]):
    """The noise model; what is left to the estimate shows the value that a run will use, and a plot where it comes from."""

    _frames: CameraForm | None = None

    def __init__(self, layers: LayerList) -> None:
        super().__init__("Noise", Recipe.model_fields["noise"].description or "", noise.registry, noise.Auto.name, layers)
        self.channels: list[Channel] = []
        """What was estimated, a channel each; empty until it is known."""
        self.plot = Plot("brightness", "noise variance")
        self.plot.setToolTip("Noise variance of groups of patches over their brightness, and the line that was fitted.")
        self.plot.hide()
        self.decision = note("What the noise was found to be, and why. Choose another model, under More …, to overrule it.")
        self.decision.setParent(self)  # until a dock places it: without a parent it would be a window
        self.autocorrelation = QLabel()
        self.autocorrelation.setToolTip(
            "How much the noise of a pixel, in the middle, tells of its neighbours': white 1, black 0."
        )
        self.autocorrelation.hide()
        self._measured: object = None
        self._background = Background(self)

    def show_grey_unit(self, unit: str) -> None:
        super().show_grey_unit(unit)
        self.plot.x_label = f"brightness ({unit})" if unit else "brightness"
        self.plot.y_label = f"noise variance ({unit}²)" if unit else "noise variance"
        self.plot.update()

    @property
    def levels(self) -> list[float]:
        """Estimated noise levels, a channel each; empty until they are known."""
        return [channel.sigma for channel in self.channels]

    @property
    def open(self) -> dict[str, OptionalNumber]:
        """The editors of what may be estimated, by field of the chosen model."""
        made = {name: editor.widget for name, editor in self.form.editors.items()}
        return {name: widget for name, widget in made.items() if isinstance(widget, OptionalNumber)}

    def is_for(self, state: object) -> bool:
        """Tell whether what is shown was measured in `state`; if not, forget it and remember `state`."""
        if state == self._measured:
            return True
        self._measured = state
        self._background.forget()
        self.channels = []
        self.plot.hide()
        self.autocorrelation.hide()
        self._tell("–")
        return False

    def measure(self, recipe: Recipe, image: Any, inputs: dict[str, Input]) -> None:
        """Estimate, in a thread, the noise that a run of `recipe` on `image` would find."""
        self._tell("estimating …")
        self._background.call(lambda: measure(recipe, image, **inputs), self._show_estimates)

    def _show(self) -> None:
        super()._show()
        for widget in self.open.values():
            widget.automatic.setToolTip("Measured on the image; untick to give a value.")
        if self._frames is None and self.name == noise.Camera.name:
            self._frames = CameraForm(self._layers)
            self.layout().addWidget(self._frames)
        if self._frames is not None:
            self._frames.setVisible(self.name == noise.Camera.name)

    def _tell(self, text: str) -> None:
        self._decide("" if text == "–" else text)
        for widget in self.open.values():
            widget.show_estimate(0.0, text)

    def _decide(self, text: str) -> None:
        """Show what was decided, where the model is left to the estimate."""
        self.decision.setText(text)
        self.decision.setVisible(bool(text) and self.name == noise.Auto.name)

    def _show_estimates(self, channels: list[Channel] | Exception) -> None:
        if isinstance(channels, Exception):
            self._tell("unknown")
            self._decide(sentence(channels))
            for widget in self.open.values():
                widget.number.setToolTip(str(channels))
            return
        if not all(hasattr(channel.noise, field) for channel in channels for field in self.open):
            return  # another model was chosen since, and is measured next
        self.channels = channels
        several = len(channels) > 1
        told = [f"Channel {n}: {channel.decision}" if several else channel.decision for n, channel in enumerate(channels, 1)]
        self._decide("\n".join(told))
        for field, widget in self.open.items():
            values = [float(getattr(channel.noise, field)) for channel in channels]
            widget.number.setToolTip(f"Measured: {numbers(values, 20)} {self.grey_unit}".rstrip() + ".")
            widget.show_estimate(values[0], f"{numbers(values)} {self.grey_unit}".rstrip() if len(values) > 1 else "")
        curves = [curve for number, channel in enumerate(channels) for curve in _curves(number, channel, len(channels) > 1)]
        self.layout().addWidget(self.plot)  # below the form, which is made when a model is first chosen
        self.plot.show_curves(curves)
        self.plot.setVisible(bool(curves))
        shapes = [channel.correlation for channel in channels if channel.correlation is not None]
        self.layout().addWidget(self.autocorrelation)
        self.autocorrelation.setVisible(bool(shapes))
        if shapes:
            self.autocorrelation.setPixmap(_picture(shapes[0]))


def _picture(correlation: Correlation) -> QPixmap:
    """Return the autocorrelation as an image, a few screen pixels for each of its own."""
    grey = np.ascontiguousarray(np.clip(255 * correlation.autocorrelation(), 0, 255).astype(np.uint8))
    height, width = grey.shape
    image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
    return QPixmap.fromImage(image.scaled(ENLARGED * width, ENLARGED * height))


def _curves(number: int, channel: Channel, several: bool) -> list[Curve]:
    """Return the points and the line of a fit of photon noise."""
    if channel.fit is None:
        return []
    fit, colour = channel.fit, COLOURS[number % len(COLOURS)]
    means = np.array(fit.means)
    ends = np.array([min(means.min(), fit.offset), means.max()])
    line = np.maximum(fit.gain * (ends - fit.offset), 0) + fit.read_noise**2
    if not isinstance(channel.noise, noise.Poisson):
        line = np.full(2, channel.sigma**2)
    label = f"channel {number + 1}" if several else ""
    return [Curve("", means, np.array(fit.variances), colour, points=True), Curve(label, ends, line, colour)]
