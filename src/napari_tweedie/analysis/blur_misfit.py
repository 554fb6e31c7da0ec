"""Misfit of a blur: structure of a measurement that it leaves unexplained, and detail that it would have taken away.

A blur that is wrong by a little hardly shows in the sum of what a restoration leaves of a measurement, as most of that is noise
of frequencies that no blur passes; it shows in a few of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LONGEST, SHORTEST = 3, 2.0
"""Longest period that is looked at, in parts of the side of the field, and the shortest, in pixels."""
RINGS = {2: 8, 3: 6}
"""Groups of frequencies of a residual, by the number of axes: one alone tells little, all together tell of noise."""
SECTORS, LOW = 16, 4
"""Groups of a measurement along an axis, and the lowest frequency in them, over the side of the field: below it scenes differ."""
FEWEST = 20
"""Frequencies that a group has at least."""
SURE = 3.0
"""Standard deviations of chance."""
SPREAD = 1.0 / np.log(2)
"""Standard deviation of the median of powers of noise, over their mean, times the root of their number."""
NOISE = 1.15
"""Factor within which the power of noise is known."""
FLOOR = 1e-9
"""Power below which a transfer function counts as nothing."""
NARROWEST, STEPS = 0.25, 12


@dataclass(frozen=True)
class Unexplained:
    """Frequencies of a residual in which there is most, beside noise.

    Parameters
    ----------
    ratio : float
        Power there over that of the noise, less what chance may bring: about 1 or less where all is explained.
    period : float
        Of that structure, in pixels.
    """

    ratio: float
    period: float


def unexplained(residual: Array) -> Unexplained:
    """Return what is left in a residual beside noise.

    Parameters
    ----------
    residual : array
        A x − y, shape ([Z,] Y, X), over the standard deviation of the noise of every pixel. Where its finest detail has more
        power, the noise counts as that much stronger.
    """
    frequency, _ = _frequencies(residual.shape)
    power = _power(residual)
    edges = np.geomspace(LONGEST / min(residual.shape[-2:]), 1 / SHORTEST, RINGS[residual.ndim] + 1)
    found = Unexplained(0.0, 0.0)
    floor = max(1.0, float(np.median(power[frequency > 1 / SHORTEST])) * SPREAD)
    for low, high in pairwise(edges):
        inside = (frequency >= low) & (frequency < high)
        count = int(inside.sum())
        if count < FEWEST:
            continue
        ratio = float(power[inside].mean()) / floor - SURE / count**0.5
        if ratio > found.ratio:
            found = Unexplained(ratio, 2 / (low + high))
    return found


class Implied:
    """The spectrum of a scene that a measurement implies, if a blur is right: power that is measured over what the blur passes.

    Scenes have less power the finer the detail, points at most as much. Where the spectrum rises, along Y or along X, detail was
    measured that the blur would have taken away: it is too wide. A blur that is too narrow lets it fall faster, as that of a
    soft scene.

    Parameters
    ----------
    measured : array
        A plane (Y, X) with white noise.
    variance : float
        Mean variance of its noise.
    """

    def __init__(self, measured: Array, variance: float) -> None:
        self._shape = measured.shape
        frequency, along = _frequencies(measured.shape)
        power = _power(measured)
        self._noise = max(variance, float(np.median(power[frequency > 1 / SHORTEST])) * SPREAD)
        self._groups: list[list[NDArray[np.intp]]] = []
        for axis, side in enumerate(measured.shape):
            edges = np.geomspace(LOW / side, 1 / SHORTEST, SECTORS + 1)
            which = np.where(along == axis, np.digitize(frequency, edges) - 1, -1).ravel()
            members = [np.flatnonzero(which == n) for n in range(SECTORS)]
            self._groups.append([group for group in members if len(group) >= FEWEST])
        flat = power.ravel()
        self._powers = [np.array([np.median(flat[group]) * SPREAD for group in groups]) for groups in self._groups]

    def rise(self, kernel: Array) -> float:
        """Return the logarithm of how far the spectrum rises for sure; negative where it may fall."""
        transfer = np.log(_passed(kernel, self._shape)).ravel()
        highest = -np.inf
        for groups, power in zip(self._groups, self._powers, strict=True):
            chance = SURE * SPREAD / np.sqrt([len(group) for group in groups])
            passed = np.array([transfer[group].mean() for group in groups])
            least = power * (1 - chance) - NOISE * self._noise
            most = np.maximum(power * (1 + chance) - self._noise, 1e-3 * self._noise)
            low = np.log(np.maximum(least, 1e-12 * self._noise)) - passed
            lowest = np.minimum.accumulate(np.log(most) - passed)
            seen = least[1:] > 0
            if seen.any():
                highest = max(highest, float((low[1:] - lowest[:-1])[seen].max()))
        return highest

    def widest(self, kernel_of: Callable[[float], Array], limit: float) -> float:
        """Return the largest factor on the width of a blur, 1 at most, with which the spectrum does not rise beyond a limit.

        Parameters
        ----------
        kernel_of : callable
            Returns the blur that is so many times as wide.
        limit : float
            Of `rise`.
        """
        narrow, wide = NARROWEST, 1.0
        if self.rise(kernel_of(wide)) <= limit:
            return wide
        for _ in range(STEPS):
            middle = (narrow * wide) ** 0.5
            narrow, wide = (middle, wide) if self.rise(kernel_of(middle)) <= limit else (narrow, middle)
        return narrow


@lru_cache(maxsize=4)
def _frequencies(shape: tuple[int, ...]) -> tuple[Array, NDArray[np.intp]]:
    """Return the frequencies of half a spectrum, in periods a pixel, and along which axis each has most of it."""
    axes = [*(np.fft.fftfreq(n) for n in shape[:-1]), np.fft.rfftfreq(shape[-1])]
    parts = np.array(np.meshgrid(*axes, indexing="ij"))
    return np.sqrt((parts**2).sum(0)), np.abs(parts).argmax(0)


@lru_cache(maxsize=4)
def _taper(shape: tuple[int, ...]) -> Array:
    """Return weights that fall to the border as a squared sine, which keeps it out of the spectrum."""
    taper = np.ones(shape)
    for axis, n in enumerate(shape):
        profile = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
        taper = taper * profile.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return taper


def _power(image: Array) -> Array:
    """Return half of the power spectrum, of white noise its variance."""
    taper = _taper(image.shape)
    part = (image - np.average(image, weights=taper)) * taper
    return np.asarray(np.abs(np.fft.rfftn(part)) ** 2 / (taper**2).sum())


def _passed(kernel: Array, shape: tuple[int, ...]) -> Array:
    """Return the power that a blur passes of white noise, half a spectrum, as the taper mixes frequencies."""
    wide = [2 * max(n, m) for n, m in zip(shape, kernel.shape, strict=True)]
    axes = tuple(range(len(shape)))
    lags = [
        np.fft.irfftn(np.abs(np.fft.rfftn(part, wide, axes)) ** 2, wide, axes) for part in (kernel / kernel.sum(), _taper(shape))
    ]
    mixed = np.fft.rfftn(lags[0] * lags[1] / lags[1].flat[0]).real
    places = [np.round(np.fft.fftfreq(n) * m).astype(int) % m for n, m in zip(shape[:-1], wide[:-1], strict=True)]
    places.append(np.round(np.fft.rfftfreq(shape[-1]) * wide[-1]).astype(int))
    return np.asarray(np.maximum(mixed[np.ix_(*places)], FLOOR))
