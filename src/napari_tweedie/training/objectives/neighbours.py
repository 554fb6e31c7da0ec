"""Neighbour images: two images of half the size, of pixels side by side, stand for two recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.training.objectives.objective import Objective, Patches

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

CELL = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2))
"""Pairs of neighbours in a cell of 2 × 2 pixels, numbered row by row."""


class Neighbor2Neighbor(Objective):
    """Neighbor2Neighbor: one of two neighbouring pixels is estimated from an image of the other ones; for white noise.

    Notes
    -----
    Huang et al., "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy Images" (2021):
    ``‖f(g₁) − g₂‖² + γ ‖f(g₁) − g₂ − (g₁ f(y) − g₂ f(y))‖²``.
    """

    name: ClassVar[str] = "neighbor2neighbor"
    title: ClassVar[str] = "Neighbor2Neighbor"

    gamma: float = Parameter(1.0, "Weight of the term that allows for neighbours to differ.", ge=0, le=10)

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        choice = _draw(patches.noisy, generator)
        one, other = _of_cells(patches.noisy, choice)
        with torch.no_grad():
            clean = _of_cells(denoiser(patches.noisy, patches.sigma), choice)
        counts = _of_cells(patches.counts, choice)
        estimate = denoiser(one, patches.sigma)
        error = (estimate - other).square() + self.gamma * (estimate - other - (clean[0] - clean[1])).square()
        return Patches(one, patches.sigma, counts[0] & counts[1]).mean(error)


def _draw(x: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw which two neighbours of every cell are taken: numbers 0 … 3, shape (B, 1, Y/2, X/2)."""
    shape = (len(x), 1, x.shape[2] // 2, x.shape[3] // 2)
    drawn = torch.tensor(CELL)[torch.randint(len(CELL), shape, generator=generator)].to(x.device)
    return drawn[..., 0], drawn[..., 1]


def _of_cells(x: Tensor, choice: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the chosen pixels of all cells as two images."""
    rows, columns = choice[0].shape[-2:]
    cells = x[..., : 2 * rows, : 2 * columns].unflatten(3, (columns, 2)).unflatten(2, (rows, 2))
    four = cells.permute(0, 1, 2, 4, 3, 5).flatten(4)
    one, other = (four.gather(4, number[..., None])[..., 0] for number in choice)
    return one, other
