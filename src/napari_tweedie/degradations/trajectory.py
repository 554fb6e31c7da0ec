"""Trajectory of k-space: where a scan that is on no grid has measured, in which units, and how densely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.sampling_patterns import GOLDEN_ANGLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.degradations.gridding import Gridding

    Array = NDArray[np.float64]

ROUNDS = 12
"""Rounds of the density compensation."""
ABOVE = 1.02
"""How far beyond the ends of an interval rounding may put a frequency."""


def diameters(count: int, samples: int) -> Array:
    """Return a trajectory of diameters, each the golden angle further: cycles a pixel along Y and X, (count, samples, 2)."""
    radius = (np.arange(samples) - samples // 2) / samples
    angle = GOLDEN_ANGLE * np.arange(count)
    return radius[None, :, None] * np.stack([np.sin(angle), np.cos(angle)], -1)[:, None]


def in_cycles(given: NDArray[np.generic], side: int | None) -> tuple[Array, str]:
    """Return a trajectory in cycles a pixel, (lines, samples, 2), and a sentence on its unit where it had to be told.

    Parameters
    ----------
    given : array
        Frequencies along Y and X, (lines, samples, 2), in cycles a pixel (up to 0.5), radians a pixel (up to π), or periods a
        side (up to half of it).
    side : int, optional
        Pixels of the image along a side; None: as many as make the largest frequency 0.5.

    Raises
    ------
    ValueError
        If the shape is another one, or frequencies go beyond what pixels show.
    """
    found = np.asarray(given, np.float64)
    if found.ndim != 3 or found.shape[-1] != 2:
        raise ValueError(f"trajectory has shape {found.shape}: give (lines, samples, 2), frequencies along Y and X")
    if not np.isfinite(found).all():
        raise ValueError("trajectory holds values that are not finite")
    top = float(np.abs(found).max())
    if top <= 0.5 * ABOVE:
        return np.clip(found, -0.5, 0.5), ""
    if top <= np.pi * ABOVE:
        return np.clip(found / (2 * np.pi), -0.5, 0.5), f"The trajectory reaches to {top:.3g}: it was taken as radians a pixel."
    side = side or round(2 * top)
    if top > side / 2 * ABOVE:
        raise ValueError(f"the trajectory reaches to {top:.3g}, pixels show up to {side / 2:g} periods a side: give width")
    told = f"The trajectory reaches to {top:.3g}: it was taken as periods a side of {side} pixels."
    return np.clip(found / side, -0.5, 0.5), told


def density_weights(gridding: Gridding, count: int) -> NDArray[np.float32]:
    """Return weights of the samples, each for the area that it stands for: what transform and adjoint map to 1.

    They come of an iteration (Pipe & Menon 1999).
    """
    weights = torch.ones(1, count, dtype=torch.complex64)
    for _ in range(ROUNDS):
        weights = weights / gridding(gridding.adjoint(weights)).abs().clamp_min(1e-9)
    return np.asarray(weights.real[0].numpy())
