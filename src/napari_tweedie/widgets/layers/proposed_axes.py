"""Axes proposed for a layer that does not name them: as its file does, or as the noise of its planes tells channels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from napari_tweedie.analysis.noise_level import estimate_noise_level
from napari_tweedie.images.axes import guess_axes, role
from napari_tweedie.images.sources import file_of, named_axes

MOST_CHANNELS = 6
DIFFERENT = 1.5
"""Ratio of the noise levels of neighbouring planes from which on they are taken for channels: planes and frames change little."""
LOOKED_AT = 256
"""Side of the middle of a plane that its noise level is measured on."""


@dataclass(frozen=True)
class Proposal:
    """An axes string, and why it is proposed; empty where it is only the usual order, or the layer names its axes."""

    axes: str
    why: str = ""


def propose(layer: Layer, array: Any) -> Proposal:
    """Return the axes of a layer's array: those that it names, else those of its file, else channels where noise differs."""
    rgb = bool(getattr(layer, "rgb", False))
    usual = guess_axes(array.shape, layer.axis_labels, rgb)
    if any(role(label) for label in layer.axis_labels):
        return Proposal(usual)
    file = file_of(layer, tuple(array.shape))
    if said := named_axes(layer, array.shape, file):
        return Proposal(said, f"as {Path(str(layer.source.path)).name} says")
    at = None if rgb else _channel_axis(array)
    if at is None:
        return Proposal(usual)
    rest = guess_axes([1] * (array.ndim - 1)) if array.ndim > 3 else "yx"
    if array.ndim == 4:
        rest = ("z" if at == 0 else "t") + rest[-2:]
    return Proposal(rest[:at] + "c" + rest[at:], "channels, as their noise differs")


def _channel_axis(array: Any) -> int | None:
    """Return the axis in front of y and x along which neighbouring planes have different noise, if it is short."""
    if type(array) is not np.ndarray or array.dtype.kind not in "uif" or min(array.shape[-2:]) < 16:
        return None
    for at, count in enumerate(array.shape[:-2]):
        if 2 <= count <= MOST_CHANNELS:
            middle = [length // 2 for length in array.shape[:-2]]
            levels = [_level(array[(*middle[:at], n, *middle[at + 1 :])]) for n in range(count)]
            if any(min(pair) > 0 and max(pair) > DIFFERENT * min(pair) for pair in pairwise(levels)):
                return at
    return None


def _level(plane: NDArray[Any]) -> float:
    """Return the noise level of the middle of a plane, 0 where there is none."""
    corner = [max(0, (length - LOOKED_AT) // 2) for length in plane.shape]
    middle = plane[corner[0] : corner[0] + LOOKED_AT, corner[1] : corner[1] + LOOKED_AT]
    return estimate_noise_level(middle) if np.isfinite(middle).any() else 0.0
