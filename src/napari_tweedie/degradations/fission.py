"""Fission of a noisy image into two whose noises are independent: on one an estimate is made, on the other it is judged.

Photons are thinned: of a Poisson number each photon goes to one side or the other, and both numbers are Poisson, and independent.
Gaussian noise n is split by drawn noise z of the same covariance: ``n + a z`` and ``n − z / a`` are uncorrelated, so independent.
(Leiner, Duan, Wasserman and Ramdas 2023, "Data fission"; Oliveira, Lei and Tibshirani 2021, "Unbiased risk estimation via
coupled bootstrap".) The squared distance of an estimate from the side it has not seen exceeds its squared error by the same for
every estimate, so that the difference of two of them is without bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.degradations.correlation import draw_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.degradations.noise import Poisson


def split_photons(
    image: NDArray[np.floating], noise: Poisson, share: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thin an image of photons.

    Parameters
    ----------
    image : array
        Grey levels, of any shape.
    noise : Poisson
        Gain, offset and read noise, all known.
    share : float
        Share of the photons that is held back, 0 < share < 1.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    array, array
        What is left, and what was held back brought to the same mean: both have ``(1 − share) (clean − offset) + offset``.
    """
    gain, offset, read = noise.gain or 1.0, noise.offset or 0.0, (noise.read_noise or 0.0) / (noise.gain or 1.0)
    counts = (image.astype(np.float64) - offset) / gain
    photons = np.rint(counts).clip(0)
    # what is no whole photon is divided in proportion; read noise, which thinning takes for photons, is split by noise like it
    left = rng.binomial(photons.astype(np.int64), 1 - share) + (1 - share) * (counts - photons)
    left += np.sqrt(share * (1 - share)) * read * rng.standard_normal(image.shape)
    held = (counts - left) * (1 - share) / share
    return gain * left + offset, gain * held + offset


def split_gaussian(
    image: Tensor, sigma: float, share: float, generator: Generator, correlation: Correlation | None = None
) -> tuple[Tensor, Tensor]:
    """Split Gaussian noise.

    Parameters
    ----------
    image : Tensor
        Shape (…, Y, X).
    sigma : float
        Its noise level.
    share : float
        Share of the information that is held back, 0 < share < 1: what is left has a noise level of ``σ / sqrt(1 − share)``.
    generator : Generator
        Source of randomness, on the CPU.
    correlation : Correlation, optional
        How neighbours share noise; None: not at all.

    Returns
    -------
    Tensor, Tensor
        What is left, and what was held back, of a noise level of ``σ / sqrt(share)``.
    """
    drawn = sigma * draw_noise(image, correlation, generator)
    ratio = (share / (1 - share)) ** 0.5
    return image + ratio * drawn, image - drawn / ratio
