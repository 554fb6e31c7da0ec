"""Width of an unknown blur, from the spectrum of the blurred image itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLOPE, SPREAD = 2.4, 0.25
"""Power of images falls as frequency to the power of −2.4 ± 0.25: photographs and micrographs without blur."""
RINGS_COUNT_AS = 20.0
"""Independent frequencies that a ring counts for at most: images are no random fields, and large rings would decide alone."""
LOWEST = 3
"""Frequencies, in periods a side, below which a window hides the spectrum."""
LEVEL_IS_KNOWN_TO = 0.3
"""Relative error of a noise level that was measured."""
STARTS = (0.5, 1.0, 2.0, 4.0)


def std_of_blur(image: NDArray[np.generic], noise_level: float) -> tuple[float, float]:
    """Return the standard deviation of a Gaussian blur, in pixels, and the slope of the spectrum that goes with it.

    The power spectrum of the measurement is taken for ``c f^−a exp(−(2π f s)²) + σ²``; s, c, a and σ are those of the
    largest likelihood (Whittle 1953), with priors of a and σ.

    Parameters
    ----------
    image : array
        A blurred plane (Y, X), of at least 32 × 32 pixels.
    noise_level : float
        σ, in its grey levels.

    Raises
    ------
    ValueError
        If the image is too small, or has no structure above the noise.
    """
    from scipy.optimize import minimize

    plane = np.asarray(image, np.float64)
    if plane.ndim != 2 or min(plane.shape) < 32:
        raise ValueError(f"the blur is estimated from a plane of at least 32 × 32 pixels (got shape {plane.shape})")
    frequency, power, count = spectrum(plane)
    weight = count * np.minimum(1, RINGS_COUNT_AS / count)
    floor = max(noise_level, 1e-6 * float(np.ptp(plane))) ** 2
    if not power[:5].mean() > 5 * floor:
        raise ValueError("the image has no structure above its noise, from which a blur could be told")

    def negative_likelihood(p: Array) -> float:
        model = np.exp(p[0] - p[1] * np.log(frequency / frequency[0]) - (2 * np.pi * frequency * np.exp(p[2])) ** 2)
        model = model + floor * np.exp(2 * p[3])
        prior = (p[1] - SLOPE) ** 2 / (2 * SPREAD**2) + p[3] ** 2 / (2 * LEVEL_IS_KNOWN_TO**2)
        return float((weight * (np.log(model) + power / model)).sum() + prior)

    first = np.log(power[0])
    found = [
        minimize(negative_likelihood, (first, SLOPE, np.log(std), 0.0), method="Nelder-Mead", options={"maxiter": 1200})
        for std in STARTS
    ]
    best = min(found, key=lambda result: float(result.fun)).x
    return float(np.exp(best[2])), float(best[1])


def spectrum(plane: Array) -> tuple[Array, Array, Array]:
    """Return mean frequency, mean power and half the number of frequencies of every ring of a windowed plane.

    White noise of variance one has a power of one.
    """
    window = np.multiply.outer(*(np.hanning(n) for n in plane.shape))
    window /= np.sqrt((window**2).mean())
    power = np.abs(np.fft.fft2((plane - plane.mean()) * window)) ** 2 / plane.size
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in plane.shape), indexing="ij"))
    ring = (frequency * min(plane.shape)).astype(int)
    inside = (ring >= LOWEST) & (frequency <= 0.5)
    count = np.bincount(ring[inside])
    sums = [np.bincount(ring[inside], values[inside]) for values in (frequency, power)]
    there = count > 0
    return sums[0][there] / count[there], sums[1][there] / count[there], count[there] / 2
