"""Clean images of the kind: noise is added to them anew in every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.training.objectives.objective import Objective, Patches

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


class Clean(Objective):
    """Clean images of the kind, another page or another field: noise like that which is given is added, and they are estimated.

    The noise that the network is for must be given. Its level varies from patch to patch, so that neighbouring levels are learnt.

    Notes
    -----
    External adaptation of Vaksman, Elad, Milanfar, "LIDIA: Lightweight Learned Image Denoising with Instance Adaptation" (2020).
    """

    name: ClassVar[str] = "clean"
    title: ClassVar[str] = "Clean images of the kind, noise added"
    adds_noise: ClassVar[bool] = True

    spread: float = Parameter(1.3, "Factor by which the level of the noise is larger, or smaller, at most.", ge=1, le=4)

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        assert patches.partner is not None
        drawn = 2 * torch.rand(len(patches.noisy), generator=generator).to(patches.noisy) - 1
        factor = self.spread**drawn
        noise = factor.view(-1, 1, 1, 1) * patches.level_of_pixels * patches.draw_noise(generator)
        error = denoiser(patches.partner + noise, factor * patches.sigma) - patches.partner
        return patches.mean(error.square() / factor.view(-1, 1, 1, 1) ** 2)
