"""Noise models of one kind for all pixels: Gaussian, Poisson with read noise, quantised, and the one that is to be found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Method, Parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

MANY = 1e9
"""Photons from which on their number is drawn as a Gaussian one, as of no other it could be told apart."""


class Noise(Method):
    """A noise model: it says how strong the noise is, and adds it to a clean measurement.

    Random numbers are drawn on the CPU, so that a seed means the same on every device.
    """

    @property
    def is_white(self) -> bool:
        """Whether every pixel has its own noise; where not, an estimate must also look at coarser scales."""
        return not getattr(self, "correlated", False)

    @property
    def is_uniform(self) -> bool:
        """Whether it is equally strong in bright and in dark pixels."""
        return True

    def of_one_level(self) -> Noise:
        """Return it taken for noise that is equally strong everywhere, where what it is is left open."""
        return self

    def level(self, mean: float) -> float | None:
        """Return the standard deviation where the clean measurement is `mean`; None if it is to be estimated.

        The variance of every model is affine in the clean value, so at the mean of a measurement this is the root mean
        square over all of it, which solvers for white noise use.
        """
        raise TypeError(f"{type(self).__name__} defines no level")

    def levels(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviation at many clean measurements, where nothing is to be estimated."""
        return np.full(means.shape, self.level(0.0), np.float64)

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        """Return `clean` plus noise."""
        raise TypeError(f"{type(self).__name__} adds no noise")


CORRELATED = (
    "Neighbouring pixels share some of the noise, as in resampled, smoothed or compressed images, after a detector's own filter, "
    "or along the lines of a scanner: how, is measured on the image. Fine texture counts a little, too."
)


FEWEST = 0.3
"""Photons below which the noise of a pixel counts as that of so many: an estimate of none would be trusted without limit."""


class Auto(Noise):
    """The noise that the image is found to have: Gaussian or photon noise, white or correlated; what is given is kept."""

    name: ClassVar[str] = "auto"
    title: ClassVar[str] = "Automatic"

    model: Literal["auto", "gaussian", "poisson"] = Parameter(
        "auto", "Whether the noise is the same everywhere, or grows with the brightness; auto: as measured.", advanced=True
    )
    correlation: Literal["auto", "white", "correlated"] = Parameter(
        "auto", "Whether neighbouring pixels share some of the noise; auto: as measured.", advanced=True
    )
    gain: float | None = Parameter(
        None, "Grey levels per photon, for photon noise; none: as measured.", unit="counts", advanced=True, gt=0
    )
    offset: float | None = Parameter(
        None, "Grey level without light, for photon noise; none: that of the darkest parts.", unit="counts", advanced=True
    )
    read_noise: float | None = Parameter(
        None, "Standard deviation without light, for photon noise; none: as measured.", unit="counts", advanced=True, ge=0
    )
    lines: Literal["auto", "keep"] = Parameter(
        "auto",
        "Offsets that whole rows or columns share, and waves along an axis that all of them share, such as hum; auto: what is "
        "found is taken off.",
        advanced=True,
    )

    @property
    def is_white(self) -> bool:
        return self.correlation != "correlated"

    @property
    def is_open(self) -> bool:
        """Whether nothing is said of what the noise is."""
        given = (self.gain, self.offset, self.read_noise)
        return self.model == self.correlation == "auto" and all(value is None for value in given)

    def of_one_level(self) -> Auto:
        return self.model_copy(update={"model": "gaussian"})

    def level(self, mean: float) -> float | None:
        return None

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        """Return `clean`: what is to be measured is not known before."""
        return clean


class Gaussian(Noise):
    """Gaussian noise of one standard deviation everywhere."""

    name: ClassVar[str] = "gaussian"
    title: ClassVar[str] = "Gaussian"

    sigma: float | None = Parameter(
        None, "Standard deviation, in grey levels of the image; none: estimated from the image.", unit="counts", ge=0
    )
    correlated: bool = Parameter(False, CORRELATED)

    def level(self, mean: float) -> float | None:
        return self.sigma

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        """Return `clean` plus noise, none if sigma is None."""
        return clean + (self.sigma or 0.0) * _normal(clean, generator)


