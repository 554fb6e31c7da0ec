"""K-space as channels: complex numbers of coils as real and imaginary parts, and what maps of sensitivities make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.linear_algebra import Shape

LEAST_WEIGHT = 1e-3
"""Least weight, next to the largest, that what coils see is divided by."""

Maps = NDArray[Any] | None
"""Complex sensitivities, (coils, Y, X); None: a single even coil."""


def as_complex(y: Tensor, coils: int) -> Tensor:
    """Return measurements, (B, C · coils · 2, Y, X), as complex numbers, (B, C, coils, Y, X)."""
    return torch.view_as_complex(y.unflatten(1, (-1, coils, 2)).movedim(3, -1).contiguous())


def as_channels(values: Tensor) -> Tensor:
    """Return the inverse of `as_complex`."""
    return torch.view_as_real(values).movedim(-1, 3).flatten(1, 3)


def components(maps: Maps) -> int:
    """Return how many channels a measurement has: two a coil."""
    return 2 * (1 if maps is None else len(maps))


def takes(maps: Maps, count: int) -> bool:
    """Tell whether so many are real and imaginary parts of the coils that there are maps of, or of any where there are none."""
    return count == components(maps) or (maps is None and count > 0 and count % 2 == 0)


def sensitivities(maps: Maps, like: Tensor, image: Shape) -> Tensor:
    """Return the sensitivities, complex, (coils, Y, X); 1 for a single coil.

    Raises
    ------
    ValueError
        If they are of another image, or all zero.
    """
    if maps is None:
        return torch.ones((1, 1, 1), dtype=like.dtype.to_complex(), device=like.device)
    if maps.ndim != 3 or maps.shape[1:] != image:
        raise ValueError(f"the sensitivities have shape {maps.shape}, the image {image}: give (coils, Y, X)")
    if not maps.any():
        raise ValueError("the sensitivities are zero everywhere: no coil has seen anything")
    return torch.as_tensor(maps.astype(np.complex64), device=like.device).to(like.dtype.to_complex())


def norm(maps: Maps) -> float:
    """Return the norm of what coils make of an image."""
    return 1.0 if maps is None else float(np.sqrt((np.abs(maps) ** 2).sum(0).max()))


def unweighted(image: Tensor, sensitivity: Tensor) -> Tensor:
    """Return an image divided by how well the coils see every pixel."""
    weight = sensitivity.abs().square().sum(0).to(image)
    return image / weight.clamp_min(LEAST_WEIGHT * float(weight.max()))
