"""Identity: nothing but noise was added."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape
from napari_tweedie.degradations.svd import SVD

if TYPE_CHECKING:
    from torch import Tensor


class Identity(Degradation):
    """A = I: the image is noisy, nothing else."""

    name: ClassVar[str] = "identity"
    title: ClassVar[str] = "Noise only"
    undone: ClassVar[str] = "denoised"
    is_pixelwise: ClassVar[bool] = True
    is_disjoint: ClassVar[bool] = True

    def __call__(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        return y

    def reach(self, ndim: int) -> Shape:
        return (0,) * ndim

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        return (y + rho * z) / (1 + rho)

    def svd(self, x: Tensor) -> SVD:
        return SVD.of_normal(self, torch.ones_like(x[0, 0]), lambda c: c, lambda x: x)
