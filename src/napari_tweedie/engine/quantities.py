"""Measurements of an image with intervals: its posterior sampled, and every region measured on every sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.measurements import Quantity, measure_regions, widened
from napari_tweedie.core.results import Result
from napari_tweedie.engine.functions import sample
from napari_tweedie.images.sources import as_picture
from napari_tweedie.images.units import area_of_pixel

if TYPE_CHECKING:
    from numpy.typing import NDArray


def measure(
    image: Any, regions: Any, *, threshold: float | None = None, level: float = 0.9, samples: int = 16, **fields: Any
) -> list[Quantity]:
    """Measure regions of an image, each number with its interval.

    Parameters
    ----------
    image : array-like, layer, path or Result
        As for `denoise`; or what `sample` returned, which is not sampled again.
    regions : array-like, layer or path
        A label for every pixel, 0 for none: of a plane (a volume) for all frames alike, or of every frame.
    threshold : float, optional
        Grey level above which pixels count as area and make up objects that are counted; without it, only means and integrated
        intensities are measured.
    level : float
        Probability of the intervals.
    samples : int
        How many samples are drawn; the ends of an interval of 16 are known to about a tenth of its width.
    **fields
        Further parameters of `sample`, such as ``degradation``, ``sigma`` or ``denoiser``.

    Returns
    -------
    list of Quantity
        With ``.region``, ``.frame``, ``.name``, ``.value``, ``.interval``, ``.std`` and ``.draws``: "mean" and "integrated", and
        with a threshold "area", in the unit of the pixel size where that is known, and "count".

    Raises
    ------
    ValueError
        As `sample`, and if the regions do not lie on the image or there are too few samples.
    """
    result = image if isinstance(image, Result) else sample(image, samples=samples, **fields)
    labels = np.asarray(as_picture(regions).data)
    return measured(result, labels, threshold=threshold, level=level)


def measured(result: Result, labels: NDArray[Any], *, threshold: float | None = None, level: float = 0.9) -> list[Quantity]:
    """Measure regions on the samples of a result; parameters are those of `measure`."""
    if "samples" not in result.images:
        there = ", ".join(result.images)
        raise ValueError(f"intervals need samples of the posterior, and this result holds {there}: make it by `sample`")
    recipe = result.provenance["recipe"]
    axes = min(labels.ndim, axes_of_regions(result.provenance["axes"]))
    pixel, unit = pixel_of(recipe, axes, result.zoom)
    samples = widened(result.images["samples"], recipe["interval"]["factor"])
    return measure_regions(samples, labels, threshold=threshold, level=level, pixel=pixel, unit=unit, axes=axes)


def axes_of_regions(axes: str) -> int:
    """Return how many of the last axes of an image a region may have: those that are spatial."""
    return len(axes) - len(axes.rstrip("zyx"))


def pixel_of(recipe: Mapping[str, Any], axes: int, zoom: tuple[float, ...] = ()) -> tuple[float, str]:
    """Return the area (volume) of a pixel of a result and its unit; 1 and "pixel" where the size is not known."""
    sizes = recipe["spacing"][-axes:]
    if len(sizes) < axes:
        return 1.0, "pixel"
    factors = zoom[-axes:] if zoom else (1.0,) * axes
    return area_of_pixel([size / factor for size, factor in zip(sizes, factors, strict=True)], recipe["unit"])
