"""Registration and intensities of two images of one scene, before a network learns one from the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

FAR = 1.0
"""Shift in pixels beyond which a pair is refused."""
SMOOTH = 2.0
"""Standard deviation, in pixels, of the blur under which noise does not hide what two images share."""


def shift_between(image: NDArray[Any], target: NDArray[Any]) -> tuple[float, float]:
    """Return how far, in pixels along y and x, `target` must be moved to lie on `image`; both of shape (Y, X).

    The peak of the correlation of the smoothed images, to a tenth of a pixel.
    """
    planes = [gaussian_filter(np.asarray(plane, np.float64), SMOOTH) for plane in (image, target)]
    edges = [plane - gaussian_filter(plane, 8 * SMOOTH) for plane in planes]
    shift, _, _ = phase_cross_correlation(*edges, upsample_factor=10, normalization=None)
    return float(shift[0]), float(shift[1])


def check_registered(image: NDArray[Any], target: NDArray[Any], name: str = "the target") -> None:
    """Refuse a target that is shifted against its image.

    Raises
    ------
    ValueError
        If the shapes differ, or the shift is more than a pixel.
    """
    if image.shape != target.shape:
        raise ValueError(f"{name} has shape {target.shape}, its image {image.shape}: they must show the same pixels")
    shift = shift_between(image, target)
    if max(map(abs, shift)) > FAR:
        down, across = shift
        raise ValueError(
            f"{name} lies {down:+.1f} pixels along y and {across:+.1f} along x from its image (limit {FAR:g}): "
            "register them first"
        )


def matched_intensity(image: NDArray[Any], target: NDArray[Any]) -> tuple[float, float]:
    """Return a and b such that ``a · target + b`` has the grey levels of `image`, by least squares under a blur.

    Noise of the target would flatten the slope; the blur takes most of it away. A target that says nothing of the image, or
    its negative, gets the slope of their standard deviations.
    """
    y, x = (gaussian_filter(np.asarray(plane, np.float64), SMOOTH).ravel() for plane in (image, target))
    dx, dy = x - x.mean(), y - y.mean()
    power = float(dx @ dx)
    slope = float(dx @ dy) / power if power > 0 else 1.0
    if slope <= 0:
        slope = float(dy.std() / dx.std()) if power > 0 and dy.any() else 1.0
    return slope, float(y.mean() - slope * x.mean())
