"""Bad pixels by their kind: outliers of an image as labels, told apart by how often a pixel was one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_tweedie.images.axes import Index, Layout

KINDS = {1: "hot", 2: "dead", 3: "blinking", 4: "cosmic ray"}
"""What the labels stand for. Where there are no frames, what is bright counts as hot, and what is dark as dead."""
HOT, DEAD, BLINKING, COSMIC = KINDS
ALWAYS = 0.5
"""Share of the frames above which a pixel is one at all times."""


def labelled(found: Mapping[Index, NDArray[np.int_]], layout: Layout) -> NDArray[np.uint8] | None:
    """Return the kinds of outliers in the shape of an image, 0 elsewhere; None where there are none.

    A pixel that stands out in more than half of the frames, `Layout.frames`, is hot or dead; in several, blinking; bright in one
    of them, hit by a cosmic ray.

    Parameters
    ----------
    found : mapping of tuple to array
        Outliers of every block that was looked at: position along every axis of the block, then 1 where bright and −1 where dark.
    layout : Layout
        That of the image, which has no colour.
    """
    if not any(map(len, found.values())):
        return None
    signs = np.zeros(layout.shape, np.int8)
    for index, places in found.items():
        block = np.zeros((1, *layout.block_shape), np.int8)
        block[(0, *places[:, :-1].T)] = places[:, -1]
        layout.write(signs, index, block)
    frames = layout.axes.index(layout.frames) if layout.frames else None
    labels = np.where(signs > 0, HOT, np.where(signs < 0, DEAD, 0)).astype(np.uint8)
    if frames is None or layout.shape[frames] < 2:
        return labels
    often = (signs != 0).sum(frames, keepdims=True)
    sometimes = (labels > 0) & (often <= ALWAYS * layout.shape[frames])
    return np.where(sometimes, np.where((often == 1) & (signs > 0), COSMIC, BLINKING), labels).astype(np.uint8)


def told(labels: NDArray[np.uint8]) -> str:
    """Say how many pixels are of which kind, as in ``9 hot, 2 dead``."""
    counts = np.bincount(labels.ravel(), minlength=len(KINDS) + 1)
    named = {kind: f"{name}s" if kind == COSMIC and counts[kind] > 1 else name for kind, name in KINDS.items()}
    return ", ".join(f"{counts[kind]} {name}" for kind, name in named.items() if counts[kind])
