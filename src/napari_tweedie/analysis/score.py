"""Score of a denoiser, the direction in which it thinks that more probable images lie, and how right it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


class Prior(Protocol):
    """Clean images whose density is known, as that of the exact denoisers is."""

    def log_density(self, x: Tensor, sigma: float) -> Tensor:
        """Return log p_σ(x), shape (B,)."""


@dataclass(frozen=True)
class ScoreCheck:
    """How close a denoiser's score is to the true one.

    Parameters
    ----------
    error : float
        ‖s − s*‖² / ‖s*‖²: mean squared error in units of the mean square of the true score.
    correlation : float
        Pearson's correlation of s and s* over all pixels. Most of any score is minus the noise: compare with the error.
    """

    error: float
    correlation: float


def score(denoiser: Denoise, x: Tensor, sigma: float) -> Tensor:
    """Return (f(x, σ) − x) / σ², which for the posterior mean f is ∇ log p_σ(x) (Tweedie, Miyasawa).

    It points, pixel by pixel, to where noisy images of this level are more probable.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma).
    x : Tensor
        Images with noise of level sigma, shape (B, C, …).
    sigma : float
        Noise level, > 0.

    Returns
    -------
    Tensor
        Score, in one over the units of x, shape (B, C, …).
    """
    if sigma <= 0:
        raise ValueError(f"sigma must be > 0 (got {sigma})")
    return (denoiser(x, sigma) - x) / sigma**2


def exact_score(prior: Prior, x: Tensor, sigma: float) -> Tensor:
    """Return the gradient of the prior's own log density of noisy images; no denoiser is asked."""
    with torch.enable_grad():
        image = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(prior.log_density(image, sigma).sum(), image)
    return gradient


def check_score(denoiser: Denoise, prior: Prior, x: Tensor, sigma: float, offset: float = 0.0) -> ScoreCheck:
    """Compare a denoiser's score with that of the ensemble which images were drawn from.

    For images of no known ensemble there is no true score; `jacobian.asymmetry` then tells how far a denoiser's score is from
    being the gradient of any density at all.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma).
    prior : Prior
        The ensemble: one of the exact denoisers.
    x : Tensor
        Images drawn from it, with noise of level sigma, shape (B, C, …).
    sigma : float
        Noise level, > 0.
    offset : float
        Added to the images that the denoiser sees and taken off again, for denoisers that know images as non-negative.
    """
    own = score(lambda image, level: denoiser(image + offset, level) - offset, x, sigma).flatten().double()
    true = exact_score(prior, x, sigma).flatten().double()
    correlation = torch.corrcoef(torch.stack([own, true]))[0, 1]
    return ScoreCheck(float((own - true).square().sum() / true.square().sum()), float(correlation))
