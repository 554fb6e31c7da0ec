"""Does a network remember what it learnt from? What it makes of noise alone, against the images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

SIDE, COUNT, TURNS = 48, 4, 24
"""Height and width of what is drawn from noise, how many are drawn, and turns of noise and denoising for each."""
SMOOTH = 4.0
"""Standard deviation, in pixels, of the window whose mean is taken off: slopes and blobs are alike everywhere."""
PLACES = 12
"""Tiles, at most, that are looked through."""
ALIKE = 0.95
"""Cosine from which on what is drawn counts as remembered."""


def drawn(denoiser: Denoise, sigma: float, like: Tensor, generator: Generator) -> Tensor:
    """Draw images from noise alone: denoised at falling levels, each time with fresh noise of the next one.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma), for images about in [0, 1].
    sigma : float
        The last level.
    like : Tensor
        Gives device and type.
    generator : Generator
        Source of the noise, on the CPU.

    Returns
    -------
    Tensor
        Shape (COUNT, 1, SIDE, SIDE).
    """
    levels = np.geomspace(1.0, max(min(sigma, 1.0), 1e-3), TURNS)

    def noise() -> Tensor:
        return torch.randn((COUNT, 1, SIDE, SIDE), generator=generator).to(like)

    x = 0.5 + float(levels[0]) * noise()
    for level, following in pairwise(map(float, levels)):
        cancellation_point()
        x = denoiser(x, x.new_full((COUNT,), level)) + following * noise()
    return denoiser(x, x.new_full((COUNT,), float(levels[-1])))


def likeness(denoiser: Denoise, sigma: float, images: Sequence[Tensor], generator: Generator) -> float:
    """Return the largest cosine between the details of what is drawn from noise and those of a place in some images.

    1: the network gives back what it learnt from; ordinary denoisers draw what is in no image. Places are looked through as they
    are, mirrored and turned by half a turn, as they were learnt from.

    Parameters
    ----------
    denoiser, sigma, generator
        As for `drawn`.
    images : sequence of Tensor
        What was learnt from, noisy, shape (1, 1, Y, X), about in [0, 1]; they are denoised before they are compared.
    """
    from skimage.feature import match_template

    with torch.no_grad():
        found = drawn(denoiser, sigma, images[0], generator)
        places = [
            _details(denoiser(image, image.new_full((1,), sigma))[0, 0])
            for image in images[:PLACES]
            if min(image.shape[2:]) >= SIDE
        ]
    highest = 0.0
    for sample in found[:, 0]:
        details = _details(sample)
        for turned in (details, details[:, ::-1], details[::-1], details[::-1, ::-1]):
            for place in places:
                cancellation_point()
                highest = max(highest, float(match_template(place, turned).max()))
    return min(highest, 1.0)


def _details(image: Tensor) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    plane = image.cpu().numpy().astype(np.float64)
    details: NDArray[np.float64] = plane - gaussian_filter(plane, SMOOTH)
    return details
