"""Colours of what has a sign, and of the kinds of outliers."""

from __future__ import annotations

from collections.abc import Sequence

from napari.utils import Colormap, CyclicLabelColormap

SIGNED = Colormap(
    [[0.65, 0.87, 1.0], [0.1, 0.38, 0.75], [0.0, 0.0, 0.0], [0.72, 0.27, 0.08], [1.0, 0.82, 0.6]],
    name="below and above",
)
"""Blue below zero, orange above, and black at zero as where an image is dark: legible to all, and on dark thumbnails."""
KIND_COLOURS = ("red", "dodgerblue", "gold", "magenta")
"""Colours of the kinds of outliers, from 1 on."""


def label_colours(colours: Sequence[str]) -> CyclicLabelColormap:
    """Return the colours of labels, from 1 on; 0 is transparent.

    napari's own map from labels to colours compiles a function when it is first drawn, for which the window waits seconds.
    """
    return CyclicLabelColormap(colors=["transparent", *colours], name=", ".join(colours))
