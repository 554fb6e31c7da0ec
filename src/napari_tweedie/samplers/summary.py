"""Summary of samples: mean, standard deviation and intervals, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Summary:
    """A posterior, pixel by pixel.

    Parameters
    ----------
    mean, std : Tensor
        Posterior mean and standard deviation, shape (1, C, …).
    freedom : float
        Degrees of freedom of `std`: how many independent squares it is the mean of; infinite if it is no estimate from
        samples.
    """

    mean: Tensor
    std: Tensor
    freedom: float = inf

    def width(self, level: float) -> float:
        """Return half the width of the interval that holds the truth with probability `level`, in units of `std`.

        Student's quantile, as the standard deviation itself is an estimate: 1.86 for 90 % from 16 samples.
        """
        from scipy.stats import t

        return float(t.ppf((1 + level) / 2, self.freedom))

    def interval(self, level: float, factor: float = 1.0) -> tuple[Tensor, Tensor]:
        """Return the lower and the upper end of that interval, its width multiplied by `factor`."""
        half = factor * self.width(level) * self.std
        return self.mean - half, self.mean + half


class Running:
    """Mean and spread of samples that arrive in batches, in numbers that do not cancel (Chan, Golub & LeVeque 1983)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(())
        self.squares = torch.zeros(())

    def add(self, samples: Tensor) -> None:
        """Take in draws, shape (samples, C, …): final states only."""
        count = len(samples)
        mean = samples.mean(0, keepdim=True)
        squares = (samples - mean).square().sum(0, keepdim=True)
        change = mean - self.mean.to(mean)
        total = self.count + count
        self.squares = self.squares.to(mean) + squares + change.square() * (self.count * count / total)
        self.mean = self.mean.to(mean) + change * (count / total)
        self.count = total

    def summary(self) -> Summary:
        """Return what the samples so far say.

        Squares are divided by the number of samples: of antithetic pairs the mean takes no degree of freedom, and every
        pair is one independent square.

        Raises
        ------
        ValueError
            If there are fewer than two samples.
        """
        if self.count < 2:
            raise ValueError(f"a standard deviation needs at least 2 samples (got {self.count})")
        return Summary(self.mean, (self.squares / self.count).sqrt(), self.count // 2)
