"""Structured singular value decompositions A = U diag(s) Vᵀ with fast, real, orthonormal U and V."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.linear_algebra import spatial_axes

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.degradation import Degradation


@dataclass(frozen=True)
class SVD:
    """The decomposition ``A x = u(s * vt(x))`` for images of one spatial shape.

    Coefficients are tensors (B, C, …) in the spatial shape of x, in no particular order of their singular values. V is
    square; U has a column for every s > 0, so ``u`` ignores and ``ut`` returns zero where s = 0.

    Parameters
    ----------
    singular_values : Tensor
        s ≥ 0, in the spatial shape of x.
    v, vt : callable
        From coefficients to an image, and back.
    u, ut : callable
        From coefficients to a measurement, and back.
    """

    singular_values: Tensor
    v: Callable[[Tensor], Tensor]
    vt: Callable[[Tensor], Tensor]
    u: Callable[[Tensor], Tensor]
    ut: Callable[[Tensor], Tensor]

    @classmethod
    def of_normal(cls, operator: Degradation, s: Tensor, v: Callable[[Tensor], Tensor], vt: Callable[[Tensor], Tensor]) -> SVD:
        """Complete ``AᵀA = V diag(s²) Vᵀ`` by ``U = A V diag(1/s)``; the non-zero s must not be small."""
        inverse = torch.where(s > 0, 1 / s, 0.0)
        return cls(s, v, vt, lambda c: operator(v(inverse * c)), lambda y: inverse * vt(operator.adjoint(y)))


def hartley(x: Tensor) -> Tensor:
    """Return the Hartley transform over the spatial axes: real, symmetric, orthonormal, and its own inverse.

    The basis is ``cos + sin`` of all frequencies of the grid, as the Fourier transform orders them. A real filter whose
    transfer is real multiplies its coefficients.
    """
    spectrum = torch.fft.fftn(x, dim=spatial_axes(x), norm="ortho")
    return spectrum.real - spectrum.imag
