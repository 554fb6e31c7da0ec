"""Cosine transform, which suits images that are mirrored at their borders."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.linear_algebra import spatial_axes

if TYPE_CHECKING:
    from torch import Tensor


def dct(x: Tensor) -> Tensor:
    """Return the orthonormal cosine transform (DCT-II) over the spatial axes, by an FFT of equal length (Makhoul 1980)."""
    for axis in spatial_axes(x):
        x = x.movedim(axis, -1)
        spectrum = torch.fft.fft(torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], -1), norm="ortho")
        x = ((spectrum * _twiddle(x)).real * _weights(x)).movedim(-1, axis)
    return x


def inverse_dct(x: Tensor) -> Tensor:
    """Return the inverse of `dct`, which is its transpose."""
    for axis in spatial_axes(x):
        x = x.movedim(axis, -1) / _weights(x.movedim(axis, -1))
        mirrored = torch.nn.functional.pad(x[..., 1:].flip(-1), (1, 0))
        ordered = torch.fft.ifft(torch.complex(x, -mirrored) * _twiddle(x).conj(), norm="ortho").real
        half = (x.shape[-1] + 1) // 2
        x = torch.empty_like(x)
        x[..., ::2], x[..., 1::2] = ordered[..., :half], ordered[..., half:].flip(-1)
        x = x.movedim(-1, axis)
    return x


def _twiddle(x: Tensor) -> Tensor:
    k = torch.arange(x.shape[-1], device=x.device, dtype=x.dtype)
    return torch.polar(torch.ones_like(k), -pi * k / (2 * len(k)))


def _weights(x: Tensor) -> Tensor:
    weights = torch.full((x.shape[-1],), 2**0.5, dtype=x.dtype, device=x.device)
    weights[0] = 1
    return weights
