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


def smoothed(x: Tensor, std: float) -> Tensor:
    """Return x filtered with a Gaussian along Y and X, and one half as wide along Z; borders are continued."""
    for axis in spatial_axes(x):
        width = std if axis >= x.ndim - 2 else std / 2
        reach = round(3 * width)
        weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype) / width) ** 2)
        lines = x.movedim(axis, -1)
        flat = torch.nn.functional.pad(lines.reshape(-1, 1, lines.shape[-1]), (reach, reach), mode="replicate")
        filtered = torch.nn.functional.conv1d(flat, (weights / weights.sum()).view(1, 1, -1))
        x = filtered.view(lines.shape).movedim(-1, axis)
    return x


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


def middle_square(image: Tensor) -> Tensor:
    """Return the largest square in the middle of images (B, C, Y, X)."""
    side = min(image.shape[2:])
    top, left = ((length - side) // 2 for length in image.shape[2:])
    return image[..., top : top + side, left : left + side]
