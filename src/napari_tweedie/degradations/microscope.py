"""Blur of a light microscope, computed from its optics."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr, model_validator

from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.blur import Blur

AIRY_RADII = 4
"""How far the function is computed to the sides."""
MOST_IN_PLANE, MOST_PIXELS = 5e6, 5e7
"""Pixels of a plane of the function and of all; with more, the size of a pixel is wrong, and memory would not suffice."""
AT_ONCE = 2**15
"""Distances from the axis that are integrated at once."""
NODES = 200
"""Nodes of the integral over the pupil."""
ASSUMED = (200.0, 100.0, 100.0)
"""Size of a pixel along Z, Y, X, in nanometres, where neither a parameter nor the layer says it."""


class MicroscopePsf(Blur):
    """Point-spread function of an aberration-free objective, from its optics and the size of the layer's pixels."""

    name: ClassVar[str] = "microscope-psf"
    title: ClassVar[str] = "Microscope"

    modality: Literal["widefield", "confocal", "light-sheet"] = Parameter("widefield", "Kind of microscope.")
    na: float = Parameter(1.2, "Numerical aperture of the objective.", ge=0.01, le=2)
    wavelength: float = Parameter(520.0, "Emission wavelength.", unit="nm", ge=100, le=3000)
    refractive_index: float = Parameter(1.33, "Refractive index of the immersion: 1 air, 1.33 water, 1.515 oil.", ge=1, le=2)
    pixel: float | None = Parameter(
        None, "Size of a pixel along Y and X, in the sample; none: that of the layer.", unit="nm", gt=0, le=100000
    )
    step: float | None = Parameter(
        None, "Distance of planes, for stacks restored as volumes; none: that of the layer.", unit="nm", gt=0, le=100000
    )
    defocus: float = Parameter(
        0.0, "Distance of the plane from focus; of no effect in stacks.", unit="nm", ge=-100000, le=100000, advanced=True
    )
    excitation: float = Parameter(488.0, "Excitation wavelength, for confocal.", unit="nm", ge=100, le=3000, advanced=True)
    sheet: float = Parameter(
        2000.0, "Full width at half maximum of the light sheet along Z.", unit="nm", gt=0, le=100000, advanced=True
    )
    model: Literal["scalar", "vectorial", "gaussian"] = Parameter(
        "scalar",
        "Scalar diffraction; vectorial, better above NA 0.9, needs psfmodels; Gaussian, a small and fast approximation.",
        advanced=True,
    )

    _sizes: tuple[float, ...] = PrivateAttr(())
    """Size of the layer's pixels, in nanometres."""

    @model_validator(mode="after")
    def _light_passes(self) -> MicroscopePsf:
        if self.na >= self.refractive_index:
            raise ValueError(f"na must be below the refractive index {self.refractive_index} (got {self.na})")
        return self

    def with_spacing(self, spacing: tuple[float, ...], nanometres: float | None) -> MicroscopePsf:
        informed = MicroscopePsf(**dict(self))
        informed._sizes = () if nanometres is None else tuple(size * nanometres for size in spacing)
        return informed

    def voxel(self) -> tuple[float, float, float]:
        """Return the size of a pixel along Z, Y, X, in nanometres: what is given, else that of the layer, else `ASSUMED`."""
        unknown = 3 - len(self._sizes)
        known = (*ASSUMED[:unknown], *self._sizes)
        return (self.step or known[0], self.pixel or known[1], self.pixel or known[2])

    def notes(self, ndim: int) -> list[str]:
        notes = []
        if self.modality == "widefield" and ndim == 2:
            notes.append(
                "Only light in focus was considered: in widefield, light from above and below lies in every plane and can "
                "leave stripes; for a stack, treat Z as depth (3-D)."
            )
        if not (self.pixel or self._sizes):
            notes.append(f"The size of the pixels is not known: {ASSUMED[-1]:g} nm were assumed.")
        if ndim == 3 and not self.step and len(self._sizes) < 3:
            notes.append(f"The distance of the planes is not known: {ASSUMED[0]:g} nm were assumed.")
        return notes

    def weights(self, ndim: int) -> NDArray[np.float64]:
        psf = self.psf(ndim)
        return psf / psf.sum()

    def psf(self, ndim: int) -> NDArray[np.float64]:
        """Return the intensity of a point, 1 in focus: `defocus` away from there for 2 axes, for all planes for 3.

        It reaches four Airy radii (0.61 λ / NA) to the sides, and as far as the cone of light; along Z to the second zero
        (4 n λ / NA²) in widefield, to the first in confocal, and not further than 1.5 times the width of a light sheet.
        """
        lateral, axial = 0.61 * self.wavelength / self.na, 2 * self.refractive_index * self.wavelength / self.na**2
        depths = {"widefield": 2 * axial, "confocal": axial, "light-sheet": min(2 * axial, 1.5 * self.sheet)}
        depth = depths[self.modality] if ndim == 3 else 0.0
        away = 0.0 if ndim == 3 else self.defocus
        tangent = self.na / (self.refractive_index**2 - self.na**2) ** 0.5
        width = AIRY_RADII * lateral
        if self.modality != "confocal" and self.model != "gaussian":
            width = max(width, depth * tangent, abs(away) * tangent + 2 * lateral)
        steps = [reach / size for reach, size in zip((depth, width, width), self.voxel(), strict=True)]
        lengths = [2 * count + 1 for count in steps]
        if lengths[1] * lengths[2] > MOST_IN_PLANE or lengths[0] * lengths[1] * lengths[2] > MOST_PIXELS:
            told = " × ".join(f"{length:.0f}" for length in lengths[-ndim:])
            size = " × ".join(f"{size:.3g}" for size in self.voxel()[-ndim:])
            raise ValueError(
                f"the point-spread function would have {told} pixels of {size} nm: check pixel size, aperture and wavelength"
            )
        counts = (int(np.ceil(count)) for count in steps)
        z, y, x = (size * np.arange(-n, n + 1) for size, n in zip(self.voxel(), counts, strict=True))
        z = z + away
        psf = self.intensity(z, y, x, self.wavelength)
        if self.modality == "confocal":
            psf = psf * self.intensity(z, y, x, self.excitation)
        elif self.modality == "light-sheet":
            psf = psf * np.exp2(-((2 * z / self.sheet) ** 2))[:, None, None]
        return psf if ndim == 3 else psf[0]

    def intensity(self, z: NDArray[Any], y: NDArray[Any], x: NDArray[Any], wavelength: float) -> NDArray[np.float64]:
        """Return the intensity of a point, 1 in focus, at all (z, y, x), in nanometres, by the chosen model.

        The Gaussian is that of Zhang, Zerubia & Olivo-Marin (2007): standard deviations √2 / (k NA) and 2√6 n / (k NA²).

        Raises
        ------
        ValueError
            If psfmodels is needed and not installed, or cannot treat these pixels.
        """
        if self.model == "vectorial":
            return self._vectorial(z, y, x, wavelength)
        r = np.hypot(y[:, None], x)
        if self.model == "scalar":
            return self.diffraction(r, z, wavelength)
        k = 2 * np.pi / wavelength
        lateral, axial = 2**0.5 / (k * self.na), 24**0.5 * self.refractive_index / (k * self.na**2)
        return np.exp(-0.5 * ((r / lateral) ** 2 + (z[:, None, None] / axial) ** 2))

    def _vectorial(self, z: NDArray[Any], y: NDArray[Any], x: NDArray[Any], wavelength: float) -> NDArray[np.float64]:
        _, height, width = self.voxel()
        if abs(height - width) > 1e-3 * width:
            raise ValueError(f"model='vectorial' needs square pixels (got {height:g} × {width:g} nm): choose scalar")
        try:
            from psfmodels import make_psf
        except ImportError:
            raise ValueError("model='vectorial' needs psfmodels: pip install 'napari-tweedie[psf]', or choose scalar") from None
        n = self.refractive_index
        optics: dict[str, Any] = {"NA": self.na, "wvl": wavelength / 1000, "ns": n, "ni": n, "ni0": n, "ng": n, "ng0": n}
        psf: NDArray[np.float64] = make_psf(list(z / 1000), len(x), dxy=width / 1000, model="vectorial", **optics)
        return psf / psf.max()

    def diffraction(self, r: NDArray[Any], z: NDArray[Any], wavelength: float) -> NDArray[np.float64]:
        """Return ``|2 ∫₀¹ J₀(k NA r ρ) exp(i k z √(n² − NA² ρ²)) ρ dρ|²``, shape (z, *r), k = 2π / λ.

        It is Born and Wolf's integral (Principles of Optics, 8.8) with the exact path instead of its parabola. In focus it
        is Airy's ``(2 J₁(v) / v)²``, v = k NA r. Lengths are in nanometres.
        """
        from scipy.special import j0

        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        rho, weights = (nodes + 1) / 2, weights / 2
        k = 2 * np.pi / wavelength
        radii, where = np.unique(r, return_inverse=True)
        paths = np.exp(1j * k * np.multiply.outer(z, np.sqrt(self.refractive_index**2 - (self.na * rho) ** 2)))
        paths = paths * (2 * rho * weights)
        some = np.split(radii, range(AT_ONCE, len(radii), AT_ONCE))
        intensity = np.concatenate([np.abs(paths @ j0(k * self.na * np.multiply.outer(rho, each))) ** 2 for each in some], 1)
        return intensity[:, where.reshape(r.shape)]
