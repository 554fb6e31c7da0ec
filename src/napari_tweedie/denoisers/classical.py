"""Base of the classical denoisers: every channel is an image of its own, of mean 0 and noise level 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.denoiser import Denoiser

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


class Classical(Denoiser):
    """Base of the denoisers that are not learned: ``f(x, σ) = m + σ g((x − m) / σ)``, m the mean of the image.

    Whatever g does, f is positively homogeneous, ``f(k x, k σ) = k f(x, σ)``, it follows a shift of the grey levels, and
    ``f(x, 0) = x``. Subclasses define g, `clean`, for noise of standard deviation 1: its constants are those of
    ``benchmarks/calibration.py``.
    """

    ndim: ClassVar[tuple[int, ...]] = (2, 3)
    keeps_without_noise: ClassVar[bool] = True
    is_homogeneous: ClassVar[bool] = True
    follows_offset: ClassVar[bool] = True

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(x.shape[0]).repeat_interleave(x.shape[1])
        if not bool((level > 0).any()):
            return x if self.differentiable else x.detach()
        images = (x if self.differentiable else x.detach()).reshape(-1, *x.shape[2:])
        level = level.view(-1, *[1] * (images.ndim - 1))
        axes = tuple(range(1, images.ndim))
        mean = images.detach().mean(dim=axes, keepdim=True)
        rounding = torch.finfo(x.dtype).eps * (images.detach() - mean).abs().amax(axes, keepdim=True)
        scale = torch.where(level > 0, torch.maximum(level, rounding), 1.0)  # less noise cannot be seen, and its squares overflow
        clean = mean + scale * self.clean((images - mean) / scale)
        return torch.where(level > 0, clean, images).reshape(x.shape)

    def clean(self, images: Tensor) -> Tensor:
        """Return g: images (N, [Z,] Y, X) of mean 0 without their noise of standard deviation 1."""
        raise TypeError(f"{type(self).__name__} defines no denoising")


class ArrayDenoiser(Classical):
    """Base of those that work on one NumPy array after the other, whatever the device of the tensors."""

    def clean(self, images: Tensor) -> Tensor:
        arrays = images.cpu().numpy()
        return torch.from_numpy(np.stack([self.clean_array(array) for array in arrays]).astype(np.float32)).to(images)

    def clean_array(self, image: NDArray[np.float32]) -> NDArray[Any]:
        """Return g of one image ([Z,] Y, X)."""
        raise TypeError(f"{type(self).__name__} defines no denoising")


def mirrored(image: NDArray[Any], side: int) -> NDArray[Any]:
    """Return an image that is at least `side` pixels long along every axis, continued by its mirror image where it was not."""
    return np.pad(image, [(0, max(0, side - n)) for n in image.shape], mode="symmetric")
