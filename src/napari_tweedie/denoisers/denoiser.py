"""Denoiser: a function f(x, σ), the posterior mean of a clean image given x = clean + noise of level σ."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Method

if TYPE_CHECKING:
    from torch import Tensor
    from torch import device as Device

Denoise: TypeAlias = "Callable[[Tensor, float | Tensor], Tensor]"
"""What solvers call: any function or module of the form f(x, sigma)."""


class Denoiser(Method):
    """Base of the denoisers that can be picked by name.

    ``f(x, sigma)`` takes x of shape (B, C, Y, X) or, where `ndim` says so, (B, C, Z, Y, X), float32 in any units, and
    the standard deviation sigma of its white Gaussian noise in the same units, a number or shape (B,). It returns the
    clean image's posterior mean, float32 of the same shape and on the same device. A NumPy array, of shape (Y, X), (N, Y, X)
    or, where it takes volumes only, (Z, Y, X), or as above, gives one of the same shape.
    """

    ndim: ClassVar[tuple[int, ...]] = (2,)
    """Numbers of spatial axes that the denoiser takes."""
    halo: ClassVar[int] = 0
    """How far, in pixels, an input pixel influences the output: tiles must overlap by it."""
    bytes_per_pixel: ClassVar[int] = 1500
    """Memory of a call per pixel of a tile, on which the size of tiles depends; without a measurement, on the safe side."""
    is_symmetric: ClassVar[bool] = False
    """Whether f(·, σ) is a symmetric matrix, so that RED minimises a function."""
    keeps_mean: ClassVar[bool] = True
    """Whether the mean of the image is that of the result, but for a hundredth of its range."""
    differentiable: ClassVar[bool] = False
    """Whether autograd sees through it: derivatives of f then need no finite differences."""
    keeps_without_noise: ClassVar[bool] = False
    """Whether f(x, 0) = x."""
    is_homogeneous: ClassVar[bool] = False
    """Whether f(k x, k σ) = k f(x, σ) for k > 0, so that the unit of grey levels is all one."""
    follows_offset: ClassVar[bool] = False
    """Whether f(x + c, σ) = f(x, σ) + c: where not, black means something to it."""
    flat_error: ClassVar[tuple[float, float]] = (0.04, 0.0)
    """a and b of √(a² σ² + b² grey level²), about the root mean square error on fields without any structure; both zero: it errs
    no more than its Jacobian says."""
    knows_errors: ClassVar[bool] = False
    """Whether it was learnt, from images, how far it errs where (`analysis.learnt_errors`): its Jacobian is not asked then."""
    knows_fusion: ClassVar[bool] = False
    """Whether it was learnt, from clips, what neighbours tell beyond their average (`denoisers.mending`)."""
    longest_wave: ClassVar[float] = inf
    """Length in pixels from which on it knows waves no better than the noisy image does: samples of the posterior have them from
    there; infinite: it knows them all."""
    takes_map: ClassVar[bool] = False
    """Whether sigma may differ from pixel to pixel, a map of shape (B, 1, Y, X)."""
    knows_correlation: ClassVar[bool] = False
    """Whether it has learnt from images with correlated noise, which it removes in one call with the level of a pixel."""
    takes_levels: ClassVar[bool] = False
    """Whether noise need not be white: sigma may be its levels at every scale, (B, 10, Y | 1, X | 1), of `denoisers.levels`."""

    def across(self, axis: int) -> Denoiser:
        """Return it for the planes of a volume (B, C, Z, Y, X) across an axis, where it treats those differently."""
        return self

    context: ClassVar[int] = 0
    """Planes on each side, along time or depth, that `among` looks at; 0: it sees one plane at a time."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in cls.__dict__:
            cls.__call__ = takes_arrays(cls.__dict__["__call__"])  # type: ignore[method-assign]

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Return f(x, σ)."""
        raise TypeError(f"{type(self).__name__} defines no denoising")

    def among(self, x: Tensor, sigma: Tensor, plane: int) -> Tensor:
        """Return one plane of a stack, denoised with the help of those beside it; for denoisers with a `context`.

        Parameters
        ----------
        x : Tensor
            1 to 2 `context` + 1 planes in their order along time or depth, of equal brightness, shape (B, C, N, Y, X). At the
            ends of an image there are as many on the other side.
        sigma : Tensor
            The noise level of every plane, shape (N,): planes that were brightened have more.
        plane : int
            Which of them is wanted.

        Returns
        -------
        Tensor
            The clean plane, shape (B, C, Y, X).
        """
        raise TypeError(f"{type(self).__name__} sees one plane at a time")

    def obstacle(self) -> str:
        """Return why it cannot run here, a missing package or file, in one sentence with the way out; empty: it can."""
        return ""

    def program(self) -> str:
        """Return the SHA-256 of the code of others that a call would run; empty: it runs none."""
        return ""

    def normalised(self, offset: float, scale: float) -> Self:
        """Return this denoiser for images that are mapped to ``(image − offset) / scale``: grey levels that it holds are, too."""
        return self

    def pinned(self) -> Self:
        """Return this denoiser with all that says which one it is, for a recipe that is kept: the hash of a file."""
        return self

    def on(self, device: Device) -> Self:
        """Return this denoiser with what it leaves to the device decided: what is measured twice may differ, results must not."""
        return self

    def provenance(self, device: Device) -> dict[str, Any]:
        """Return what, besides the parameters, determines the result on a device: weights, precision."""
        return {}


def takes_arrays(call: Callable[..., Any]) -> Callable[..., Any]:
    """Let a denoiser's call take NumPy arrays, too, and return such for them."""

    @wraps(call)
    def called(self: Denoiser, x: Any, sigma: float | Tensor) -> Any:
        if not isinstance(x, np.ndarray):
            return call(self, x, sigma)
        block = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
        spatial = self.ndim[0]
        if x.ndim < spatial:
            raise ValueError(f"{self.name!r} takes images of {spatial} axes or more (got shape {x.shape})")
        if x.ndim < spatial + 2:
            block = block.reshape(-1, 1, *x.shape[x.ndim - spatial :])
        with torch.no_grad():
            return call(self, block, sigma).numpy().reshape(x.shape)

    return called
