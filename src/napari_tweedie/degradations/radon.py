"""Radon transform: only projections measured, as in tomography."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape

if TYPE_CHECKING:
    from torch import Tensor

SAMPLES_AT_ONCE = 2**23
"""Points on rays that are held in memory at once."""


class Radon(Degradation):
    """Sums along parallel rays, one sample a pixel, linear between pixels (geometry of scikit-image, ``circle=True``).

    Images are square, (…, N, N); a measurement is a sinogram (…, N, angles): detector positions by angles. The image is
    rotated about pixel N // 2; only its inscribed circle is seen from everywhere.
    """

    name: ClassVar[str] = "radon"
    title: ClassVar[str] = "Projections (tomography)"
    solver: ClassVar[str] = "pnp-admm"
    suits_gradients: ClassVar[bool] = False
    ndim: ClassVar[tuple[int, ...]] = (2,)
    is_image: ClassVar[bool] = False

    angles: int = Parameter(60, "Number of projections, equally spaced.", ge=1, le=2000)
    limit: float = Parameter(180.0, "Range of the angles; below 180 for a limited tilt.", unit="°", gt=0, le=180)

    def theta(self) -> np.ndarray:
        """Return the angles in degrees."""
        return np.linspace(0, self.limit, self.angles, endpoint=False)

    def shape(self, image: Shape) -> Shape:
        if image[0] != image[1]:
            raise ValueError(f"projections are of square images (got {image}): crop or pad the image")
        return (image[0], self.angles)

    def domain(self, measurement: Shape) -> Shape:
        if measurement[1] != self.angles:
            raise ValueError(f"the sinogram has {measurement[1]} columns, but angles is {self.angles}: they must be equal")
        return (measurement[0], measurement[0])

    def norm(self, image: Shape | None = None) -> float:
        """Return √(largest row sum · largest column sum): N samples a ray, and about one sample a pixel and angle."""
        if image is None:
            raise ValueError("the norm of projections grows with the image: give its shape")
        return float(np.sqrt(1.1 * self.angles * image[0]))

    def normal_spectrum(self, x: Tensor) -> Tensor:
        """Return the spectrum of projecting and smearing back, angles / (π |frequency|)."""
        n = x.shape[-1]
        f = torch.fft.fftfreq(n, device=x.device)[:, None].square() + torch.fft.rfftfreq(n, device=x.device).square()
        return self.angles / (np.pi * f.sqrt().clamp_min(0.5 / n))

    def _portions(self, like: Tensor) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
        """Yield some angles as slice, cosine and sine, (k, 1, 1), and the rows and columns of a grid about pixel N // 2."""
        n = like.shape[-2]
        step = max(1, SAMPLES_AT_ONCE // n**2)
        along = torch.arange(n, device=like.device, dtype=like.dtype) - n // 2
        rows, columns = torch.meshgrid(along, along, indexing="ij")
        for first in range(0, self.angles, step):
            chosen = slice(first, min(first + step, self.angles))
            theta = torch.as_tensor(np.deg2rad(self.theta()[chosen])).to(like)[:, None, None]
            yield chosen, theta.cos(), theta.sin(), rows, columns

    def _project(self, x: Tensor, cos: Tensor, sin: Tensor, t: Tensor, d: Tensor) -> Tensor:
        """Sum x along rays: over t, for every detector position d."""
        centre = x.shape[-1] // 2
        return _sample(x, cos * t - sin * d + centre, cos * d + sin * t + centre).sum(-2).movedim(2, -1)

    def __call__(self, x: Tensor) -> Tensor:
        self.shape(tuple(x.shape[2:]))
        return torch.cat([self._project(x, *rays) for _, *rays in self._portions(x)], -1)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the derivative of ``⟨A x, y⟩``: exactly the transpose of what `__call__` does."""
        x = torch.zeros((*y.shape[:2], *self.domain(tuple(y.shape[2:]))), dtype=y.dtype, device=y.device, requires_grad=True)
        total = torch.zeros_like(x, requires_grad=False)
        for chosen, *rays in self._portions(y):
            with torch.enable_grad():
                inner = (self._project(x, *rays) * y[..., chosen]).sum()
            total += torch.autograd.grad(inner, x)[0]
        return total

    def extend(self, image: Tensor) -> Tensor:
        """Keep the largest square in the middle."""
        n = min(image.shape[2:])
        top, left = ((length - n) // 2 for length in image.shape[2:])
        return image[..., top : top + n, left : left + n]

    def start(self, y: Tensor) -> Tensor:
        """Filter with a ramp and smear back (filtered back-projection; Kak & Slaney 1988, equation 61)."""
        n = y.shape[-2]
        size = 2 ** int(np.ceil(np.log2(2 * n)))
        offsets = np.fft.fftfreq(size, 1 / size)
        odd = offsets % 2 == 1
        ramp = np.zeros(size)
        ramp[0], ramp[odd] = 0.25, -1 / (np.pi * offsets[odd]) ** 2
        transfer = torch.as_tensor(np.fft.rfft(ramp).real).to(y)[:, None]
        filtered = torch.fft.irfft(torch.fft.rfft(y, size, dim=-2) * transfer, size, dim=-2)[..., :n, :]
        image = torch.zeros((*y.shape[:2], *self.domain(tuple(y.shape[2:]))), dtype=y.dtype, device=y.device)
        for chosen, cos, sin, rows, columns in self._portions(y):
            number = torch.arange(self.angles, device=y.device)[chosen, None, None].expand(-1, n, n)
            image += _sample(filtered, cos * columns - sin * rows + n // 2, number).sum(2)
        return image * (np.deg2rad(self.limit) / self.angles)


def _sample(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the image, (B, C, Y, X), linearly interpolated at points (k, N, N): (B, C, k, N, N); outside it is zero."""
    scales = [2 / max(length - 1, 1) for length in image.shape[2:]]
    points = torch.stack([columns * scales[1] - 1, rows * scales[0] - 1], -1).flatten(0, 1)[None]
    values = torch.nn.functional.grid_sample(image.flatten(0, 1)[None], points, align_corners=True)
    return values.view(*image.shape[:2], *rows.shape)
