"""Colours of what has a sign, and of the kinds of outliers."""

from __future__ import annotations

from napari.utils import Colormap

SIGNED = Colormap(
    [[0.65, 0.87, 1.0], [0.1, 0.38, 0.75], [0.0, 0.0, 0.0], [0.72, 0.27, 0.08], [1.0, 0.82, 0.6]],
    name="below and above",
)
"""Blue below zero, orange above, and black at zero as where an image is dark: legible to all, and on dark thumbnails."""
KIND_COLOURS: dict[int | None, str] = {None: "transparent", 0: "transparent", 1: "red", 2: "dodgerblue", 3: "gold", 4: "magenta"}
"""Colours of the kinds of outliers."""