class Poisson(Noise):
    """Photon noise and Gaussian read noise: ``y = gain · Poisson((clean − offset) / gain) + offset + N(0, read_noise²)``.

    Denoising stabilises such noise first: it is made equally strong everywhere, removed, and the light is brought back
    without bias (`napari_tweedie.images.stabilisation`).
    """

    name: ClassVar[str] = "poisson"
    title: ClassVar[str] = "Poisson and read noise"

    gain: float | None = Parameter(
        None, "Grey levels per photon; none: estimated from the image (simulations: 1).", unit="counts", gt=0
    )
    offset: float | None = Parameter(
        None, "Grey level without light; none: that of the darkest parts (simulations: 0).", unit="counts"
    )
    read_noise: float | None = Parameter(
        None, "Standard deviation without light; none: estimated from the image (simulations: 0).", unit="counts", ge=0
    )
    correlated: bool = Parameter(False, CORRELATED)

    @property
    def is_uniform(self) -> bool:
        return False

    def variance(self, clean: Tensor) -> Tensor:
        """Return the variance of every pixel, at least that of `FEWEST` photons."""
        dark = self.photons(torch.full_like(clean, self.offset or 0.0))
        return (self.gain or 1.0) ** 2 * self.photons(clean).maximum(dark).clamp_min(FEWEST)

    def photons(self, grey: Tensor) -> Tensor:
        """Return how many photons grey levels are, with read noise as that of further ones: their noise has that variance."""
        if self.gain is None or self.offset is None or self.read_noise is None:
            raise ValueError("gain, offset and read noise are not known: give them, or estimate them from the image")
        return (grey - self.offset) / self.gain + (self.read_noise / self.gain) ** 2

    def in_units(self, offset: float, scale: float) -> Poisson:
        """Return the model of (y − offset) / scale, where this is that of y."""
        if self.gain is None or self.offset is None or self.read_noise is None:
            raise ValueError("gain, offset and read noise are not known: give them, or estimate them from the image")
        read_noise = self.read_noise / scale
        return Poisson(gain=self.gain / scale, offset=(self.offset - offset) / scale, read_noise=read_noise)

    def level(self, mean: float) -> float | None:
        if self.gain is None or self.offset is None or self.read_noise is None:
            return None
        return float(self.levels(np.array(mean)))

    def levels(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        gain, offset, read_noise = self.gain or 0.0, self.offset or 0.0, self.read_noise or 0.0
        return np.asarray(np.sqrt(gain * np.maximum(means - offset, 0.0) + read_noise**2))

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        """Return `clean` plus noise: one grey level per photon, no offset and no read noise where they are None."""
        gain, offset = self.gain or 1.0, self.offset or 0.0
        light = ((clean - offset) / gain).clamp_min(0)
        many = ~(light < MANY)
        photons = torch.poisson(torch.where(many, 0, light).cpu(), generator=generator).to(clean.device)
        if many.any():
            photons = torch.where(many, light + light.sqrt() * _normal(light, generator), photons)
        return gain * photons + offset + (self.read_noise or 0.0) * _normal(clean, generator)


class Rician(Noise):
    """Noise of magnitudes, as of MR images: ``y = |clean + N(0, sigma²) + i N(0, sigma²)|``.

    Where there is no signal it lifts the mean to 1.25 sigma. Denoising stabilises it first and takes that off again
    (`napari_tweedie.images.rician`); restorations work on the image less what the noise adds to its mean.
    """

    name: ClassVar[str] = "rician"
    title: ClassVar[str] = "Magnitudes (Rician)"

    sigma: float | None = Parameter(
        None,
        "Standard deviation of the real and of the imaginary part, in grey levels; none: that of the background, where there is "
        "one, else of the image (simulations: 0).",
        unit="counts",
        ge=0,
    )

    @property
    def is_uniform(self) -> bool:
        return False

    def of_one_level(self) -> Gaussian:
        return Gaussian(sigma=self.sigma)

    def level(self, mean: float) -> float | None:
        """Return that beside much signal; in the dark it is 0.655 times as strong."""
        return self.sigma

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        """Return the magnitudes of `clean` plus noise in both parts."""
        if not self.sigma:
            return clean.abs()
        real, imaginary = (self.sigma * _normal(clean, generator) for _ in range(2))
        return torch.hypot(clean + real, imaginary)


class Speckle(Noise):
    """Multiplicative noise, such as speckle: ``y = clean · Gamma(mean 1, variance 1 / looks) + N(0, floor²)``.

    Denoising stabilises it first and takes the mean back without bias (`napari_tweedie.images.speckle`).
    """

    name: ClassVar[str] = "speckle"
    title: ClassVar[str] = "Speckle (multiplicative)"

    looks: float | None = Parameter(
        None,
        "Squared mean over variance: of how many independent images it is the average; none: estimated from the image "
        "(simulations: 1).",
        gt=0,
    )
    floor: float | None = Parameter(
        None,
        "Standard deviation without signal, in grey levels; none: estimated from the image (simulations: 0).",
        unit="counts",
        ge=0,
    )
    correlated: bool = Parameter(False, CORRELATED)

    @property
    def is_uniform(self) -> bool:
        return False

    def of_one_level(self) -> Auto:
        return Auto(model="gaussian")

    def level(self, mean: float) -> float | None:
        if self.looks is None or self.floor is None:
            return None
        return float(self.levels(np.array(mean)))

    def levels(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.sqrt(np.maximum(means, 0.0) ** 2 / (self.looks or 1.0) + (self.floor or 0.0) ** 2))

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        """Return `clean` times a gamma variable, plus noise."""
        looks = self.looks or 1.0
        shape = torch.full(clean.shape, looks, dtype=torch.float64)
        factor = torch._standard_gamma(shape, generator) / looks
        return clean * factor.to(clean) + (self.floor or 0.0) * _normal(clean, generator)


class Quantised(Noise):
    """Gaussian noise, then rounding to multiples of a step, as a converter of few bits does."""

    name: ClassVar[str] = "quantised"
    title: ClassVar[str] = "Rounded"

    step: float = Parameter(1.0, "Distance of the levels.", unit="counts", gt=0)
    sigma: float = Parameter(0.0, "Standard deviation before rounding.", unit="counts", ge=0)

    def level(self, mean: float) -> float:
        """Return √(σ² + step²/12): the error of rounding is about uniform where the image varies by more than a step."""
        return (self.sigma**2 + self.step**2 / 12) ** 0.5

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        return self.step * torch.round((clean + self.sigma * _normal(clean, generator)) / self.step)


def _normal(like: Tensor, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)
