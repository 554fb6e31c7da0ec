"""Detail of a plane: its spectrum beside that of its noise, and where the one is lost in the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.similarity import power_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.degradations.correlation import Correlation

SEEN = 2.0
"""Power of image and noise over that of the noise alone from which on detail is seen."""
LEAST_POWER = 1e-7
"""Share of the strongest power below which there is no detail, noise or not: what rounding and windows leave."""
SMOOTHED = 5
"""Rings that are averaged."""


@dataclass(frozen=True)
class Detail:
    """How strong a plane is at every frequency, and its noise.

    Parameters
    ----------
    frequency : array
        Cycles per pixel, rising to 0.5.
    power : array
        Power of the plane on rings of equal frequency, in squared grey levels.
    noise : array
        What of it is noise.
    finest : float
        Period in pixels of the finest detail that stands out of the noise; infinite where none does.
    """

    frequency: NDArray[np.float64]
    power: NDArray[np.float64]
    noise: NDArray[np.float64]
    finest: float


def measure_detail(plane: NDArray[Any], level: float, correlation: Correlation | None = None) -> Detail:
    """Compare the spectrum of a plane with that of its noise.

    Detail ends at the first ring, of five averaged, whose power is less than twice that of the noise: beyond, most of what is
    seen is noise. A blur and a noise level both end it; what ended it is not told.

    Parameters
    ----------
    plane : array
        Plane (Y, X) of at least 16 pixels a side; missing pixels as NaN, which count as the mean.
    level : float
        Standard deviation of its noise, in grey levels, ≥ 0.
    correlation : Correlation, optional
        How neighbouring pixels share noise; None: not at all.

    Raises
    ------
    ValueError
        If the plane is smaller, or holds no number.
    """
    if plane.ndim != 2 or min(plane.shape) < 16:
        raise ValueError(f"detail is measured on planes (Y, X) of at least 16 pixels a side (got {plane.shape})")
    values, known = plane.astype(np.float64), np.isfinite(plane)
    if not known.any():
        raise ValueError("the plane holds no numbers: every pixel is NaN or infinite")
    frequency, power = power_spectrum(np.where(known, values, values[known].mean()))
    noise = level**2 * _shape(correlation, plane.shape, len(frequency))
    smooth = np.convolve(np.pad(power, SMOOTHED // 2, mode="edge"), np.full(SMOOTHED, 1 / SMOOTHED), mode="valid")
    lost = np.flatnonzero(smooth < np.maximum(SEEN * noise, LEAST_POWER * smooth.max()))
    end = int(lost[0]) if lost.size else len(frequency) - 1
    return Detail(frequency, power, noise, float(1 / frequency[end]) if end else float("inf"))


def _shape(correlation: Correlation | None, shape: tuple[int, ...], rings: int) -> NDArray[np.float64]:
    """Return the power of noise of level 1 on the rings of `power_spectrum`."""
    if correlation is None:
        return np.ones(rings)
    height, width = shape
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.minimum(np.rint(radius * min(shape)).astype(int), rings + 1).ravel()
    spectrum = correlation.spectrum((height, width)).ravel()
    mean = np.bincount(ring, spectrum, rings + 2) / np.maximum(np.bincount(ring, minlength=rings + 2), 1)
    return np.asarray(mean[1 : rings + 1])


def liveliest(image: NDArray[Any], most: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the part of an image, of at most so many pixels along each axis, that varies most."""
    sides = [min(n, side) for n, side in zip(image.shape, most, strict=True)]
    starts = [sorted({*range(0, n - side + 1, max(1, side // 2)), n - side}) for n, side in zip(image.shape, sides, strict=True)]
    parts = [tuple(slice(a, a + n) for a, n in zip(corner, sides, strict=True)) for corner in product(*starts)]
    return max(parts, key=lambda part: float(image[part].std()))
