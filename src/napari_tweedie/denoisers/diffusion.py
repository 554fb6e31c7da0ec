"""Perona–Malik diffusion: heat that stops at edges, until the estimated error is least."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.classical import Classical
from napari_tweedie.denoisers.total_variation import divergence, gradient

if TYPE_CHECKING:
    from torch import Tensor

EDGE = 1.5
STEPS = 60
PROBE = 1e-2


class PeronaMalik(Classical):
    """Diffusion that slows down at edges: ``∂u/∂t = div(c(∂u) ∂u)``, ``c(s) = 1 / (1 + s²/K²)`` (Perona & Malik 1990).

    K is proportional to σ. It stops at the time of least estimated error (Stein 1981), whose divergence is that of a second,
    slightly disturbed run along one random direction (Ramani, Blu, Unser 2008). A tile counts as an image of its own.
    Constants and the mean are kept.
    """

    name: ClassVar[str] = "perona-malik"
    title: ClassVar[str] = "Perona–Malik diffusion"
    halo: ClassVar[int] = 32
    differentiable: ClassVar[bool] = True

    def clean(self, images: Tensor) -> Tensor:
        probe = rademacher(images)
        u, disturbed = images, images.detach() + PROBE * probe
        best, least = u, torch.full((len(u), *[1] * (u.ndim - 1)), 2.0 * u[0].numel()).to(u)
        for _ in range(STEPS):
            cancellation_point()
            u, disturbed = step(u), step(disturbed)
            spread = (disturbed - u).detach() * probe / PROBE
            risk = ((u - images).detach().square() + 2 * spread).sum(tuple(range(1, u.ndim)), keepdim=True)
            best = torch.where(risk < least, u, best)
            least = torch.minimum(risk, least)
        return best


def step(u: Tensor) -> Tensor:
    """Return u after one explicit time step, the largest that is stable for a diffusivity of 1."""
    flux = gradient(u)
    flux = flux / (1 + (flux / EDGE).square())
    return u + divergence(flux) / (2 * flux.shape[0] + 1)


def rademacher(images: Tensor) -> Tensor:
    """Return ±1 for every pixel, the same for all images of a batch and on every call."""
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, images.shape[1:], generator=generator)
    return (2 * signs - 1).to(images).expand(images.shape)
