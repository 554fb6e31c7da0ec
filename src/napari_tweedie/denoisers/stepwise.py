"""Restoration in steps by a network that learnt from pairs: inversion by direct iteration (InDI).

Between a degraded image y (t = 1) and a clean one x (t = 0) lie ``x_t = (1 − t) x + t y``. A network F(x_t, t) that estimates x
from any of them goes from y to an estimate in one pass, the regression, or in several, whose results are sharper:
``x_{t−δ} = (δ/t) F(x_t, t) + (1 − δ/t) x_t`` (Delbracio & Milanfar, "Inversion by Direct Iteration", 2023). The noise of x_t is t
times that of y: told that level, a denoiser is where to start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

LEAST = 0.05
"""The least level that a network is told of y, for images in [0, 1]: it has to tell t from it."""


def in_steps(network: Denoise, y: Tensor, sigma: float | Tensor, steps: int) -> Tensor:
    """Return the clean image of y.

    Parameters
    ----------
    network : callable
        F(x_t, t σ).
    y : Tensor
        Degraded images, shape (B, C, Y, X), about in [0, 1].
    sigma : float or Tensor
        Noise level of y, a number or one a sample.
    steps : int
        Passes; 1 is the regression F(y, σ).
    """
    level = told_level(torch.as_tensor(sigma, dtype=y.dtype, device=y.device).expand(len(y)))
    x = y
    for done in range(steps):
        cancellation_point()
        t = 1 - done / steps
        share = 1 / (steps - done)  # δ / t
        estimate = network(x, t * level)
        x = estimate if share == 1 else share * estimate + (1 - share) * x
    return x


def told_level(sigma: Tensor) -> Tensor:
    """Return the level that stands for t = 1."""
    return sigma.clamp_min(LEAST)
