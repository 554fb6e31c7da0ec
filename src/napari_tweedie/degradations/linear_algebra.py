"""Linear algebra on image tensors: Fourier filters and conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]


def spatial_axes(x: Tensor) -> tuple[int, ...]:
    """Return the spatial axes of a tensor (B, C, …)."""
    return tuple(range(2, x.ndim))


def fourier_filter(x: Tensor, transfer: Tensor | float, grid: Shape | None = None) -> Tensor:
    """Multiply x by `transfer` in the Fourier basis of its spatial axes (periodic), or of a larger grid with zeros beyond x."""
    axes, shape = spatial_axes(x), grid or tuple(x.shape[2:])
    spectrum = torch.fft.rfftn(x, s=shape, dim=axes)
    spectrum *= transfer
    filtered = torch.fft.irfftn(spectrum, s=shape, dim=axes)
    return filtered[(..., *(slice(n) for n in x.shape[2:]))]


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    b: Tensor,
    start: Tensor,
    precondition: Callable[[Tensor], Tensor],
    tolerance: float = 1e-4,
    iterations: int = 100,
) -> Tensor:
    """Solve ``apply(x) = b`` for a symmetric positive definite `apply`, all samples of a batch at once.

    It stops when the residual of every sample, relative to b, is below `tolerance`, or after `iterations`.
    """

    def dot(p: Tensor, q: Tensor) -> Tensor:
        return (p * q).flatten(1).sum(1).view(-1, *[1] * (p.ndim - 1))

    x = start
    r = b - apply(x)
    s = precondition(r)
    p = s
    rs = dot(r, s)
    limit = tolerance**2 * dot(b, b)
    for _ in range(iterations):
        cancellation_point()
        if bool((dot(r, r) <= limit).all()):
            break
        q = apply(p)
        alpha = rs / dot(p, q).clamp_min(torch.finfo(p.dtype).tiny)
        x = x + alpha * p
        r = r - alpha * q
        s = precondition(r)
        rs, previous = dot(r, s), rs
        p = s + rs / previous.clamp_min(torch.finfo(p.dtype).tiny) * p
    return x
