"""What was removed: the histogram of input less result, over the noise that was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QLabel, QWidget

from napari_tweedie.degradations.noise import Gaussian, Poisson, build
from napari_tweedie.engine.channel import NOT_NOISE
from napari_tweedie.widgets.forms.layout import column
from napari_tweedie.widgets.forms.plot import COLOURS, Curve, Plot
from napari_tweedie.widgets.layers.input import image_array, made_of
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

MOST = 2**20
"""Pixels that are looked at."""
REACH, BINS = 4.5, 60
OUTLYING = 5.0
"""Noise levels beyond which a difference counts as that: bad pixels are few and far."""


class Removed(QWidget):
    """A histogram in noise levels: it is the standard normal curve (dashed) where noise, and nothing else, was removed."""

    def __init__(self) -> None:
        super().__init__()
        self.plot = Plot("removed, in noise levels", "density")
        self.plot.setToolTip(
            "Input less result, in units of the noise that was measured. Dashed: noise alone. A narrower histogram: noise was "
            "left; a wider one, or long tails: something of the image was taken away too."
        )
        self.said = QLabel()
        self.said.setWordWrap(True)
        self._background = Background(self)
        place = column(self)
        place.addWidget(self.plot)
        place.addWidget(self.said)

    def show_run(self, source: Image, result: Image) -> None:
        """Show what a run on the whole of a layer took away, where its noise is known."""
        noise: list[dict[str, Any]] = made_of(result).get("noise", [])
        before, after = image_array(source), result.data
        if len(noise) != 1 or before.shape != after.shape or source.rgb:
            self.plot.show_curves([])
            self.said.setText("")
            return
        self._background.call(lambda: removed(before, after, noise[0]), self._show)

    def _show(self, found: NDArray[np.float64] | Exception) -> None:
        if isinstance(found, Exception) or not found.size:
            self.plot.show_curves([])
            self.said.setText("")
            return
        density, edges = np.histogram(found, BINS, (-REACH, REACH), density=True)
        middles = (edges[1:] + edges[:-1]) / 2
        expected = np.exp(-(middles**2) / 2) / np.sqrt(2 * np.pi)
        self.plot.show_curves(
            [Curve("noise alone", middles, expected, COLOURS[1], dashed=True), Curve("removed", middles, density, COLOURS[0])]
        )
        share = float(np.sqrt(np.mean(np.minimum(found**2, OUTLYING**2))))
        self.said.setText(f"What was removed is {share:.2f} times the noise (noise alone: just below 1).")


def removed(before: Any, after: Any, noise: dict[str, Any]) -> NDArray[np.float64]:
    """Return input less result, over the level of the noise at each pixel, of about a million pixels.

    Parameters
    ----------
    before, after : array-like
        Of one shape; pixels that are not finite are left out.
    noise : dict
        The noise as a result's provenance has it.
    """
    step = max(1, int(np.ceil((np.prod(before.shape) / MOST) ** (1 / before.ndim))))
    place = (slice(None, None, step),) * before.ndim
    first, second = (np.asarray(array[place], dtype=np.float64) for array in (before, after))
    model = build({name: value for name, value in noise.items() if name not in NOT_NOISE})
    if isinstance(model, Poisson) and model.gain is not None and model.offset is not None and model.read_noise is not None:
        level = np.sqrt(np.maximum(model.gain * np.maximum(second - model.offset, 0) + model.read_noise**2, model.gain**2 * 0.3))
    else:
        level = np.full(1, model.sigma if isinstance(model, Gaussian) and model.sigma else np.nan)
    found = (first - second) / level
    return np.asarray(found[np.isfinite(found)])
