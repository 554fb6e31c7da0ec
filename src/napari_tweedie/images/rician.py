"""Stabilisation of the noise of magnitudes into noise that is the same everywhere, and back without bias.

The magnitude of a complex number with Gaussian noise in both parts has a Rice distribution: beside much signal its noise is as
strong as that of a part, beside none it is that of Rayleigh, 0.655 times as strong, and lifts the mean from 0 to 1.253 σ. The
transform is ``∫ dm / s(m)``, s the standard deviation where the mean is m; the inverse takes the expectation of a transformed
value back to the magnitude that it is expected of (Foi, "Noise estimation and removal in MR imaging: the variance-stabilization
approach", ISBI 2011).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 30.0
"""Magnitude, in noise levels, up to which expectations are tabulated; beyond, noise is as good as Gaussian."""
FINENESS = 0.01
"""Distance of the magnitudes of the tables, in noise levels."""
DARKEST = (np.pi / 2) ** 0.5
"""Mean of noise alone, in noise levels."""


@dataclass(frozen=True)
class Magnitude:
    """The transform of magnitudes with noise, and its exact unbiased inverse.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise of the real and of the imaginary part, in grey levels, > 0.
    """

    sigma: float

    def forward(self, image: NDArray[Any]) -> NDArray[np.float64]:
        """Return values whose noise has a standard deviation of about 1: 0 at the mean of noise alone, a line below."""
        values = np.asarray(image, np.float64) / self.sigma
        _, means, deviations, integral, _ = _tables()
        inner = np.interp(values, means, integral)
        below = (values - means[0]) / deviations[0]
        beyond = integral[-1] + values - means[-1]
        return np.where(values < means[0], below, np.where(values > means[-1], beyond, inner))

    def expected(self, clean: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of `forward` over noisy measurements of clean magnitudes, which `back` inverts."""
        values = np.maximum(np.asarray(clean, np.float64) / self.sigma, 0)
        magnitudes, *_, expected = _tables()
        return np.where(values > magnitudes[-1], expected[-1] + values - magnitudes[-1], np.interp(values, magnitudes, expected))

    def back(self, stabilised: NDArray[Any]) -> NDArray[np.float64]:
        """Return the clean magnitudes, ≥ 0, that `forward` of their noisy measurements has the mean `stabilised` of."""
        values = np.asarray(stabilised, np.float64)
        magnitudes, *_, expected = _tables()
        beyond = magnitudes[-1] + values - expected[-1]
        return self.sigma * np.where(values > expected[-1], beyond, np.interp(values, expected, magnitudes))

    def mean(self, clean: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of noisy measurements of clean magnitudes."""
        values = np.maximum(np.asarray(clean, np.float64) / self.sigma, 0)
        return self.sigma * moments(values)[0]


def moments(magnitude: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of a Rice distribution for magnitudes ≥ 0 in noise levels (Rice 1944)."""
    from scipy.special import i0e, i1e

    half = np.minimum(magnitude, LARGEST) ** 2 / 4
    mean = DARKEST * ((1 + 2 * half) * i0e(half) + 2 * half * i1e(half))
    far = np.maximum(magnitude, LARGEST)
    mean = np.where(magnitude > LARGEST, far + 1 / (2 * far), mean)
    variance = np.where(magnitude > LARGEST, 1.0, 2 + magnitude**2 - mean**2)
    return mean, np.sqrt(variance)


@functools.lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.float64], ...]:
    """Return some magnitudes, means and standard deviations of their measurements, the transform of these means, and its mean."""
    from scipy.special import i0e

    magnitudes = np.arange(0, LARGEST + FINENESS / 2, FINENESS)
    means, deviations = moments(magnitudes)
    slope = 1 / deviations
    integral = np.concatenate([[0.0], np.cumsum(np.diff(means) * (slope[1:] + slope[:-1]) / 2)])
    values = np.arange(FINENESS, LARGEST + 8, 2 * FINENESS)
    line = np.where(values < means[0], (values - means[0]) / deviations[0], np.interp(values, means, integral))
    line = np.where(values > means[-1], integral[-1] + values - means[-1], line)
    expected = []
    for some in np.array_split(magnitudes, 30):
        density = values * np.exp(-((values - some[:, None]) ** 2) / 2) * i0e(values * some[:, None])
        expected.append((density @ line) / density.sum(1))
    return magnitudes, means, deviations, integral, np.maximum.accumulate(np.concatenate(expected))
