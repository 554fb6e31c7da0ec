"""Support of structure: where an image shows what the samples of the posterior do not agree on, so that it may be invented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.measurements import check
from napari_tweedie.analysis.quantity import student

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZES = (1.0, 2.0)
"""Sizes (standard deviations), in pixels, of the structures that are looked for."""
SURROUND = 2.0
"""How many times as wide the surroundings are that a structure is compared with."""
VISIBLE = 0.03
"""Contrast, as a share of the image's range, from which on a structure is seen: that of a spot of a tenth of the range."""
FEWEST_PIXELS = 4
"""Pixels beside one another that a structure has at least: fewer are chance, of the many places that are looked at."""
RANGE = (0.5, 99.5)
"""Percentiles between which the range lies."""


def unsupported(samples: NDArray[Any], image: NDArray[Any] | None = None, *, level: float = 0.95) -> NDArray[np.bool_]:
    """Return where an image shows structure that the measurement does not support.

    The contrast of a pixel is the mean around it less that of wider surroundings. Structure is supported where the contrast has
    the sign that the image shows with the stated probability, by its mean and spread over the samples.

    Parameters
    ----------
    samples : array
        Samples of the posterior, shape (samples, …, Y, X); planes are looked at one by one.
    image : array, optional
        What is judged, shape (…, Y, X), such as a restored image of the same measurement; by default the mean of the samples.
    level : float
        Probability, between 0 and 1, that structure must be there with to count as supported.

    Returns
    -------
    array of bool
        Shape (…, Y, X). False where nothing is seen: even ground claims nothing.

    Raises
    ------
    ValueError
        If there are too few samples, or the image has another shape.
    """
    samples = np.asarray(samples)
    check(samples, level)
    mean = samples.mean(0, dtype=np.float64)
    shown = mean if image is None else np.asarray(image, dtype=np.float64)
    if shown.shape != mean.shape:
        raise ValueError(f"the image has shape {shown.shape}, the samples {mean.shape}: take those of the same measurement")
    known = np.isfinite(shown) & np.isfinite(mean)
    if not known.any():
        return np.zeros(mean.shape, bool)
    least = VISIBLE * float(np.subtract(*np.percentile(shown[known], RANGE[::-1])))
    width, found = student(2 * level - 1, len(samples)), np.zeros(mean.shape, bool)
    for size in SIZES:
        seen = contrast(np.where(known, shown, mean), size)
        squares = np.zeros(mean.shape)
        middle = contrast(mean, size)
        for sample in samples:
            squares += (contrast(sample, size) - middle) ** 2
        agreed = middle * np.sign(seen) > width * np.sqrt(squares / len(samples))
        found |= (np.abs(seen) > least) & ~agreed
    return _without_specks(found & known)


def _without_specks(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the marks of planes (…, Y, X) without groups of fewer than `FEWEST_PIXELS`, joined along edges and corners."""
    from scipy.ndimage import label

    joined = np.zeros((3,) * found.ndim, int)
    joined[(1,) * (found.ndim - 2)] = 1
    groups, _ = label(found, joined)
    large = np.bincount(groups.ravel()) >= FEWEST_PIXELS
    large[0] = False
    return np.asarray(large[groups])


def contrast(image: NDArray[Any], size: float) -> NDArray[np.float64]:
    """Return the mean around every pixel of planes (…, Y, X) less that of wider surroundings."""
    from scipy.ndimage import gaussian_filter

    plane = np.nan_to_num(np.asarray(image, dtype=np.float64))
    around = [gaussian_filter(plane, (0,) * (plane.ndim - 2) + (width, width)) for width in (size, SURROUND * size)]
    return np.asarray(around[0] - around[1])
