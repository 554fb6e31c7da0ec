"""Measurements with intervals: means, intensities, areas and counts of regions, from samples of the posterior.

An interval of every pixel says nothing about a sum of pixels, which err together. So a quantity is computed on every sample; how
it varies between them is how well it is known.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEWEST = 4
"""Samples that an interval needs."""


@dataclass(frozen=True)
class Quantity:
    """A number with its interval.

    Parameters
    ----------
    region : int
        The label of the region; 0 for what has none.
    frame : tuple of int
        Where along the axes in front of those of the regions, such as time.
    name : str
        "mean", "integrated", "area" or "count".
    unit : str
        "grey level", "pixel", "objects", or the unit of an area.
    level : float
        Probability with which the interval holds the truth, if the samples are right.
    draws : array
        Its value on every sample, shape (samples,).
    """

    region: int
    frame: tuple[int, ...]
    name: str
    unit: str
    level: float
    draws: NDArray[np.float64] = field(repr=False)

    @property
    def value(self) -> float:
        """Its posterior mean."""
        return float(self.draws.mean())

    @property
    def std(self) -> float:
        """Its posterior standard deviation."""
        return float(self.draws.std())

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end: Student's, not beyond 0 for areas; of a count, which is a whole number, quantiles."""
        if self.name == "count":
            tail = 50 * (1 - self.level)
            low, high = np.percentile(self.draws, (tail, 100 - tail), method="closest_observation")
            return float(low), float(high)
        half = student(self.level, len(self.draws)) * self.std
        low = self.value - half
        return (max(0.0, low) if self.name == "area" else low), self.value + half

    @property
    def distribution(self) -> dict[float, float]:
        """Every value that samples have, and their share."""
        return {value: number / len(self.draws) for value, number in sorted(Counter(self.draws.tolist()).items())}


@dataclass(frozen=True)
class Comparison:
    """Whether a quantity is larger in one place than in another.

    Parameters
    ----------
    difference : Quantity
        Of the second less the first, on every sample.
    probability : float
        Probability that the second is larger: near 1 or 0 the difference is real, near 0.5 the data do not say.
    """

    difference: Quantity
    probability: float


def measure_regions(
    samples: NDArray[Any],
    regions: NDArray[Any],
    *,
    level: float = 0.9,
    threshold: float | None = None,
    pixel: float = 1.0,
    unit: str = "pixel",
    axes: int = 0,
) -> list[Quantity]:
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
    list of Quantity
        Frame by frame, region by region; missing pixels (NaN) are left out of a region.

    Raises
    ------
    ValueError
        If there are fewer than `FEWEST` samples, or the shapes do not go together.
    """
    samples, regions = np.asarray(samples), np.asarray(regions)
    check(samples, level)
    if regions.ndim >= samples.ndim or regions.shape != samples.shape[samples.ndim - regions.ndim :]:
        raise ValueError(
            f"regions of shape {regions.shape} do not lie on images of shape {samples.shape[1:]}: the last axes must agree"
        )
    if not regions.any():
        raise ValueError("the regions are empty: no pixel has a label")
    return list(_measured(samples, regions.astype(np.int64), level, threshold, pixel, unit, axes or regions.ndim))


def _measured(
    samples: NDArray[Any], labels: NDArray[np.int64], level: float, threshold: float | None, pixel: float, unit: str, axes: int
) -> Iterator[Quantity]:
    from scipy import ndimage

    several, touching = labels.ndim - axes, np.ones((3,) * axes)
    places: list[Any] = [] if several else ndimage.find_objects(labels)
    for frame in np.ndindex(samples.shape[1 : samples.ndim - axes]):
        regions = labels[frame[len(frame) - several :]]
        places = ndimage.find_objects(regions) if several else places
        for label, place in enumerate(places, start=1):
            if place is None:
                continue
            crops = samples[(slice(None), *frame, *place)].astype(np.float64)
            inside = (regions[place] == label) & np.isfinite(crops).all(0)
            if not inside.any():
                continue
            pixels = crops[:, inside]
            yield Quantity(label, frame, "mean", "grey level", level, pixels.mean(1))
            yield Quantity(label, frame, "integrated", "grey level", level, pixels.sum(1))
            if threshold is not None:
                above = (crops > threshold) & inside
                counts = np.array([ndimage.label(each, touching)[1] for each in above], dtype=float)
                yield Quantity(label, frame, "area", unit, level, pixel * above.reshape(len(above), -1).sum(1))
                yield Quantity(label, frame, "count", "objects", level, counts)


def compare(first: Quantity, second: Quantity, *, together: bool = True) -> Comparison:
    """Tell whether a quantity is larger in the second place than in the first.

    Parameters
    ----------
    first, second : Quantity
        The same quantity of two regions, or of two frames.
    together : bool
        Whether both were measured on the same samples, whose errors may go together; otherwise, as for two images that were
        sampled apart, every draw of one is set against every draw of the other.
    """
    if first.name != second.name:
        raise ValueError(f"a {first.name} and a {second.name} cannot be compared: choose the same quantity of both")
    if together and len(first.draws) != len(second.draws):
        raise ValueError(
            f"both need as many samples (got {len(first.draws)} and {len(second.draws)}): compare them as sampled apart"
        )
    draws = second.draws - first.draws if together else (second.draws[:, None] - first.draws).ravel()
    count = min(len(first.draws), len(second.draws))
    difference = Quantity(0, (), "difference", first.unit, first.level, draws)
    if first.name == "count":
        return Comparison(difference, float(np.mean(draws > 0) + np.mean(draws == 0) / 2))
    from scipy.stats import t

    spread = difference.std
    certain = 0.5 if difference.value == 0 else float(difference.value > 0)
    return Comparison(difference, float(t.cdf(difference.value / spread, count // 2)) if spread > 0 else certain)


def as_csv(quantities: Sequence[Quantity]) -> str:
    """Return a table as comma-separated values: a line a quantity, counts with their distribution."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["region", "frame", "quantity", "unit", "value", "lower", "upper", "level", "std", "samples", "distribution"])
    for each in quantities:
        shares = " ".join(f"{value:g}:{share:.3g}" for value, share in each.distribution.items()) if each.name == "count" else ""
        numbers = [f"{number:.7g}" for number in (each.value, *each.interval, each.level, each.std)]
        frame = " ".join(map(str, each.frame))
        table.writerow([each.region, frame, each.name, each.unit, *numbers, len(each.draws), shares])
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


def student(level: float, count: int) -> float:
    """Return Student's quantile for a spread of so many samples, drawn in pairs of opposite noise: each is one square."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, count // 2))


def check(samples: NDArray[Any], level: float) -> None:
    """Refuse too few samples, and a level that is no probability."""
    if len(samples) < FEWEST:
        raise ValueError(f"an interval needs at least {FEWEST} samples (got {len(samples)}): draw more")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1 (got {level})")
