"""Losses that training minimises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.denoisers.denoiser import Denoise

if TYPE_CHECKING:
    from torch import Tensor


def weighted_squared_error(estimate: Tensor, clean: Tensor, sigma: Tensor) -> Tensor:
    """Mean squared error, weighted so that every noise level counts about the same.

    The squared error of a good denoiser of images in [0, 1] grows about as σ^1.2 (from published PSNR tables),
    so each sample of shape (C, Y, X) is divided by (σ + 0.005)^1.2. Minimising it for every σ makes the network
    the posterior mean E[clean | noisy], which is what Tweedie's formula asks for. σ, of shape (B,) or levels
    (B, 10, Y, X), counts by its mean.
    """
    sigma = sigma.flatten(1).mean(dim=1) if sigma.ndim > 1 else sigma
    error = (estimate - clean).square().flatten(1).mean(dim=1)
    return (error * (sigma + 0.005) ** -1.2).mean()


def sure(denoiser: Denoise, noisy: Tensor, sigma: Tensor, probe: Tensor, levels: Tensor | None = None) -> Tensor:
    """Estimate a denoiser's squared error at every pixel without the clean image (Stein 1981).

    ``(f(y) − y)² − σ² + 2 σ² b (f(y + εb) − f(y)) / ε``, whose mean over the noise and the random signs b is that of
    the squared error (Ramani, Blu, Unser 2008). Where the `probe` b is 0, the last term is missing: no estimate there.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma).
    noisy : Tensor
        y, shape (B, C, Y, X), with white Gaussian noise.
    sigma : Tensor
        Noise level of every sample, shape (B,).
    probe : Tensor
        b, of independent random signs, or 0 at pixels that do not count.
    levels : Tensor, optional
        Noise level of every pixel, (B, 1, Y, X), where it is not that of the sample. Told one that is too high, a network would
        learn to subtract more than the noise.
    """
    step = 0.05 * sigma.view(-1, 1, 1, 1)
    level = sigma.view(-1, 1, 1, 1) if levels is None else levels
    estimate = denoiser(noisy, sigma)
    divergence = probe * (denoiser(noisy + step * probe, sigma) - estimate) / step
    return (estimate - noisy).square() - level.square() + 2 * level.square() * divergence


def draw_noise_level(rng: np.random.Generator) -> float:
    """Draw a noise level: 85 % uniform in [0, 75/255], where restoration happens, the rest up to 1."""
    return float(rng.uniform(0, 75 / 255) if rng.random() < 0.85 else rng.uniform(75 / 255, 1))
