"""Mask: missing pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape
from napari_tweedie.degradations.svd import SVD

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


class Mask(Degradation):
    """A = diag(m): pixels are known (m = 1) or missing (m = 0)."""

    name: ClassVar[str] = "mask"
    title: ClassVar[str] = "Missing pixels"
    undone: ClassVar[str] = "filled"
    is_pixelwise: ClassVar[bool] = True
    is_disjoint: ClassVar[bool] = True
    solver: ClassVar[str] = "pnp-admm"

    mask: ArrayInput = Parameter(Input.needed("mask"), "Marks pixels: zero or not, in the shape of the image.", layer="labels")
    marks: Literal["missing", "known"] = Parameter("missing", "What the marked (non-zero) pixels are.")

    def _known(self, x: Tensor) -> Tensor:
        mask = self.mask.tensor(x)
        if tuple(mask.shape) != tuple(x.shape[2:]):
            raise ValueError(f"the mask has shape {tuple(mask.shape)}, the image {tuple(x.shape[2:])}: they must be equal")
        marked = mask != 0
        return (marked if self.marks == "known" else ~marked).to(x.dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return x * self._known(x)

    def adjoint(self, y: Tensor) -> Tensor:
        return y * self._known(y)

    def reach(self, ndim: int) -> Shape:
        return (0,) * ndim

    def observed(self, y: Tensor) -> Tensor:
        return (self._known(y) > 0).expand(y.shape)

    @property
    def loses_pixels(self) -> bool:
        return True

    def without(self, missing: NDArray[np.bool_]) -> Mask:
        marked = self.mask.values() != 0
        marked = marked & ~missing if self.marks == "known" else marked | missing
        return Mask(mask=Input.of(marked, self.mask.name), marks=self.marks)

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        known = self._known(z)
        return (known * y + rho * z) / (known + rho)

    def svd(self, x: Tensor) -> SVD:
        return SVD.of_normal(self, self._known(x), lambda c: c, lambda x: x)

    def start(self, y: Tensor) -> Tensor:
        """Fill every missing pixel with its nearest known one."""
        from scipy.ndimage import distance_transform_edt

        known = self._known(y).cpu().numpy() > 0
        if not known.any():
            raise ValueError("the mask leaves no known pixel: nothing can be restored")
        nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
        return y[(..., *(torch.as_tensor(axis.astype(np.int64), device=y.device) for axis in nearest))]
