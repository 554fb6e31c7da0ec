"""Radon transform: only projections measured, as in tomography."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import ArrayInput, Input, Parameter
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape
from napari_tweedie.degradations.sinogram import axis_of_rotation, detector_axis, line_integrals, spacing_of

if TYPE_CHECKING:
    from torch import Tensor

SAMPLES_AT_ONCE = 2**23
"""Points on rays that are held in memory at once."""
MODEL_ERROR = 0.004
"""Error of sums over pixels, of the largest integral: 0.2 to 0.5 % against objects of three and five times finer pixels.

Taken for noise, it gained 0.2 to 2.1 dB on such objects of little noise, and 3 dB on a real one.
"""
SIMULATED = 60
"""Projections of a simulation."""


class Radon(Degradation):
    """Sums along parallel rays, one sample a pixel, linear between pixels (geometry of scikit-image, ``circle=True``).

    Images are square, (…, N, N); a measurement is a sinogram (…, N, angles): detector positions by angles. The image is
    rotated about pixel N // 2, which is seen by detector pixel N // 2, or `axis` further on; only its inscribed circle is seen
    from everywhere. Of a measurement that is restored more is found, see `fitted`.
    """

    name: ClassVar[str] = "radon"
    title: ClassVar[str] = "Projections (tomography)"
    suits_gradients: ClassVar[bool] = False
    ndim: ClassVar[tuple[int, ...]] = (2,)
    is_image: ClassVar[bool] = False
    has_noise_of_images: ClassVar[bool] = True

    angles: int | None = Parameter(
        None, "Number of projections, equally spaced; none: as many as measured, 60 in a simulation.", ge=1, le=2000
    )
    limit: float = Parameter(180.0, "Range of the angles; below 180 for a limited tilt.", unit="°", gt=0, le=180)
    directions: ArrayInput = Parameter(
        Input(None), "Angles of the projections in degrees, one each; none: equally spaced.", layer="image", advanced=True
    )
    axis: float | None = Parameter(
        None,
        "Where the axis of rotation lies, from pixel N // 2 of the detector; none: found, and in a simulation 0.",
        unit="px",
        ge=-5000,
        le=5000,
        advanced=True,
    )
    width: int | None = Parameter(
        None,
        "Side of the image, in pixels, where the detector is wider; none: that of the detector.",
        ge=2,
        le=20000,
        advanced=True,
    )
    angles_along: Literal["auto", "x", "y"] = Parameter(
        "auto", "Axis of the sinogram along which the angles lie; auto: as its sums show, and in a simulation X.", advanced=True
    )
    flat: ArrayInput = Parameter(
        Input(None),
        "What the detector counts without the object, (detector,) or frames of it; none: the sinogram holds line integrals.",
        layer="image",
        advanced=True,
    )
    dark: ArrayInput = Parameter(Input(None), "What it counts without light, in the same shape.", layer="image", advanced=True)

    _notes: list[str] = PrivateAttr(default_factory=list)
    _detector: int | None = PrivateAttr(None)
    """Pixels of the detector, where they are other than those of the image."""

    def theta(self) -> NDArray[np.float64]:
        """Return the angles in degrees."""
        if self.directions.array is None:
            return np.linspace(0, self.limit, self.angles or SIMULATED, endpoint=False)
        given = self.directions.real().astype(np.float64).ravel()
        return np.rad2deg(given) if self._are_radians(given) else given

    @staticmethod
    def _are_radians(given: NDArray[np.float64]) -> bool:
        return len(given) > 4 and bool(0.5 < np.ptp(given) < 6.3)

    @property
    def _turned(self) -> bool:
        """Whether a measurement has its angles along Y."""
        return self.angles_along == "y"

    def _upright(self, y: Tensor) -> Tensor:
        """Return a measurement with its angles along X, or back."""
        return y.transpose(-2, -1) if self._turned else y

    def corrected(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return line integrals of what the detector counted, shape (…, Y, X)."""
        if self.flat.array is None:
            return y
        dark = None if self.dark.array is None else self.dark.real()
        wide = self.flat.values().shape[-1]
        detector = 1 if self._turned or (self.angles_along == "auto" and wide == y.shape[-1] != y.shape[-2]) else 0
        planes = y.reshape(-1, *y.shape[-2:]).astype(np.float64)
        return np.stack([line_integrals(plane, self.flat.real(), dark, detector) for plane in planes]).reshape(y.shape)

    def fitted(self, y: Tensor) -> Degradation:
        """Return the geometry that measured `y`, (1, 1, Y, X): along which axis its angles lie, how many, and where its axis is.

        Raises
        ------
        ValueError
            If the sinogram has not as many angles as there are to be.
        """
        sinogram, notes = y[0, 0].double().cpu().numpy(), list[str]()
        turned = self._turned if self.angles_along != "auto" else self._has_angles_along_y(sinogram)
        if turned:
            sinogram = sinogram.T
            if self.angles_along == "auto":
                notes.append("The angles of the sinogram lie along Y: it was taken so.")
        count = sinogram.shape[1]
        known = {**dict(self), "angles_along": "y" if turned else "x"}
        if self.directions.array is None and self.angles is None:
            known["angles"] = count
            notes.append(f"{count} projections over {self.limit:g}° were assumed: directions gives other angles.")
        elif len(self.theta()) != count:
            raise ValueError(
                f"the sinogram has {count} projections along {'Y' if turned else 'X'}, but {len(self.theta())} angles are given: "
                "they must be as many"
            )
        elif self.directions.array is not None and self._are_radians(self.directions.real().astype(np.float64).ravel()):
            notes.append(f"The angles reach to {float(self.directions.real().max()):.3g}: they were taken as radians.")
        if self.axis is None:
            known["axis"], why = axis_of_rotation(sinogram, Radon(**known).theta())
            if known["axis"]:
                notes.append(
                    f"The axis of rotation lies {known['axis']:+.2f} px from the middle of the detector, as the centres of mass "
                    "of the projections show: it was taken there."
                )
            elif why:
                notes.append(f"The axis of rotation was taken to be in the middle of the detector, as {why}: axis says another.")
        fitted = Radon(**known)
        fitted._notes, fitted._detector = notes, len(sinogram)
        return fitted

    def _has_angles_along_y(self, sinogram: NDArray[np.float64]) -> bool:
        count = len(self.theta()) if self.angles or self.directions.array is not None else None
        if sinogram.shape[0] != sinogram.shape[1] and count in sinogram.shape:
            return count == sinogram.shape[0]
        return detector_axis(sinogram) == 1

    def model_error(self, y: Tensor) -> float:
        return MODEL_ERROR * float(y.abs().max())

    def notes(self, ndim: int) -> list[str]:
        return self._notes

    def shape(self, image: Shape) -> Shape:
        if image[0] != image[1]:
            raise ValueError(f"projections are of square images (got {image}): crop or pad the image")
        sizes = (self._detector or image[0], len(self.theta()))
        return sizes[::-1] if self._turned else sizes

    def domain(self, measurement: Shape) -> Shape:
        n, angles = measurement[::-1] if self._turned else measurement
        if (self.angles is not None or self.directions.array is not None) and angles != len(self.theta()):
            raise ValueError(f"the sinogram has {angles} columns, but angles is {len(self.theta())}: they must be equal")
        return (self.width or n, self.width or n)

    def norm(self, image: Shape | None = None) -> float:
        """Return √(largest row sum · largest column sum): N samples a ray, and about one sample a pixel and angle."""
        if image is None:
            raise ValueError("the norm of projections grows with the image: give its shape")
        return float(np.sqrt(1.1 * len(self.theta()) * image[0]))

    def normal_spectrum(self, x: Tensor) -> Tensor:
        """Return the spectrum of projecting and smearing back, angles / (π |frequency|)."""
        n = x.shape[-1]
        f = torch.fft.fftfreq(n, device=x.device)[:, None].square() + torch.fft.rfftfreq(n, device=x.device).square()
        return len(self.theta()) / (np.pi * f.sqrt().clamp_min(0.5 / n))

    def _portions(self, like: Tensor, along: int, across: int) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
        """Yield some angles as slice, cosine and sine, (k, 1, 1), and a grid of rows and columns about its middle pixel."""
        step = max(1, SAMPLES_AT_ONCE // (along * across))
        places = [torch.arange(n, device=like.device, dtype=like.dtype) - n // 2 for n in (along, across)]
        rows, columns = torch.meshgrid(*places, indexing="ij")
        angles = self.theta()
        for first in range(0, len(angles), step):
            chosen = slice(first, min(first + step, len(angles)))
            theta = torch.as_tensor(np.deg2rad(angles[chosen])).to(like)[:, None, None]
            yield chosen, theta.cos(), theta.sin(), rows, columns

    def _project(self, x: Tensor, cos: Tensor, sin: Tensor, t: Tensor, d: Tensor) -> Tensor:
        """Sum x along rays: over t, for every detector position d."""
        centre, d = x.shape[-1] // 2, d - (self.axis or 0.0)
        return _sample(x, cos * t - sin * d + centre, cos * d + sin * t + centre).sum(-2).movedim(2, -1)

    def __call__(self, x: Tensor) -> Tensor:
        n, _ = self._upright_shape(self.shape(tuple(x.shape[2:])))
        return self._upright(torch.cat([self._project(x, *rays) for _, *rays in self._portions(x, x.shape[-1], n)], -1))

    def _upright_shape(self, measurement: Shape) -> Shape:
        return measurement[::-1] if self._turned else measurement

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the derivative of ``⟨A x, y⟩``: exactly the transpose of what `__call__` does."""
        x = torch.zeros((*y.shape[:2], *self.domain(tuple(y.shape[2:]))), dtype=y.dtype, device=y.device, requires_grad=True)
        total = torch.zeros_like(x, requires_grad=False)
        y = self._upright(y)
        for chosen, *rays in self._portions(y, x.shape[-1], y.shape[-2]):
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
        image = torch.zeros((*y.shape[:2], *self.domain(tuple(y.shape[2:]))), dtype=y.dtype, device=y.device)
        y = self._upright(y)
        n, side = y.shape[-2], image.shape[-1]
        size = 2 ** int(np.ceil(np.log2(2 * n)))
        offsets = np.fft.fftfreq(size, 1 / size)
        odd = offsets % 2 == 1
        ramp = np.zeros(size)
        ramp[0], ramp[odd] = 0.25, -1 / (np.pi * offsets[odd]) ** 2
        transfer = torch.as_tensor(np.fft.rfft(ramp).real).to(y)[:, None]
        filtered = torch.fft.irfft(torch.fft.rfft(y, size, dim=-2) * transfer, size, dim=-2)[..., :n, :]
        filtered = filtered * torch.as_tensor(spacing_of(self.theta())).to(y)
        middle = n // 2 + (self.axis or 0.0)
        for chosen, cos, sin, rows, columns in self._portions(y, side, side):
            number = torch.arange(y.shape[-1], device=y.device)[chosen, None, None].expand(-1, side, side)
            image += _sample(filtered, cos * columns - sin * rows + middle, number).sum(2)
        return image


def _sample(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the image, (B, C, Y, X), linearly interpolated at points (k, M, N): (B, C, k, M, N); outside it is zero."""
    scales = [2 / max(length - 1, 1) for length in image.shape[2:]]
    points = torch.stack([columns * scales[1] - 1, rows * scales[0] - 1], -1).flatten(0, 1)[None]
    values = torch.nn.functional.grid_sample(image.flatten(0, 1)[None], points, align_corners=True)
    return values.view(*image.shape[:2], *rows.shape)
