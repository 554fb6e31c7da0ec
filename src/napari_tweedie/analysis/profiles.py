"""Line profiles with a band, from samples of the posterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.measurements import check
from napari_tweedie.analysis.quantity import student

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Profile:
    """Grey levels along a line, with a band.

    Parameters
    ----------
    distance, mean, lower, upper : array
        Distance from its start in the unit of the spacing, posterior mean, and the ends of the interval, shape (points,).
    """

    distance: NDArray[np.float64]
    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def line_profile(
    samples: NDArray[Any], start: Sequence[float], end: Sequence[float], *, level: float = 0.9, spacing: Sequence[float] = ()
) -> Profile:
    """Return the grey levels along a line between two pixels, about one a pixel, with their interval.

    Parameters
    ----------
    samples : array
        Samples of the posterior, shape (samples, [Z,] Y, X).
    start, end : sequence of float
        Its ends in pixels, an axis each.
    level : float
        Probability of the interval of every point.
    spacing : sequence of float
        Size of a pixel along every axis; 1 if it is empty.
    """
    from scipy.ndimage import map_coordinates

    check(samples, level)
    ends = np.array([start, end], dtype=float)
    if ends.shape[1] != samples.ndim - 1:
        raise ValueError(f"a line in an image of {samples.ndim - 1} axes needs ends of as many numbers (got {ends.shape[1]})")
    points = points_along(start, end)
    values = np.array([map_coordinates(each.astype(np.float64), points, order=1, mode="nearest") for each in samples])
    mean, half = values.mean(0), student(level, len(samples)) * values.std(0)
    return Profile(distances(points, spacing), mean, mean - half, mean + half)


def points_along(start: Sequence[float], end: Sequence[float]) -> NDArray[np.float64]:
    """Return points on a line between two pixels, about one a pixel, shape (axes, points)."""
    first, last = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    length = float(np.linalg.norm(last - first))
    if length == 0:
        raise ValueError("a line needs two different ends")
    return np.asarray(first[:, None] + np.linspace(0, 1, round(length) + 1) * (last - first)[:, None])


def distances(points: NDArray[np.float64], spacing: Sequence[float] = ()) -> NDArray[np.float64]:
    """Return how far points on a line, shape (axes, points), are from the first, with pixels of this size along every axis."""
    sizes = np.asarray(spacing, dtype=float) if len(spacing) else np.ones(len(points))
    return np.asarray(np.linalg.norm((points - points[:, :1]) * sizes[:, None], axis=0))
