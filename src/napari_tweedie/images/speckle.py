"""Stabilisation of multiplicative noise, such as speckle, into noise that is the same everywhere, and back without bias.

Speckle of L looks multiplies the signal by a gamma variable of mean 1 and variance 1/L (Goodman, "Some fundamental properties
of speckle", J. Opt. Soc. Am. 66, 1976). Its logarithm has the variance ψ₁(L) whatever the signal; beside noise that does not
follow the signal, the inverse hyperbolic sine is a logarithm in the bright and a straight line in the dark. The inverse takes the
expectation of a transformed value back to the signal that it is expected of.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BRIGHTEST, FINENESS = 1e4, 600
"""Signal, in noise levels of the dark, up to which expectations are tabulated, and how many of them; beyond, the inverse
hyperbolic sine is as good as a logarithm."""
DRAWS, NORMAL = 400, 41
"""Quantiles of the gamma variable, and of the normal one, over which expectations are means."""


@dataclass(frozen=True)
class Multiplicative:
    """The transform of an image with multiplicative noise, and its exact unbiased inverse.

    Parameters
    ----------
    looks : float
        Squared mean over variance of the noise where the image is bright, > 0.
    floor : float
        Standard deviation of the noise without signal, in grey levels, > 0.
    """

    looks: float
    floor: float

    def forward(self, image: NDArray[Any]) -> NDArray[np.float64]:
        """Return ``arsinh(s y / floor) / s``, s the standard deviation of the logarithm of the noise: its noise is about 1."""
        s = spread_of_logarithm(self.looks)
        return np.asarray(np.arcsinh(s * np.asarray(image, np.float64) / self.floor) / s)

    def expected(self, clean: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of `forward` over noisy measurements of a clean image, which `back` inverts; no signal below 0."""
        from scipy.special import digamma

        s = spread_of_logarithm(self.looks)
        relative = np.maximum(np.asarray(clean, np.float64), 0) * s / self.floor
        far = (np.log(2 * np.maximum(relative, 1)) + digamma(self.looks) - np.log(self.looks)) / s
        return np.asarray(np.where(relative > BRIGHTEST, far, np.interp(relative, *_table(self.looks))))

    def back(self, stabilised: NDArray[Any]) -> NDArray[np.float64]:
        """Return the clean image that `forward` of its noisy measurements has the mean `stabilised` of; below 0 a line."""
        from scipy.special import digamma

        s = spread_of_logarithm(self.looks)
        values = np.asarray(stabilised, np.float64)
        signals, expected = _table(self.looks)
        with np.errstate(over="ignore"):
            far = np.exp(s * values - digamma(self.looks) + np.log(self.looks)) / 2
        relative = np.where(values > expected[-1], far, np.interp(values, expected, signals))
        slope = (signals[1] - signals[0]) / (expected[1] - expected[0])
        return np.asarray(np.where(values < expected[0], slope * (values - expected[0]), relative) * self.floor / s)


def spread_of_logarithm(looks: float) -> float:
    """Return √ψ₁(L), the standard deviation of the logarithm of a gamma variable of shape L."""
    from scipy.special import polygamma

    return float(polygamma(1, looks) ** 0.5)


@functools.lru_cache(maxsize=64)
def _table(looks: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return some signals times s over the floor, and the expectations of their transforms."""
    from scipy.special import gammaincinv, ndtri

    s = spread_of_logarithm(looks)
    signals = np.concatenate([[0.0], np.geomspace(1e-3, BRIGHTEST, FINENESS)])
    factors = gammaincinv(looks, (np.arange(DRAWS) + 0.5) / DRAWS) / looks
    factors /= factors.mean()
    normal = s * ndtri((np.arange(NORMAL) + 0.5) / NORMAL)
    expected = [np.arcsinh(signal * factors[:, None] + normal).mean() for signal in signals]
    return signals, np.maximum.accumulate(np.array(expected)) / s + 1e-12 * np.arange(len(signals))
