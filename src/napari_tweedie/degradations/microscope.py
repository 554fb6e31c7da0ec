"""What if a light microscope blurred the image as its optics say?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr, model_validator

from napari_tweedie.degradations.blur import Blur
from napari_tweedie.lazy import torch
from napari_tweedie.method import Parameter

if TYPE_CHECKING:
    from torch import Tensor

AIRY_RADII = 4
"""How far the function is computed to the sides."""
NODES = 200
"""Nodes of the integral over the pupil."""


class MicroscopePsf(Blur):
    """Point-spread function of an aberration-free objective, by the scalar diffraction integral over its pupil."""

    name: ClassVar[str] = "microscope-psf"
    title: ClassVar[str] = "Microscope"

    modality: Literal["widefield", "confocal", "light-sheet"] = Parameter("widefield", "Kind of microscope.")
    na: float = Parameter(1.2, "Numerical aperture of the objective.", gt=0, le=2)
    wavelength: float = Parameter(520.0, "Emission wavelength.", unit="nm", ge=100, le=3000)
    refractive_index: float = Parameter(1.33, "Of the immersion: 1 air, 1.33 water, 1.515 oil.", ge=1, le=2)
    pixel: float = Parameter(100.0, "Size of a pixel along Y and X, in the sample.", unit="nm", gt=0, le=100000)
    step: float = Parameter(200.0, "Distance of planes, for stacks restored as volumes.", unit="nm", gt=0, le=100000)
    excitation: float = Parameter(488.0, "Excitation wavelength, for confocal.", unit="nm", ge=100, le=3000, advanced=True)
    sheet: float = Parameter(
        2000.0, "Full width at half maximum of the light sheet along Z.", unit="nm", gt=0, le=100000, advanced=True
    )

    _kernels: dict[int, NDArray[np.float64]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _light_passes(self) -> MicroscopePsf:
        if self.na >= self.refractive_index:
            raise ValueError(f"na must be below the refractive index {self.refractive_index} (got {self.na})")
        return self

    def kernel(self, x: Tensor) -> Tensor:
        ndim = x.ndim - 2
        if ndim not in self._kernels:
            psf = self.psf(ndim)
            self._kernels[ndim] = psf / psf.sum()
        return torch.as_tensor(self._kernels[ndim]).to(x)

    def psf(self, ndim: int) -> NDArray[np.float64]:
        """Return the intensity of a point, 1 at its maximum: in focus for 2 axes, for all planes for 3.

        It reaches four Airy radii (0.61 λ / NA) to the sides, and as far as the cone of light; along Z to the second zero
        (4 n λ / NA²) in widefield, to the first in confocal, and not further than 1.5 times the width of a light sheet.
        """
        lateral, axial = 0.61 * self.wavelength / self.na, 2 * self.refractive_index * self.wavelength / self.na**2
        depths = {"widefield": 2 * axial, "confocal": axial, "light-sheet": min(2 * axial, 1.5 * self.sheet)}
        depth = depths[self.modality] if ndim == 3 else 0.0
        tangent = self.na / (self.refractive_index**2 - self.na**2) ** 0.5
        width = AIRY_RADII * lateral
        if self.modality != "confocal":
            width = max(width, depth * tangent)
        side, planes = int(np.ceil(width / self.pixel)), int(np.ceil(depth / self.step))
        y, x = np.indices((2 * side + 1,) * 2) - side
        r = self.pixel * np.hypot(y, x)
        z = self.step * np.arange(-planes, planes + 1)
        psf = self.diffraction(r, z, self.wavelength)
        if self.modality == "confocal":
            psf = psf * self.diffraction(r, z, self.excitation)
        elif self.modality == "light-sheet":
            psf = psf * np.exp2(-((2 * z / self.sheet) ** 2))[:, None, None]
        return psf if ndim == 3 else psf[0]

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
        waves = j0(k * self.na * np.multiply.outer(radii, rho)) * (2 * rho * weights)
        paths = np.exp(1j * k * np.multiply.outer(z, np.sqrt(self.refractive_index**2 - (self.na * rho) ** 2)))
        intensity = np.abs(paths @ waves.T) ** 2
        return intensity[:, where.reshape(r.shape)]
