"""Measurements of an image with intervals: of a denoised one from the covariance of its errors, else from samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.measurements import FEWEST, check_asked, measure_regions, numbered, widened
from napari_tweedie.analysis.profiles import Profile, distances, line_profile, points_along
from napari_tweedie.analysis.quantity import Normal, Quantity, normal
from napari_tweedie.core.method import checked
from napari_tweedie.core.results import Result
from napari_tweedie.engine.functions import run_job, sample
from napari_tweedie.images.arrays import as_array, fetched
from napari_tweedie.images.axes import spatial_count
from napari_tweedie.images.sources import as_picture
from napari_tweedie.images.units import area_of_pixel

if TYPE_CHECKING:
    from numpy.typing import NDArray


SAMPLES = 16
"""Samples that are drawn where it takes some: the ends of an interval of 16 are known to about a tenth of its width."""
OF_SAMPLES = ("degradation", "sampler")
"""Parameters with which measurements are those of samples."""


def measure(
    image: Any, regions: Any, *, threshold: float | None = None, level: float = 0.9, samples: int | None = None, **fields: Any
) -> list[Quantity]:
    """Measure regions of an image, each number with its interval.

    Where noise is all that happened to it, means and integrated intensities are those of the denoised image, and their intervals
    follow from the covariance of its errors, σ² times the denoiser's Jacobian, which takes a call of the denoiser around each
    region. Otherwise, and for areas and objects, samples of the posterior are drawn.

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
    samples : int, optional
        How many samples are drawn, also where it would take none; by default as many as it takes, `SAMPLES` or none.
    **fields
        Further parameters of `sample`, such as ``degradation``, ``sigma`` or ``denoiser``.

    Returns
    -------
    list of Quantity
        With ``.region``, ``.frame``, ``.name``, ``.value``, ``.interval``, ``.std`` and, from samples, ``.draws``: "mean" and
        "integrated", and with a threshold "area", in the unit of the pixel size where that is known, and "count".

    Raises
    ------
    ValueError
        As `sample`, and if the regions do not lie on the image or there are too few samples.
    """
    labels, threshold = labels_of(regions), check_asked(level, threshold)
    if isinstance(image, Result):
        return measured(image, labels, threshold=threshold, level=level)
    if threshold is None and samples is None and not any(name in fields for name in OF_SAMPLES):
        return summed(_instant(image, {"labels": labels, "level": level}, fields), labels.ndim)
    if samples is not None and checked(int, samples=samples) < FEWEST:
        raise ValueError(f"an interval needs at least {FEWEST} samples (got {samples}): draw more")
    drawn = sample(image, samples=samples or SAMPLES, **fields)
    return measured(drawn, labels, threshold=threshold, level=level)


def profile(
    image: Any, start: Sequence[float], end: Sequence[float], *, level: float = 0.9, samples: int | None = None, **fields: Any
) -> Profile:
    """Return the grey levels of an image along a line, about one a pixel, each with its interval.

    Parameters
    ----------
    image, level, samples, **fields
        As for `measure`: of a plane, or of a volume with ``volume=True``.
    start, end : sequence of float
        Its ends in pixels, an axis each.

    Raises
    ------
    ValueError
        As `measure`, and if the image has frames or channels.
    """
    points = points_along(start, end)
    if not isinstance(image, Result) and samples is None and not any(name in fields for name in OF_SAMPLES):
        result = _instant(image, {"lines": [[*map(float, start), *map(float, end)]], "level": level}, fields)
        blocks = result.provenance["read"]["blocks"]
        if len(blocks) != 1:
            raise ValueError(f"a profile is that of one plane or volume, and the image has {len(blocks)}: choose one of them")
        return profiles_of(result, blocks[0], [points], result.provenance["recipe"]["spacing"])[0]
    result = image if isinstance(image, Result) else sample(image, samples=samples or SAMPLES, **fields)
    stack = _samples_of(result)
    spacing = result.provenance["recipe"]["spacing"]
    return line_profile(stack, start, end, level=level, spacing=spacing if len(spacing) == len(points) else ())


def summed(result: Result, axes: int) -> list[Quantity]:
    """Return means and integrated intensities of the regions of what the job measure found.

    Parameters
    ----------
    result : Result
        Of that job.
    axes : int
        How many axes the regions have; planes along those are parts of one region.
    """
    recipe, axes = result.provenance["recipe"], min(axes, spatial_count(result.provenance["axes"]))
    kept, level, factor = len(result.provenance["axes"]) - axes, recipe["regions"]["level"], recipe["interval"]["factor"]
    frames: dict[tuple[int, ...], list[Mapping[str, Any]]] = {}
    for block in result.provenance["read"]["blocks"]:
        frames.setdefault(tuple(block["index"][:kept]), []).append(block)
    found: list[Quantity] = []
    for frame, blocks in sorted(frames.items()):
        labels = sorted({label for block in blocks for label in block["labels"]})
        pixels, sums, loadings = _added(blocks, labels)
        for label, count, total, loading in zip(labels, pixels, sums, factor * loadings, strict=True):
            found.append(Normal(label, frame, "mean", "grey level", level, float(total / count), loading / count))
            found.append(Normal(label, frame, "integrated", "grey level", level, float(total), loading))
    if not found:
        raise ValueError("the regions are empty: no pixel has a label")
    return found


def profiles_of(
    result: Result, block: Mapping[str, Any], lines: Sequence[NDArray[np.float64]], spacing: Sequence[float]
) -> list[Profile]:
    """Return the profiles of a block of what the job measure found, along lines of these points, shape (axes, points) each."""
    recipe, profiles = result.provenance["recipe"], []
    half = normal(recipe["regions"]["level"]) * recipe["interval"]["factor"]
    for line, points in zip(block["profiles"], lines, strict=True):
        values, stds = np.array(line["values"]), np.array(line["stds"])
        along = distances(points, spacing[-len(points) :] if len(spacing) >= len(points) else ())
        profiles.append(Profile(along, values, values - half * stds, values + half * stds))
    return profiles


def _instant(image: Any, regions: Mapping[str, Any], fields: Mapping[str, Any]) -> Result:
    """Run the job measure."""
    given = {name: value for name, value in regions.items() if name != "labels"}
    labels = {"labels": regions["labels"]} if "labels" in regions else {}
    return run_job("measure", image, dict(fields), inputs=labels, regions=given)


def _added(
    blocks: Sequence[Mapping[str, Any]], labels: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return pixels, sums, and loadings of the regions of a frame, whose blocks err apart."""
    pixels, sums, covariance = np.zeros(len(labels)), np.zeros(len(labels)), np.zeros((len(labels), len(labels)))
    for block in blocks:
        places = np.searchsorted(labels, block["labels"])
        pixels[places] += block["pixels"]
        sums[places] += block["sums"]
        for row, column, value in block["covariance"]:
            a, b = places[int(row)], places[int(column)]
            covariance[a, b] += value
            covariance[b, a] += value if a != b else 0.0
    variances = covariance.diagonal()
    values, vectors = np.linalg.eigh(covariance)
    loadings = vectors * np.sqrt(values.clip(0))
    stated = np.linalg.norm(loadings, axis=1)  # a network's Jacobian is not quite symmetric and positive
    scale = np.divide(np.sqrt(variances), stated, out=np.zeros(len(labels)), where=stated > 0)
    return pixels, sums, loadings * scale[:, None]


