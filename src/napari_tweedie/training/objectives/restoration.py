"""Restoration from pairs of a degraded and a clean image: in one pass, or in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers.stepwise import told_level
from napari_tweedie.training.objectives.objective import Objective, Patches

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise


class Regression(Objective):
    """Regression: the target is estimated from its image in one pass, whatever lies between them: blur, noise, another modality.

    Notes
    -----
    As in content-aware restoration (CARE): Weigert et al. (2018).
    """

    name: ClassVar[str] = "regression"
    title: ClassVar[str] = "Regression on targets (one pass)"
    needs_partner: ClassVar[bool] = True
    restores: ClassVar[bool] = True

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        assert patches.partner is not None
        return patches.mean((denoiser(patches.noisy, told_level(patches.sigma)) - patches.partner).square())


class InDI(Objective):
    """InDI: the target is estimated from any mixture of it with its image, so that it can be approached in few or many steps.

    Notes
    -----
    Delbracio & Milanfar, "Inversion by Direct Iteration: An Alternative to Denoising Diffusion for Image Restoration" (2023):
    ``‖F(x_t, t) − x‖²`` with ``x_t = (1 − t) x + t y``.
    """

    name: ClassVar[str] = "indi"
    title: ClassVar[str] = "Targets in steps (InDI)"
    needs_partner: ClassVar[bool] = True
    restores: ClassVar[bool] = True

    whole: float = Parameter(0.25, "Share of the patches at t = 1, from which a single pass starts.", ge=0, le=1)

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        assert patches.partner is not None
        drawn = torch.rand((2, len(patches.noisy)), generator=generator).to(patches.noisy)
        t = torch.where(drawn[0] < self.whole, 1.0, drawn[1].clamp_min(1e-3))
        mixed = torch.lerp(patches.partner, patches.noisy, t.view(-1, 1, 1, 1))
        error = (denoiser(mixed, t * told_level(patches.sigma)) - patches.partner).square()
        return patches.mean(error)
