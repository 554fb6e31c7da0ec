"""Fourier mask: only some spatial frequencies measured, as in fast magnetic resonance imaging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import ArrayInput, Input, Parameter
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape, fourier_filter
from napari_tweedie.degradations.svd import SVD, hartley

if TYPE_CHECKING:
    from torch import Tensor

GOLDEN_ANGLE = np.pi * (3 - 5**0.5) / 2
"""Angle between spokes, 68.75°, that spreads any number of diameters about evenly."""


class FourierMask(Degradation):
    """A = m F S: the orthonormal Fourier transform of the real image, times coil sensitivities S, at some frequencies m.

    A measurement has, for every channel and coil, two channels (real and imaginary part), the zero frequency in the
    middle and zeros where nothing was measured.
    """

    name: ClassVar[str] = "fourier-mask"
    title: ClassVar[str] = "Undersampled Fourier transform"
    is_non_negative: ClassVar[bool] = False
    solver: ClassVar[str] = "pnp-admm"
    ndim: ClassVar[tuple[int, ...]] = (2,)
    is_image: ClassVar[bool] = False

    pattern: Literal["cartesian", "radial", "random"] = Parameter(
        "cartesian", "What is measured: random rows, diameters, or random points; all with the middle."
    )
    acceleration: float = Parameter(4.0, "Frequencies of the image per measured one.", ge=1, le=64)
    centre: float = Parameter(0.08, "Part of either axis about the zero frequency that is measured fully.", ge=0, le=1)
    seed: int = Parameter(0, "Seed of the random pattern.", ge=0, advanced=True)
    sensitivity: ArrayInput = Parameter(
        Input(None), "Complex sensitivities, (coils, Y, X); none: one coil that sees all alike.", layer="image", advanced=True
    )

    _masks: dict[Shape, NDArray[np.bool_]] = PrivateAttr(default_factory=dict)

    def mask(self, image: Shape) -> NDArray[np.bool_]:
        """Return which frequencies are measured, the zero frequency in the middle."""
        if image not in self._masks:
            self._masks[image] = _PATTERNS[self.pattern](image, self.acceleration, self.centre, np.random.default_rng(self.seed))
        return self._masks[image]

    def _tensor_mask(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.mask(tuple(x.shape[-2:])), device=x.device).to(x.dtype)

    def _coils(self, x: Tensor) -> Tensor:
        """Return the sensitivities, shape (coils, Y, X), complex; 1 for a single coil."""
        array = self.sensitivity.array
        if array is None:
            return torch.ones((1, 1, 1), dtype=x.dtype.to_complex(), device=x.device)
        if array.ndim != 3 or array.shape[1:] != tuple(x.shape[-2:]):
            raise ValueError(f"the sensitivities have shape {array.shape}, the image {tuple(x.shape[-2:])}: give (coils, Y, X)")
        if not array.any():
            raise ValueError("the sensitivities are zero everywhere: no coil has seen anything")
        return torch.as_tensor(array.astype(np.complex64), device=x.device).to(x.dtype.to_complex())

    def components(self) -> int:
        return 2 * (1 if self.sensitivity.array is None else len(self.sensitivity.array))

    def __call__(self, x: Tensor) -> Tensor:
        spectrum = _centred(torch.fft.fft2, x.unsqueeze(2) * self._coils(x)) * self._tensor_mask(x)
        return torch.view_as_real(spectrum).movedim(-1, 3).flatten(1, 3)

    def adjoint(self, y: Tensor) -> Tensor:
        parts = y.unflatten(1, (-1, self.components() // 2, 2)).movedim(3, -1).contiguous()
        image = _centred(torch.fft.ifft2, torch.view_as_complex(parts) * self._tensor_mask(y))
        return (image * self._coils(y).conj()).real.sum(2)

    def observed(self, y: Tensor) -> Tensor:
        return (self._tensor_mask(y) > 0).expand(y.shape)

    def norm(self, image: Shape | None = None) -> float:
        array = self.sensitivity.array
        return 1.0 if array is None else float(np.sqrt((np.abs(array) ** 2).sum(0).max()))

    def start(self, y: Tensor) -> Tensor:
        """Take what was not measured as zero."""
        weight = self._coils(y).abs().square().sum(0)
        return self.adjoint(y) / weight.clamp_min(1e-3 * float(weight.max()))

    def _normal(self, x: Tensor) -> Tensor:
        """Return the eigenvalues of AᵀA of one coil, 0, ½ or 1: of real images a frequency and its opposite count alike."""
        mask = torch.fft.ifftshift(self._tensor_mask(x))
        return (mask + mask.flip(0, 1).roll((1, 1), (0, 1))) / 2

    def normal_spectrum(self, x: Tensor) -> Tensor:
        weight = float(self._coils(x).abs().square().sum(0).mean())
        return self._normal(x)[:, : x.shape[-1] // 2 + 1] * weight

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        if self.sensitivity.array is not None:
            return super().prox(z, y, rho)
        return fourier_filter(self.adjoint(y) + rho * z, 1 / (self.normal_spectrum(z) + rho))

    def svd_obstacle(self) -> str:
        if self.sensitivity.array is None:
            return ""
        return "'fourier-mask' has a singular value decomposition without coil sensitivities only"

    def svd(self, x: Tensor) -> SVD:
        if obstacle := self.svd_obstacle():
            raise ValueError(obstacle)
        return SVD.of_normal(self, self._normal(x).sqrt(), hartley, hartley)


def _centred(transform: Any, x: Tensor) -> Tensor:
    """Apply an FFT whose zero is in the middle of image and spectrum."""
    axes = (-2, -1)
    return torch.fft.fftshift(transform(torch.fft.ifftshift(x, dim=axes), norm="ortho"), dim=axes)


def _middle(length: int, centre: float) -> slice:
    count = max(1, round(centre * length))
    return slice(length // 2 - count // 2, length // 2 - count // 2 + count)


def _choose(known: NDArray[np.bool_], acceleration: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Add random elements to `known` until one in `acceleration` is chosen."""
    free = np.flatnonzero(~known)
    count = max(0, round(known.size / acceleration) - int(known.sum()))
    known.flat[rng.choice(free, count, replace=False)] = True
    return known


def _cartesian(shape: Shape, acceleration: float, centre: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    rows = np.zeros(shape[0], bool)
    rows[_middle(shape[0], centre)] = True
    return np.broadcast_to(_choose(rows, acceleration, rng)[:, None], shape).copy()


def _random(shape: Shape, acceleration: float, centre: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    points = np.zeros(shape, bool)
    points[tuple(_middle(length, centre) for length in shape)] = True
    return _choose(points, acceleration, rng)


def _radial(shape: Shape, acceleration: float, centre: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    points = np.zeros(shape, bool)
    points[tuple(_middle(length, centre) for length in shape)] = True
    radii = np.arange(-max(shape), max(shape) + 1) / 2
    angle = rng.uniform(0, np.pi)
    for _ in range(4 * sum(shape)):
        if points.mean() >= 1 / acceleration:
            break
        direction = zip(shape, (np.sin(angle), np.cos(angle)), strict=True)
        y, x = (np.rint(n // 2 + n / max(shape) * radii * part).astype(int) for n, part in direction)
        inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        points[y[inside], x[inside]] = True
        angle += GOLDEN_ANGLE
    return points


_PATTERNS = {"cartesian": _cartesian, "radial": _radial, "random": _random}
