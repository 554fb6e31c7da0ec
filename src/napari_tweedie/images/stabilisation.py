"""Stabilisation of photon noise, which grows with the light, into noise that is the same everywhere, and back.

The generalised Anscombe transform turns ``y = gain · Poisson(λ) + offset + N(0, read_noise²)`` into values whose noise has a
standard deviation of about 1. A root is not linear: undoing it algebraically would darken the mean, most where light is
scarce. The exact unbiased inverse takes the expectation of a transformed value back to the λ that it is expected of (Mäkitalo
and Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise", IEEE TIP 22, 2013).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.images.intensity import Intensity, thinned

MOST_PHOTONS = 200.0
"""Up to here the expectations are tabulated; beyond, or with a read noise of that variance, their asymptotic form is right to
10⁻³ photons."""
TABLE_SIZE = 1000
NEIGHBOURHOOD = 6.0
"""Standard deviation, in pixels, of the window in which an estimate keeps the light of its measurement."""


class Transform(Protocol):
    """What makes the noise of an image the same everywhere, of a standard deviation of about 1, and its unbiased inverse."""

    def forward(self, image: NDArray[Any]) -> NDArray[np.float64]:
        """Return the image with noise that is the same everywhere."""

    def expected(self, clean: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of `forward` over noisy measurements of a clean image."""

    def back(self, stabilised: NDArray[Any]) -> NDArray[np.float64]:
        """Return the clean image that `stabilised` is expected of."""


@dataclass(frozen=True)
class Anscombe:
    """The generalised Anscombe transform of an image and its exact unbiased inverse.

    Parameters
    ----------
    gain : float
        Grey levels per photon, > 0.
    offset : float
        Grey level without light.
    read_noise : float
        Standard deviation without light, in grey levels, ≥ 0.
    """

    gain: float
    offset: float
    read_noise: float

    def forward(self, image: NDArray[Any]) -> NDArray[np.float64]:
        """Return ``2 √(z + 3/8 + s²) − 2 s``, z and s being the image and the read noise in photons; −2 s where there is no root.

        Without the shift the numbers would be large, and nearly equal, where read noise hides the photons.
        """
        photons = (image - np.float64(self.offset)) / self.gain
        return _root(photons, self.read_noise / self.gain)

    def expected(self, clean: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean of `forward` over noisy measurements of a clean image, which `back` inverts; no light below 0."""
        s = self.read_noise / self.gain
        photons = np.maximum((clean - np.float64(self.offset)) / self.gain, 0)
        tabulated = np.interp(photons, *_table(s))
        return np.asarray(np.where(photons > MOST_PHOTONS, 2 * np.sqrt(photons + 1 / 8 + s**2) - 2 * s, tabulated))

    def back(self, stabilised: NDArray[Any]) -> NDArray[np.float64]:
        """Return the clean image that `forward` of its noisy measurements has the mean `stabilised` of.

        Below the mean of pixels without light the inverse goes on as a straight line: to cut it off would lift dark
        backgrounds.
        """
        s = self.read_noise / self.gain
        values = np.asarray(stabilised, dtype=np.float64)
        result = values**2 / 4 + s * values - 1 / 8
        if s**2 < MOST_PHOTONS:
            photons, expected = _table(s)
            slope = (photons[1] - photons[0]) / (expected[1] - expected[0])
            result = np.where(values > expected[-1], result, np.interp(values, expected, photons))
        else:
            slope = np.sqrt(s**2 + 1 / 8)
            expected = np.array([1 / 4 / (slope + s)])
        result = np.where(values < expected[0], slope * (values - expected[0]), result)
        return np.asarray(self.gain * result + self.offset)


@dataclass(frozen=True)
class Stabilised(Intensity):
    """The map from grey levels whose noise follows the brightness to about [0, 1], where it is even, and its inverse.

    Parameters
    ----------
    offset, scale : float
        Map what the transform gives, whose noise is about 1, to about [0, 1].
    transform : Transform
        The transform.
    """

    transform: Transform = Anscombe(1.0, 0.0, 0.0)

    @classmethod
    def by(cls, transform: Transform, planes: Iterable[NDArray[Any]]) -> Self:
        """Return the map that takes the 0.1 and 99.9 percentiles of some planes to 0 and 1 (NaN left out)."""
        range_ = Intensity.of(transform.forward(thinned(plane)) for plane in planes)
        return cls(range_.offset, range_.scale, transform)

    def forward(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Map grey levels to about [0, 1], as float32."""
        return super().forward(self.transform.forward(image))

    def back(self, image: NDArray[Any]) -> NDArray[Any]:
        """Map numbers in about [0, 1] to grey levels, of the type `dtype`."""
        return self.transform.back(image * np.float64(self.scale) + self.offset).astype(self.dtype)

    def width(self, image: NDArray[Any], std: float) -> NDArray[np.float64]:
        """Return the grey levels between numbers, about in [0, 1], plus and minus half of a standard deviation."""
        ends = [self.back(np.asarray(image, np.float64) + half) for half in (std / 2, -std / 2)]
        return np.asarray(ends[0].astype(np.float64) - ends[1])

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """Type that holds grey levels without rounding them visibly."""
        ends = self.transform.back(np.array([self.offset, self.offset + self.scale]))
        return Intensity(float(ends[0]), float(ends[1] - ends[0])).dtype


def keep_light(estimate: NDArray[Any], noisy: NDArray[Any]) -> NDArray[Any]:
    """Return the estimate, shape (…, Y, X), plus the smooth part of what it lacks of the noisy image.

    What a denoiser smooths away it averages as roots, and the square of a mean root is less than the mean: up to 9 % of the
    light of 32 × 32 pixels was lost at two photons a pixel. The window lets 1/21 of the noise back in; on nine simulated images
    of 2 to 50 photons the error fell by 0.13 dB in the mean, and rose by 0.1 dB at most.
    """
    lacking = np.asarray(noisy, dtype=np.float64) - estimate
    return np.asarray(estimate + window_mean(lacking), dtype=estimate.dtype)


def window_mean(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of planes (…, Y, X) over the window in which light is kept; a symmetric map."""
    from scipy.ndimage import gaussian_filter

    window = (0.0,) * (image.ndim - 2) + (NEIGHBOURHOOD, NEIGHBOURHOOD)
    return np.asarray(gaussian_filter(np.asarray(image, dtype=np.float64), window))


def _root(photons: NDArray[np.float64], s: float) -> NDArray[np.float64]:
    above = np.maximum(photons + 3 / 8, -(s**2))
    return np.asarray(2 * above / np.maximum(np.sqrt(above + s**2) + s, np.finfo(float).tiny))


@functools.lru_cache(maxsize=64)
def _table(s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return some λ and the expectations of the transform of Poisson(λ) + N(0, s²), by summing over both distributions."""
    from scipy.special import gammaln, xlogy

    photons = np.linspace(0, np.sqrt(MOST_PHOTONS), TABLE_SIZE) ** 2
    counts = np.arange(MOST_PHOTONS + 12 * np.sqrt(MOST_PHOTONS))
    normal = np.linspace(-8, 8, 1001)
    weights = np.exp(-(normal**2) / 2)
    of_counts = _root(counts[:, None] + s * normal, s) @ (weights / weights.sum())
    expected = photons[:, None]
    return photons, np.exp(xlogy(counts, expected) - expected - gammaln(counts + 1)) @ of_counts
