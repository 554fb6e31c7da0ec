"""Stein's unbiased estimate of the squared error as an objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.training.losses import sure
from napari_tweedie.training.objectives.objective import Objective, Patches

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


class Stein(Objective):
    """Stein's risk estimate (SURE): the squared error itself, but for its randomness; needs the noise to be known.

    Photon noise is stabilised before. Correlated noise is known by its spectrum: the divergence is then that of ``C J``, by
    probes of the covariance C (Eldar 2009).

    Notes
    -----
    Stein (1981); probes: Ramani, Blu, Unser (2008); for training: Soltanayev & Chun (2018), Mohan et al. (2021).
    """

    name: ClassVar[str] = "sure"
    title: ClassVar[str] = "Stein's risk estimate (SURE)"

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        return patches.mean(risk(denoiser, patches, generator))


def risk(denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
    """Estimate the squared error at every pixel that counts, shape (B, 1, Y, X), of noise that may be correlated."""
    if patches.correlation is None:
        probe = (2.0 * torch.randint(2, patches.noisy.shape, generator=generator) - 1).to(patches.noisy)
    else:
        probe = patches.draw_noise(generator)
    return sure(denoiser, patches.noisy, patches.sigma, probe * patches.counts, patches.levels)
