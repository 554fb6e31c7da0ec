"""Inpainting by a denoiser: pixels without a value become what it makes of their surroundings, from strong noise to weak.

Plug-and-play by its simplest rule: denoise, put back what is known, and take the noise for weaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

STRONG, TURNS = 0.1, 5
"""Noise level that is begun with, in ranges of the image, and how often it is denoised."""


def inpainted(x: Tensor, unknown: Tensor, sigma: float, denoiser: Denoise) -> Tensor:
    """Return an image in whose unknown pixels stands what a denoiser expects there.

    Parameters
    ----------
    x : Tensor
        Noisy image, shape (B, C, [Z,] Y, X), about in [0, 1]; in unknown pixels something to begin with, such as means of others.
    unknown : Tensor of bool
        Which pixels have no value, of a shape that broadcasts to that of x.
    sigma : float
        Its noise level, ≥ 0.
    denoiser : callable
        ``f(x, sigma)``.
    """
    made = x
    for level in np.geomspace(max(STRONG, sigma), max(sigma, STRONG / 2**TURNS), TURNS):
        made = torch.where(unknown, denoiser(made, float(level)), x)
    return made
