"""Contrast of results: limits in which a result is seen well, and its input beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import ArrayLike, NDArray

CUT = (0.1, 99.9)
"""Percentiles of a result between which it is shown."""
LEAST_SHARE = 1 / 3
"""Of the range of an input that is seen beside its result: with less, noise is black and white."""
Look = tuple[tuple[float, float], float]
"""Limits and gamma."""
MOST = 2**17
"""Pixels that are looked at."""


def sampled(array: Any, most: int = MOST) -> NDArray[Any]:
    """Return about so many pixels of an array, evenly spread, that are finite, in one row; its last axis may be colour."""
    step = max(1, int(np.ceil((np.prod(array.shape) / most) ** (1 / max(1, array.ndim)))))
    values = np.asarray(array[(slice(None, None, step),) * array.ndim]).ravel()
    if values.dtype == bool:  # which has no percentiles
        values = values.astype(np.uint8)
    return values[np.isfinite(values)]


def limits_within(
    values: ArrayLike, given: tuple[float, float], least: float = 0.0, brighter: bool = False
) -> tuple[float, float]:
    """Return the limits in which an image without its noise is seen well.

    The limits of its input hold noise, too: in them a clean image is pale, and its ground grey. So they are narrowed to what the
    image holds, and never widened, as somebody may have narrowed them on purpose.

    Parameters
    ----------
    values : array-like
        Pixels of the image.
    given : tuple of float
        The limits of its input.
    least : float
        Range that is not gone below, such as the level of the noise: what is finer is not to look like structure.
    brighter : bool
        Whether the image may be brighter than its input, as one that was sharpened is.
    """
    pixels = np.asarray(values)
    if not pixels.size:
        return given
    low, high = (float(value) for value in np.percentile(pixels, CUT))
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    low, high = max(low, given[0]), high if brighter else min(high, given[1])
    return (low, high) if high > low else given


def fit_contrast(layer: Image, kind: str = "difference") -> None:
    """Fit the limits of a difference, which are symmetric, or of a spread; those of an image to all that it holds."""
    if layer.rgb:
        return
    pixels = sampled(layer.data)
    if kind == "image":
        low, high = np.percentile(pixels, CUT) if pixels.size else (0.0, 0.0)
        layer.contrast_limits = (low, high) if high > low else (low, low + 1)
        return
    pixels = pixels[pixels != 0]  # what is still to come is zero
    highest = float(np.percentile(np.abs(pixels), CUT[1])) if pixels.size else 1.0
    layer.contrast_limits = (-highest if kind == "difference" else 0.0, highest)


def look_of(layer: Image) -> Look:
    """Return the limits and the gamma of a layer."""
    low, high = layer.contrast_limits
    return (low, high), layer.gamma


def is_brighter(result: Image, source: Image) -> bool:
    """Tell whether a result was sharpened, so that its input is dark in the same contrast."""
    return bool(result.contrast_limits[1] > source.contrast_limits[1])


def look_of_both(result: Image, source: Image) -> Look:
    """Return limits and gamma in which a result is seen beside its input: its own, unless the input's noise is far stronger."""
    (low, high), gamma = look_of(result)
    wanting = LEAST_SHARE * (source.contrast_limits[1] - source.contrast_limits[0]) - (high - low)
    more = max(0.0, wanting) / 2
    return (low - more, high + more), gamma


class Lent:
    """The contrast of a result, lent to its input for as long as that is seen in the place of the result."""

    def __init__(self) -> None:
        self._result: Image | None = None
        self._source: Image | None = None
        self._own: Look = ((0.0, 1.0), 1.0)
        self._lent = self._own

    def lend(self, result: Image, source: Image) -> None:
        """Show the input as the result is shown, unless that was sharpened."""
        self.give_back()
        if result.rgb or source.rgb or is_brighter(result, source):
            return
        self._result, self._source = result, source
        self._own, self._lent = look_of(source), look_of_both(result, source)
        source.contrast_limits, source.gamma = self._lent
        result.events.visible.connect(self.give_back)

    def give_back(self, event: object = None) -> None:
        """Show the input as before, unless its contrast was changed meanwhile."""
        result, source = self._result, self._source
        self._result = self._source = None
        if result is None or source is None:
            return
        result.events.visible.disconnect(self.give_back)
        if look_of(source) == self._lent:
            source.contrast_limits, source.gamma = self._own
