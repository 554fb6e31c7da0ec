"""Noise in the dark: after stabilisation, counts that a camera has cut off at zero are steadier than the rest of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WIDTH = 2.5
"""Standard deviation, in pixels, of the Gaussian that tells how bright an image is at a place."""
PER_BIN, BINS = 1000, 16
"""Pixels for which a noise level of their brightness is told, and at most how many such levels."""
STEADY = 0.9
"""Share of the noise level below which pixels of a brightness are steadier beyond doubt: of 1000, the level is known to 3 %."""


def levels_by_brightness(image: NDArray[np.floating], sigma: float) -> NDArray[np.float32] | None:
    """Return the standard deviation of white noise at every pixel, as it goes with the brightness around; None: it is even.

    It is the root mean square of the second difference ``(a − b − c + d) / 2`` of 2 × 2 pixels of alike brightness, which has the
    variance of the noise and little of the image; what the image adds to it is kept from counting, as no level exceeds `sigma`.

    Parameters
    ----------
    image : array
        Noisy plane, shape (Y, X).
    sigma : float
        Its noise level, in the same units.
    """
    count = min(BINS, image.size // PER_BIN)
    if count < 2:
        return None
    values = image.astype(np.float64)
    around = ndimage.gaussian_filter(values, WIDTH)
    second = (values[:-1, :-1] - values[1:, :-1] - values[:-1, 1:] + values[1:, 1:]) / 2
    order = np.argsort(around[:-1, :-1], axis=None)
    groups = np.array_split(order, count)
    brightness = [around[:-1, :-1].ravel()[group].mean() for group in groups]
    found = np.array([np.sqrt(np.mean(second.ravel()[group] ** 2)) for group in groups])
    found = np.where(found < STEADY * sigma, found, sigma)
    if (found == sigma).all() or not (found > 0).all():
        return None
    return np.asarray(np.interp(around, brightness, found), np.float32)
