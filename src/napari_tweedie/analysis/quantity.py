"""Quantity: a measured number with its interval, drawn on samples or normal, and whether two of them differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Quantity:
    """A number with its interval; `Drawn` and `Normal` say how it is known.

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
        Probability with which the interval holds the truth, if the posterior is right.
    """

    region: int
    frame: tuple[int, ...]
    name: str
    unit: str
    level: float

    @property
    def value(self) -> float:
        """Its posterior mean."""
        raise TypeError(f"{type(self).__name__} has no value")

    @property
    def std(self) -> float:
        """Its posterior standard deviation."""
        raise TypeError(f"{type(self).__name__} has no standard deviation")

    @property
    def interval(self) -> tuple[float, float]:
        """Its lower and upper end."""
        raise TypeError(f"{type(self).__name__} has no interval")

    @property
    def samples(self) -> int:
        """How many samples it is known from; 0 where it took none."""
        return 0

    @property
    def distribution(self) -> dict[float, float]:
        """Every value that samples have, and their share."""
        return {}


@dataclass(frozen=True)
class Drawn(Quantity):
    """A number on every sample of the posterior.

    Parameters
    ----------
    draws : array
        Its values, shape (samples,).
    """

    draws: NDArray[np.float64] = field(repr=False)

    @property
    def value(self) -> float:
        return float(self.draws.mean())

    @property
    def std(self) -> float:
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
    def samples(self) -> int:
        return len(self.draws)

    @property
    def distribution(self) -> dict[float, float]:
        return {value: number / len(self.draws) for value, number in sorted(Counter(self.draws.tolist()).items())}


@dataclass(frozen=True)
class Normal(Quantity):
    """A number with a normal law, from the covariance of the errors of a denoised image.

    Parameters
    ----------
    middle : float
        Its mean.
    loading : array
        Its standard deviation along independent directions: the scalar product of two of them is their covariance. Shape (…,).
    """

    middle: float
    loading: NDArray[np.float64] = field(repr=False)

    @property
    def value(self) -> float:
        return self.middle

    @property
    def std(self) -> float:
        return float(np.linalg.norm(self.loading))

    @property
    def interval(self) -> tuple[float, float]:
        half = normal(self.level) * self.std
        return self.middle - half, self.middle + half


@dataclass(frozen=True)
class Comparison:
    """Whether a quantity is larger in one place than in another.

    Parameters
    ----------
    difference : Quantity
        Of the second less the first.
    probability : float
        Probability that the second is larger: near 1 or 0 the difference is real, near 0.5 the data do not say.
    """

    difference: Quantity
    probability: float


def compare(first: Quantity, second: Quantity, *, together: bool = True) -> Comparison:
    """Tell whether a quantity is larger in the second place than in the first.

    Parameters
    ----------
    first, second : Quantity
        The same quantity of two regions, or of two frames, both drawn or both normal.
    together : bool
        Whether both were measured on the same samples, whose errors may go together, or in one go; otherwise, as for two images
        that were measured apart, their errors have nothing to do with each other.
    """
    if first.name != second.name:
        raise ValueError(f"a {first.name} and a {second.name} cannot be compared: choose the same quantity of both")
    common = (0, (), "difference", first.unit, first.level)
    if isinstance(first, Normal) and isinstance(second, Normal):
        one_go = together and first.frame == second.frame
        loading = second.loading - first.loading if one_go else np.append(first.loading, second.loading)
        normal_ = Normal(*common, second.middle - first.middle, loading)
        return Comparison(normal_, _above(normal_))
    if not (isinstance(first, Drawn) and isinstance(second, Drawn)):
        raise ValueError("one of the quantities is known from samples, the other is not: measure both in the same way")
    if together and len(first.draws) != len(second.draws):
        raise ValueError(
            f"both need as many samples (got {len(first.draws)} and {len(second.draws)}): compare them as sampled apart"
        )
    draws = second.draws - first.draws if together else (second.draws[:, None] - first.draws).ravel()
    drawn = Drawn(*common, draws)
    if first.name == "count":
        return Comparison(drawn, float(np.mean(draws > 0) + np.mean(draws == 0) / 2))
    return Comparison(drawn, _above(drawn, min(first.samples, second.samples) // 2))


def _above(difference: Quantity, freedom: int = 0) -> float:
    """Return the probability that a difference is above 0, by Student's law of so many degrees of freedom; 0: the normal one."""
    from scipy.stats import norm, t

    if difference.std == 0:
        return 0.5 if difference.value == 0 else float(difference.value > 0)
    ratio = difference.value / difference.std
    return float(t.cdf(ratio, freedom) if freedom else norm.cdf(ratio))


def student(level: float, count: int) -> float:
    """Return Student's quantile for a spread of so many samples, drawn in pairs of opposite noise: each is one square."""
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, count // 2))


def normal(level: float) -> float:
    """Return how many standard deviations to both sides of its mean hold a normal variable with this probability."""
    from scipy.stats import norm

    return float(norm.ppf((1 + level) / 2))
