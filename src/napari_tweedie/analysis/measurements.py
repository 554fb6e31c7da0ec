"""Measurements with intervals: means, intensities, areas and counts of regions from samples of the posterior, and tables.

An interval of every pixel says nothing about a sum of pixels, which err together. So a quantity is computed on every sample; how
it varies between them is how well it is known.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.quantity import Drawn
from napari_tweedie.core.method import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.analysis.quantity import Quantity

FEWEST = 4
"""Samples that an interval needs."""


def measure_regions(
    samples: NDArray[Any],
    regions: NDArray[Any],
    *,
    level: float = 0.9,
    threshold: float | None = None,
    pixel: float = 1.0,
    unit: str = "pixel",
    axes: int = 0,
) -> list[Drawn]:
    """Measure every region on every sample.

    Parameters
    ----------
    samples : array
        Samples of the posterior, shape (samples, …, [Z,] Y, X).
    regions : array of int
        A label for every pixel, 0 for none, over the last axes of the image, or over all of them.
    level : float
        Probability that an interval shall hold the truth with, between 0 and 1.
    threshold : float, optional
        Grey level above which a pixel counts for "area", and touching pixels, diagonally too, for one object of "count"; without
        it, only "mean" and "integrated" are measured.
    pixel : float
        Area (volume) of a pixel, in `unit`.
    unit : str
        Unit of areas.
    axes : int
        How many of the last axes a region has; along those before, frames of `regions` lie, too. 0: all that `regions` has.

    Returns
    -------
    list of Drawn
        Frame by frame, region by region; missing pixels (NaN) are left out of a region.

    Raises
    ------
    ValueError
        If there are fewer than `FEWEST` samples, or the shapes do not go together.
    """
    samples, regions = np.asarray(samples), np.asarray(regions)
    threshold = check_asked(level, threshold)
    check(samples, level)
    if regions.ndim >= samples.ndim or regions.shape != samples.shape[samples.ndim - regions.ndim :]:
        raise ValueError(
            f"regions of shape {regions.shape} do not lie on images of shape {samples.shape[1:]}: the last axes must agree"
        )
    names, labels = numbered(regions)
    return list(_measured(samples, labels, names, level, threshold, pixel, unit, axes or regions.ndim))


def numbered(regions: NDArray[Any]) -> tuple[list[int], NDArray[np.int64]]:
    """Return the labels that there are, and regions numbered by their place among them, from 1: labels may be huge.

    Raises
    ------
    ValueError
        If labels are no whole numbers from 0, or there are none.
    """
    values, numbers = np.unique(regions, return_inverse=True)
    if values.dtype.kind not in "buif" or not np.isfinite(values).all() or (values < 0).any() or (values % 1 != 0).any():
        raise ValueError("regions are labels, whole numbers from 0, where 0 is none: round them, or give those of a Labels layer")
    if not values.any():
        raise ValueError("the regions are empty: no pixel has a label")
    numbers = numbers.reshape(regions.shape) + (values[0] != 0)
    return [int(value) for value in values if value], numbers.astype(np.int64)


def _measured(
    samples: NDArray[Any], labels: NDArray[np.int64], names: Sequence[int], level: float, threshold: float | None,
    pixel: float, unit: str, axes: int,
) -> Iterator[Drawn]:  # fmt: skip
    from scipy import ndimage

    several, touching = labels.ndim - axes, np.ones((3,) * axes)
    places: list[Any] = [] if several else ndimage.find_objects(labels)
    for frame in np.ndindex(samples.shape[1 : samples.ndim - axes]):
        regions = labels[frame[len(frame) - several :]]
        places = ndimage.find_objects(regions) if several else places
        for number, place in enumerate(places, start=1):
            if place is None:
                continue
            label = names[number - 1]
            crops = samples[(slice(None), *frame, *place)].astype(np.float64)
            inside = (regions[place] == number) & np.isfinite(crops).all(0)
            if not inside.any():
                continue
            pixels = crops[:, inside]
            yield Drawn(label, frame, "mean", "grey level", level, pixels.mean(1))
            yield Drawn(label, frame, "integrated", "grey level", level, pixels.sum(1))
            if threshold is not None:
                above = (crops > threshold) & inside
                counts = np.array([ndimage.label(each, touching)[1] for each in above], dtype=float)
                yield Drawn(label, frame, "area", unit, level, pixel * above.reshape(len(above), -1).sum(1))
                yield Drawn(label, frame, "count", "objects", level, counts)


def as_csv(quantities: Sequence[Quantity]) -> str:
    """Return a table as comma-separated values: a line a quantity, counts with their distribution."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["region", "frame", "quantity", "unit", "value", "lower", "upper", "level", "std", "samples", "distribution"])
    for each in quantities:
        shares = " ".join(f"{value:g}:{share:.3g}" for value, share in each.distribution.items()) if each.name == "count" else ""
        numbers = [f"{number:.7g}" for number in (each.value, *each.interval, each.level, each.std)]
        frame = " ".join(map(str, each.frame))
        table.writerow([each.region, frame, each.name, each.unit, *numbers, each.samples, shares])
    return text.getvalue()


def as_features(quantities: Sequence[Quantity], frame: tuple[int, ...] = ()) -> dict[str, list[float]]:
    """Return the columns of a table with a row a region: "index", and value and ends of every quantity, in one of the frames."""
    first = [each for each in quantities if each.frame == frame]
    columns: dict[str, list[float]] = {"index": sorted({each.region for each in first})}
    found = {(each.region, each.name): each for each in first}
    for name in dict.fromkeys(each.name for each in first):
        ends = [(q.value, *q.interval) for region in columns["index"] for q in [found[int(region), name]]]
        columns |= {title: [row[k] for row in ends] for k, title in enumerate((name, f"{name} lower", f"{name} upper"))}
    return columns


def widened(samples: NDArray[Any], factor: float) -> NDArray[Any]:
    """Return samples that lie `factor` times as far from their mean, as calibration found that they should."""
    if factor == 1:
        return samples
    mean = samples.mean(0, dtype=np.float64)
    return np.asarray(mean + factor * (samples - mean), dtype=np.float32)


def check(samples: NDArray[Any], level: float) -> None:
    """Refuse too few samples, and a level that is no probability."""
    check_asked(level)
    if len(samples) < FEWEST:
        raise ValueError(f"an interval needs at least {FEWEST} samples (got {len(samples)}): draw more")


def check_asked(level: float, threshold: float | None = None) -> float | None:
    """Refuse a level that is no probability, and a threshold that is no number; return the threshold."""
    if not 0 < checked(float, level=level) < 1:
        raise ValueError(f"level must be between 0 and 1 (got {level})")
    return None if threshold is None else float(checked(float, threshold=threshold))
