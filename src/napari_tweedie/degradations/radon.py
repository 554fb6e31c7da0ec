"""Radon transform: only projections measured, as in tomography."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr, model_validator

from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.acquisition import fit
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape, middle_square
from napari_tweedie.degradations.ray_matrix import RayMatrix
from napari_tweedie.degradations.rays import Rays
from napari_tweedie.degradations.ringed import Ringed
from napari_tweedie.degradations.rings import Rings
from napari_tweedie.degradations.sinogram import bridged, line_integrals, spelled

if TYPE_CHECKING:
    from torch import Tensor

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
    from everywhere. Rays may diverge from a `source` (fan beam, flat detector); a pixel of the detector is then as wide as it is
    seen at the axis. Of a measurement that is restored more is found, see `fitted`.
    """

    name: ClassVar[str] = "radon"
    title: ClassVar[str] = "Projections (tomography)"
    undone: ClassVar[str] = "reconstructed"
    suits_gradients: ClassVar[bool] = False
    ndim: ClassVar[tuple[int, ...]] = (2,)
    is_image: ClassVar[bool] = False
    has_noise_of_images: ClassVar[bool] = True
    leaves_out_missing: ClassVar[bool] = True
    doubted: ClassVar[tuple[str, str]] = (
        "geometry of the scan",
        "the axis of rotation, the angles, the source of a fan, and that values are −log of the light that is left",
    )
    noise_is_seen_in: ClassVar[str] = "the air beside the object"

    angles: int | None = Parameter(
        None, "Number of projections, equally spaced; none: as many as measured, 60 in a simulation.", ge=1, le=2000
    )
    limit: float = Parameter(
        180.0, "Range of the angles; below 180 for a limited tilt, 360 for a whole turn.", unit="°", gt=0, le=360
    )
    at: str = Parameter(
        "",
        "Angles in degrees as numbers, such as 0 1.5 3, or as from:up to:step, such as 0:180:1.5; empty: equally spaced.",
        advanced=True,
    )
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
    source: float | None = Parameter(
        None,
        "Distance of the source from the axis of rotation, in pixels of the detector as seen at the axis, for a fan beam; none: "
        "parallel rays.",
        unit="px",
        gt=0,
        le=1e6,
        advanced=True,
    )
    dark: ArrayInput = Parameter(Input(None), "What it counts without light, in the same shape.", layer="image", advanced=True)
    rings: Literal["auto", "keep"] = Parameter(
        "auto", "Errors of single pixels of the detector, which make rings; auto: suppressed where found.", advanced=True
    )

    _notes: list[str] = PrivateAttr(default_factory=list)
    _detector: int | None = PrivateAttr(None)
    """Pixels of the detector, where they are other than those of the image."""
    _unknown: NDArray[np.bool_] | None = PrivateAttr(None)
    """Which pixels of the sinogram, (detector, angles), say nothing."""
    _pixel: tuple[tuple[float, float], float | None] | None = PrivateAttr(None)
    """Size of a pixel of the sinogram along Y and X, and its unit in nanometres."""
    _rings: Rings | None = PrivateAttr(None)
    """Errors of the pixels of the detector, where there are."""
    _matrices: dict[tuple[object, ...], RayMatrix] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _angles_are_said_once(self) -> Radon:
        said = [name for name in ("at", "angles") if getattr(self, name)]
        if "at" in said and (len(said) > 1 or self.directions.array is not None):
            raise ValueError("at and directions say which angles there are, and angles how many: give one of them")
        if self.at:
            spelled(self.at)
        return self

    def theta(self) -> NDArray[np.float64]:
        """Return the angles in degrees."""
        if self.at:
            return spelled(self.at)
        if self.directions.array is None:
            return np.linspace(0, self.limit, self.angles or SIMULATED, endpoint=False)
        given = self.directions.real().astype(np.float64).ravel()
        return np.rad2deg(given) if self.are_radians(given) else given

    @property
    def pixel(self) -> tuple[tuple[float, float], float | None] | None:
        """Size of a pixel of the sinogram along Y and X, and its unit in nanometres; None where it is not known."""
        return self._pixel

    @staticmethod
    def are_radians(given: NDArray[np.float64]) -> bool:
        return len(given) > 4 and bool(0.5 < np.ptp(given) < 6.3)

    @property
    def turned(self) -> bool:
        """Whether a measurement has its angles along Y."""
        return self.angles_along == "y"

    def _upright(self, y: Tensor) -> Tensor:
        """Return a measurement with its angles along X, or back."""
        return y.transpose(-2, -1) if self.turned else y

    def corrected(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return line integrals of what the detector counted, shape (…, Y, X)."""
        if self.flat.array is None:
            return y
        dark = None if self.dark.array is None else self.dark.real()
        wide = self.flat.values().shape[-1]
        detector = 1 if self.turned or (self.angles_along == "auto" and wide == y.shape[-1] != y.shape[-2]) else 0
        planes = y.reshape(-1, *y.shape[-2:]).astype(np.float64)
        return np.stack([line_integrals(plane, self.flat.real(), dark, detector) for plane in planes]).reshape(y.shape)

    def fitted(self, y: Tensor) -> Degradation:
        """Return the geometry that measured `y`, (1, 1, Y, X), and what its detector did: see `acquisition.fit`."""
        return fit(self, y[0, 0].double().cpu().numpy())

    def found(self, notes: list[str], detector: int, unknown: NDArray[np.bool_] | None, **changes: Any) -> Radon:
        """Return this operator with what a sinogram told: notes, pixels of the detector, and which values say nothing."""
        known = Radon(**{**dict(self), **changes})
        known._notes, known._detector, known._unknown, known._pixel = notes, detector, unknown, self._pixel
        return known

    def with_rings(self, rings: Rings | None) -> Radon:
        """Return this operator for a detector whose pixels have errors."""
        known = self.model_copy()
        known._rings = rings
        return known

    def in_units(self, y: Tensor, offset: float, scale: float) -> tuple[Degradation, Tensor]:
        rings = None if self._rings is None else self._rings.scaled(scale)
        return self.with_rings(rings), super().in_units(y, offset, scale)[1]

    def evened(self, y: NDArray[Any]) -> NDArray[Any]:
        if self._rings is None:
            return y
        upright = (np.swapaxes(y, -2, -1) if self.turned else y).astype(np.float64)
        planes = upright.reshape(-1, *upright.shape[-2:])
        whole = planes if self._unknown is None else [bridged(plane, self._unknown) for plane in planes]
        errors = np.stack([self._rings.errors(plane) for plane in whole]).reshape(upright.shape)
        return y - (np.swapaxes(errors, -2, -1) if self.turned else errors)

    def with_noise(self, y: Tensor, sigma: float) -> tuple[Degradation, Tensor]:
        if self._rings is None:
            return self, y
        ringed = Ringed.of(self, self._rings, y, sigma)
        return ringed, ringed.of_measured(y)

    @property
    def says_angles(self) -> bool:
        """Whether it is said which angles there are, or how many."""
        return bool(self.angles or self.at or self.directions.array is not None)

    def model_error(self, y: Tensor) -> float:
        return MODEL_ERROR * float(y.nan_to_num().abs().max())

    def with_spacing(self, spacing: tuple[float, ...], nanometres: float | None) -> Radon:
        known = self.model_copy()
        known._pixel = ((spacing[-2], spacing[-1]), nanometres)
        return known

    def observed(self, y: Tensor) -> Tensor:
        if self._unknown is None:
            return super().observed(y)
        return self._upright(torch.as_tensor(~self._unknown, device=y.device)).expand(y.shape)

    def notes(self, ndim: int) -> list[str]:
        return self._notes

    def shape(self, image: Shape) -> Shape:
        if image[0] != image[1]:
            raise ValueError(f"projections are of square images (got {image}): crop or pad the image")
        sizes = (self._detector or image[0], len(self.theta()))
        return sizes[::-1] if self.turned else sizes

    def domain(self, measurement: Shape) -> Shape:
        n, angles = measurement[::-1] if self.turned else measurement
        if (self.angles is not None or self.at or self.directions.array is not None) and angles != len(self.theta()):
            raise ValueError(f"the sinogram has {angles} columns, but angles is {len(self.theta())}: they must be equal")
        return (self.width or n, self.width or n)

    def norm(self, image: Shape | None = None) -> float:
        """Return √(largest row sum · largest column sum): N samples a ray, and about one sample a pixel and angle."""
        if image is None:
            raise ValueError("the norm of projections grows with the image: give its shape")
        diverging = 1.0
        if self.source is not None:  # rays are denser towards the source, and longer than they are deep
            reach = min(image[0] / (2 * self.source), 0.9)
            diverging = (1 + reach**2) / (1 - reach)
        return float(np.sqrt(1.1 * len(self.theta()) * image[0]) * diverging)

    def normal_spectrum(self, x: Tensor) -> Tensor:
        """Return the spectrum of projecting and smearing back, angles / (π |frequency|)."""
        n = x.shape[-1]
        f = torch.fft.fftfreq(n, device=x.device)[:, None].square() + torch.fft.rfftfreq(n, device=x.device).square()
        return len(self.theta()) / (np.pi * f.sqrt().clamp_min(0.5 / n))

    def __call__(self, x: Tensor) -> Tensor:
        n, _ = self._upright_shape(self.shape(tuple(x.shape[2:])))
        rays, matrix = self._rays(), self._matrix(x.shape[-1], n)
        if matrix.serves(x):
            sums = matrix.project(x)
        else:
            sums = torch.cat([rays.project(x, *some) for _, *some in rays.portions(x, x.shape[-1], n)], -1)
        y = self._upright(sums)
        return y if self._unknown is None else y * self.observed(y)

    def _upright_shape(self, measurement: Shape) -> Shape:
        return measurement[::-1] if self.turned else measurement

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the derivative of ``⟨A x, y⟩``: exactly the transpose of what `__call__` does."""
        side = self.domain(tuple(y.shape[2:]))[0]
        y = self._upright(y if self._unknown is None else torch.where(self.observed(y), y, 0.0))
        rays, matrix = self._rays(), self._matrix(side, y.shape[-2])
        if matrix.serves(y):
            return matrix.smear(y)
        total = y.new_zeros((*y.shape[:2], side, side))
        for chosen, *some in rays.portions(total, side, y.shape[-2]):
            total += rays.smear(y[..., chosen], side, *some)
        return total

    def extend(self, image: Tensor) -> Tensor:
        """Keep the largest square in the middle."""
        return middle_square(image)

    def start(self, y: Tensor) -> Tensor:
        """Filter with a ramp and smear back (filtered back-projection; Kak & Slaney 1988)."""
        return self._rays().filtered_back_projection(self._bridged(self._upright(y)), self.domain(tuple(y.shape[2:])))

    def _matrix(self, side: int, detector: int) -> RayMatrix:
        """Return the sums along the rays as a matrix, which copies of this operator share."""
        rays = self._rays()
        key = (side, detector, rays.axis, rays.source, rays.theta.tobytes())
        if key not in self._matrices:
            self._matrices.clear()  # one is large
            self._matrices[key] = RayMatrix(rays, side, detector)
        return self._matrices[key]

    def _rays(self) -> Rays:
        return Rays(self.theta(), self.axis or 0.0, self.source)

    def _bridged(self, y: Tensor) -> Tensor:
        """Return an upright measurement with pixels that say nothing interpolated along the detector."""
        if self._unknown is None:
            return y
        planes = [bridged(plane, self._unknown) for plane in y.double().cpu().numpy().reshape(-1, *y.shape[-2:])]
        return torch.as_tensor(np.stack(planes).reshape(y.shape)).to(y)