def labels_of(regions: Any) -> NDArray[Any]:
    """Return the labels of regions, an array-like, a layer or a file, with errors before anything is sampled.

    Raises
    ------
    ValueError
        If they are no whole numbers from 0, or there are none.
    OSError
        If they cannot be read.
    """
    labels = fetched(as_array(as_picture(regions).data, "image of regions"))
    numbered(labels)
    return labels


def measured(result: Result, labels: NDArray[Any], *, threshold: float | None = None, level: float = 0.9) -> list[Quantity]:
    """Measure regions on the samples of a result; parameters are those of `measure`."""
    stack, recipe = _samples_of(result), result.provenance["recipe"]
    axes = min(labels.ndim, spatial_count(result.provenance["axes"]))
    pixel, unit = pixel_of(recipe, axes, result.zoom)
    return list(measure_regions(stack, labels, threshold=threshold, level=level, pixel=pixel, unit=unit, axes=axes))


def _samples_of(result: Result) -> NDArray[Any]:
    """Return the samples of a result, as wide apart as calibration found."""
    if "samples" not in result.images:
        there = ", ".join(result.images)
        raise ValueError(
            f"intervals need samples of the posterior, and this result holds {there}: make it by `sample`, or measure the image "
            "that it was made of"
        )
    return widened(result.images["samples"], result.provenance["recipe"]["interval"]["factor"])


def pixel_of(recipe: Mapping[str, Any], axes: int, zoom: tuple[float, ...] = ()) -> tuple[float, str]:
    """Return the area (volume) of a pixel of a result and its unit; 1 and "pixel" where the size is not known."""
    sizes = recipe["spacing"][-axes:]
    if len(sizes) < axes:
        return 1.0, "pixel"
    factors = zoom[-axes:] if zoom else (1.0,) * axes
    return area_of_pixel([size / factor for size, factor in zip(sizes, factors, strict=True)], recipe["unit"])
