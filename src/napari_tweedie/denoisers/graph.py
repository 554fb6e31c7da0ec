"""Graph Laplacian: smoothness on a graph whose nodes are pixels, linked where their surroundings look alike."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.linear_algebra import conjugate_gradients
from napari_tweedie.denoisers.classical import Classical

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    Link = tuple[tuple[int, ...], Tensor]

REACH = {2: 3, 3: 1}
PATCH = 5
WIDTH = 1.0
STRENGTH = 0.3


class GraphLaplacian(Classical):
    """Smoothness between pixels with similar surroundings: ``argmin_u ½‖u − x‖² + ½λ Σ w_ij (u_i − u_j)²``.

    The weights ``w = exp(−max(d − 2σ², 0) / h²)`` fall with the mean squared difference d of the patches around two pixels, as
    in non-local means; solving with the graph's Laplacian, which is symmetric, keeps the mean exactly (Elmoataz, Lezoray,
    Bougleux 2008; Pang & Cheung 2017).
    """

    name: ClassVar[str] = "graph-laplacian"
    title: ClassVar[str] = "Graph Laplacian"
    halo: ClassVar[int] = 32
    differentiable: ClassVar[bool] = True

    def clean(self, images: Tensor) -> Tensor:
        links = list(similar(images))
        degree = sum((weights + shifted(weights, offset, -1) for offset, weights in links), torch.zeros_like(images))
        return conjugate_gradients(
            lambda u: u + STRENGTH * laplacian(u, links),
            images,
            images,
            precondition=lambda r: r / (1 + STRENGTH * degree),
        )


def similar(images: Tensor) -> Iterator[Link]:
    """Yield the offset to a neighbour and the weights of all links to it; every pair of pixels in reach once."""
    axes = images.ndim - 1
    smooth = torch.nn.functional.avg_pool2d if axes == 2 else torch.nn.functional.avg_pool3d
    reach = range(-REACH[axes], REACH[axes] + 1)
    for offset in product(reach, repeat=axes):
        if offset <= (0,) * axes:
            continue
        difference = (images - shifted(images, offset)).square()
        around = torch.nn.functional.pad(difference[:, None], [PATCH // 2] * (2 * axes), mode="replicate")
        distance = smooth(around, PATCH, 1)[:, 0]
        inside = torch.ones((), device=images.device)
        for n, step in zip(images.shape[1:], offset, strict=True):
            target = torch.arange(n, device=images.device) + step
            inside = inside.unsqueeze(-1) * ((target >= 0) & (target < n))
        yield offset, inside * torch.exp(-(distance - 2).clamp_min(0) / WIDTH**2)


def laplacian(u: Tensor, links: list[Link]) -> Tensor:
    """Return L u, ``(L u)_i = Σ_j w_ij (u_i − u_j)``."""
    total = torch.zeros_like(u)
    for offset, weights in links:
        flow = weights * (u - shifted(u, offset))
        total = total + flow - shifted(flow, offset, -1)
    return total


def shifted(u: Tensor, offset: tuple[int, ...], direction: int = 1) -> Tensor:
    """Return for every pixel the value at `offset` from it, wrapped around at the border."""
    return u.roll([-direction * step for step in offset], dims=list(range(1, u.ndim)))
