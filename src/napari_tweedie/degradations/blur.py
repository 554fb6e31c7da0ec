"""Blur: convolution with a point-spread function, here a Gaussian one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape, fourier_filter, spatial_axes
from napari_tweedie.degradations.psf_array import resampled
from napari_tweedie.degradations.svd import SVD, hartley

if TYPE_CHECKING:
    from torch import Tensor

Boundary = Literal["pad", "circular"]
WIDEST = 50.0
"""Largest standard deviation of a Gaussian blur, in pixels."""
NARROWEST, WIDER = 0.1, 10.0
"""Least and largest factor on the width of a point-spread function."""

_BOUNDARY = (
    "What lies outside the field of view: 'pad' treats it as unknown and restores it too, so that nothing rings; "
    "'circular' wraps the image around, as papers do."
)


class Blur(Degradation):
    """Convolution with a kernel that sums to 1.

    With ``boundary="circular"`` A is a circular convolution. With ``"pad"`` x is larger than the measurement by the
    kernel's support, and A keeps the part of the convolution that the camera saw.
    """

    iterations: ClassVar[int] = 12
    undone: ClassVar[str] = "deblurred"
    admm_weight: ClassVar[float] = 0.7
    red_weight: ClassVar[float] = 0.2
    doubted: ClassVar[tuple[str, str]] = ("point-spread function", "its width, its centre and the pixel sizes")

    boundary: Boundary = Parameter("pad", _BOUNDARY, advanced=True)
    uncertainty: float = Parameter(
        0.0,
        "How well the width of the point-spread function is known, as a standard deviation relative to it: each sample of the "
        "posterior draws its own; 0: exactly.",
        ge=0,
        le=0.5,
        advanced=True,
    )
    relative_width: float = Parameter(
        1.0,
        "How many times as wide as everything else says the point-spread function is taken to be: 1 trusts that; less where an "
        "image holds detail that it would have taken away.",
        ge=NARROWEST,
        le=WIDER,
        advanced=True,
    )

    _weights: dict[int, NDArray[np.float64]] = PrivateAttr(default_factory=dict)
    _transfers: dict[tuple[Any, ...], Any] = PrivateAttr(default_factory=dict)

    def amplification(self, ndim: int) -> float:
        return float(1 / self.kernel(ndim).max())

    def actual(self, name: str) -> Any:
        return self.relative_width * self.std if name == "std" and hasattr(self, "std") else super().actual(name)

    def varies(self, ndim: int) -> bool:
        """Return whether it is another kernel in other places of the image."""
        return False

    def weights(self, ndim: int) -> NDArray[np.float64]:
        """Return the kernel over `ndim` spatial axes, of odd size."""
        raise TypeError(f"{type(self).__name__} defines no kernel")

    def kernel(self, ndim: int) -> NDArray[np.float64]:
        """Return the kernel over `ndim` spatial axes, computed once."""
        if ndim not in self._weights:
            self._weights[ndim] = self.widened(ndim)
        return self._weights[ndim]

    def widened(self, ndim: int) -> NDArray[np.float64]:
        """Return the weights as many times as wide as `relative_width` says."""
        return self._as_wide(self.weights(ndim))

    def _as_wide(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.relative_width == 1:
            return kernel
        kernel = resampled(kernel, tuple(1 / self.relative_width if length > 1 else 1.0 for length in kernel.shape))
        return kernel / kernel.sum()

    @property
    def is_uncertain(self) -> bool:
        return self.uncertainty > 0

    def drawn(self, z: float) -> Self:
        """Return the blur whose kernel is exp(z · uncertainty) times as wide."""
        return self.wider(float(np.exp(z * self.uncertainty))).model_copy(update={"uncertainty": 0.0})

    def wider(self, factor: float) -> Self:
        """Return the blur whose kernel is so many times as wide."""
        found = self.model_copy(update={"relative_width": float(np.clip(factor * self.relative_width, NARROWEST, WIDER))})
        found._weights, found._transfers = {}, {}
        return found

    def _margins(self, ndim: int) -> Shape:
        """Return how far the kernel reaches on every side."""
        if self.boundary == "circular":
            return (0,) * ndim
        return tuple(length // 2 for length in self.kernel(ndim).shape)

    def _transfer(self, x: Tensor, shape: Shape | None = None) -> Tensor:
        """Return the Fourier transform of the kernel on the grid of `x`, or on another one, its centre at the origin."""
        key = (shape or tuple(x.shape[2:]), x.dtype, x.device)
        if key not in self._transfers:
            self._transfers[key] = torch.fft.rfftn(self._grid(x, key[0]))
        return self._transfers[key]

    def _opposite(self, x: Tensor, shape: Shape) -> Tensor:
        """Return the complex conjugate of the transform, which that of the adjoint is, computed once."""
        key = (shape, x.dtype, x.device, "adjoint")
        if key not in self._transfers:
            self._transfers[key] = self._transfer(x, shape).conj().resolve_conj()
        return self._transfers[key]

    def _grid(self, x: Tensor, shape: Shape) -> Tensor:
        """Return the kernel on a grid, its centre at the origin, wrapped around."""
        return self._wrapped(self.kernel(x.ndim - 2), x, shape)

    def _wrapped(self, weights: NDArray[np.float64], x: Tensor, shape: Shape) -> Tensor:
        kernel = torch.as_tensor(weights).to(x)
        grid = torch.zeros(shape, dtype=x.dtype, device=x.device)
        sizes = zip(kernel.shape, grid.shape, strict=True)
        offsets = [(torch.arange(length, device=x.device) - length // 2) % n for length, n in sizes]
        grid.index_put_(torch.meshgrid(*offsets, indexing="ij"), kernel, accumulate=True)
        return grid

    def _fast(self, domain: Shape) -> Shape:
        """Return the smallest grid for x whose Fourier transform is fast: what wraps around beyond x is never seen."""
        from scipy.fft import next_fast_len

        return domain if self.boundary == "circular" else tuple(next_fast_len(n, real=True) for n in domain)

    def __call__(self, x: Tensor) -> Tensor:
        grid = self._fast(tuple(x.shape[2:]))
        return self.crop(fourier_filter(x, self._transfer(x, grid), grid))

    def adjoint(self, y: Tensor) -> Tensor:
        domain = self.domain(tuple(y.shape[2:]))
        grid = self._fast(domain)
        return self._within(fourier_filter(self._placed(y, grid), self._opposite(y, grid)), domain)

    def _placed(self, y: Tensor, grid: Shape) -> Tensor:
        """Return a measurement on the grid of x, where it lies in it, with zeros around."""
        sides = zip(self._margins(y.ndim - 2), y.shape[2:], grid, strict=True)
        pads = [side for margin, n, length in reversed(list(sides)) for side in (margin, length - n - margin)]
        return torch.nn.functional.pad(y, pads)

    def _within(self, x: Tensor, domain: Shape) -> Tensor:
        part: Any = (..., *(slice(n) for n in domain))
        return x[part]

    def shape(self, image: Shape) -> Shape:
        small = tuple(n - 2 * margin for n, margin in zip(image, self._margins(len(image)), strict=True))
        if min(small) < 1:
            raise ValueError(f"the image {image} is smaller than the kernel: nothing of it can be seen")
        return small

    def domain(self, measurement: Shape) -> Shape:
        return tuple(n + 2 * margin for n, margin in zip(measurement, self._margins(len(measurement)), strict=True))

    def reach(self, ndim: int) -> Shape | None:
        return None if self.boundary == "circular" else self._margins(ndim)

    def extend(self, image: Tensor) -> Tensor:
        """Continue the image beyond its borders by mirror images."""
        for axis, margin in zip(spatial_axes(image), self._margins(image.ndim - 2), strict=True):
            length = image.shape[axis]
            mirrored = np.pad(np.arange(length), margin, mode="symmetric")
            image = image.index_select(axis, torch.as_tensor(mirrored, device=image.device))
        return image

    def crop(self, x: Tensor) -> Tensor:
        for axis, margin in zip(spatial_axes(x), self._margins(x.ndim - 2), strict=True):
            x = x.narrow(axis, margin, x.shape[axis] - 2 * margin)
        return x

    def start(self, y: Tensor) -> Tensor:
        return self.extend(y)

    def normal_spectrum(self, x: Tensor) -> Tensor | float:
        return self._transfer(x).abs().square()

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        if self.boundary == "pad":
            return super().prox(z, y, rho)
        transfer = self._transfer(z)
        axes = spatial_axes(z)
        numerator = transfer.conj() * torch.fft.rfftn(y, dim=axes) + rho * torch.fft.rfftn(z, dim=axes)
        return torch.fft.irfftn(numerator / (transfer.abs().square() + rho), s=z.shape[2:], dim=axes)

    def svd_obstacle(self) -> str:
        if self.boundary == "circular":
            return ""
        return f"{self.name!r} has a singular value decomposition with boundary='circular' only"

    def svd(self, x: Tensor) -> SVD:
        """Use that V may be the Hartley basis, as a frequency and its opposite share |h|, and U the same with the phase of h."""
        if obstacle := self.svd_obstacle():
            raise ValueError(obstacle)
        phase = torch.sgn(torch.where(self._transfer(x) == 0, 1, self._transfer(x)))
        s = torch.fft.fftn(self._grid(x, tuple(x.shape[2:]))).abs()
        return SVD(
            s, hartley, hartley, lambda c: fourier_filter(hartley(c), phase), lambda y: hartley(fourier_filter(y, phase.conj()))
        )


class GaussianBlur(Blur):
    """Blur with a Gaussian, a good first guess for an unknown microscope or a slightly defocused image."""

    name: ClassVar[str] = "gaussian-blur"
    title: ClassVar[str] = "Gaussian blur"

    std: float = Parameter(1.6, "Standard deviation along Y and X.", unit="px", gt=0, le=WIDEST)
    axial_std: float = Parameter(0.0, "Standard deviation along Z, for stacks restored as volumes.", unit="px", ge=0, le=WIDEST)

    def weights(self, ndim: int) -> NDArray[np.float64]:
        profiles = [_gaussian(std) for std in (self.axial_std,) * (ndim - 2) + (self.std,) * 2]
        kernel = profiles[0]
        for profile in profiles[1:]:
            kernel = np.multiply.outer(kernel, profile)
        return kernel

    def widened(self, ndim: int) -> NDArray[np.float64]:
        stds = {name: self.relative_width * getattr(self, name) for name in ("std", "axial_std")}
        return self.model_copy(update=stds).weights(ndim)


LEAST_STD = 1e-3
"""Standard deviation, in pixels, below which a Gaussian is a point."""


def _gaussian(std: float) -> NDArray[np.float64]:
    radius = int(np.ceil(4 * std))
    positions = np.arange(-radius, radius + 1)
    profile = np.exp(-0.5 * (positions / std) ** 2) if std > LEAST_STD else np.ones(1)
    return profile / profile.sum()
