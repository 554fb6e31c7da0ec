"""Traces of compression by the JPEG method: steps at the borders of squares of 8 × 8 pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIDE = 8
"""Pixels of a square along each axis."""
HIGHER, CERTAIN = 1.06, 5.0
"""How many times the usual step between neighbours that at borders is at least, and by how many standard errors it exceeds it."""


def is_compressed(planes: Sequence[NDArray[Any]]) -> bool:
    """Tell whether planes (Y, X), missing pixels as NaN, were compressed in squares: their borders stand out."""
    return bool(planes) and all(_has_grid(plane) and _has_grid(plane.T) for plane in planes)


def _has_grid(plane: NDArray[Any]) -> bool:
    """Tell whether one in eight steps from row to row is larger than the others, wherever the squares begin."""
    steps = np.abs(np.diff(plane.astype(np.float64), axis=0))
    known = np.isfinite(steps)
    if len(plane) < 4 * SIDE or not known.any():
        return False
    steps = np.where(known, steps, steps[known].mean())
    usual = float(np.median(steps)) or float(steps.mean())
    lines = np.minimum(steps, 4 * usual).mean(1)  # edges count little
    lines = lines[: len(lines) // SIDE * SIDE].reshape(-1, SIDE)
    means = lines.mean(0)
    border = int(means.argmax())
    others = np.delete(lines, border, axis=1)
    error = (lines[:, border] - others.mean(1)).std() / len(lines) ** 0.5
    excess = means[border] - others.mean()
    return bool(means[border] > HIGHER * others.mean() and excess > CERTAIN * error)
