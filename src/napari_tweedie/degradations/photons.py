"""Photon noise as the Gaussian noise that it is locally: every pixel with the variance that its expected light gives it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.linear_algebra import smoothed
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.degradations.weighted import Weighted

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Denoise = Callable[[Tensor, float | Tensor], Tensor]

NEIGHBOURHOOD = 2.0
"""Standard deviation, in pixels, of the window over which expected light is averaged: with a photon a pixel, right to 0.14."""
FAR = 4.0
"""Factor by which denoised light may differ from that average, give or take a photon: a strange denoiser does no harm."""

LARGEST_LOSS = 0.5
"""Share of its light by which an estimate is corrected at most: one that is further off is not there yet."""


@dataclass(frozen=True, kw_only=True)
class LocalGaussian(Problem):
    """The problem ``w (y − b) = w A (s u) + white noise`` for x = b + s u, where that of x has photon noise.

    Parameters
    ----------
    counted : Problem
        The problem of x − b and y − b with photon noise; it remembers.
    background : float
        b.
    weighted : Weighted
        The operator again, w A diag(s).
    light : Tensor
        What is expected of every number of `counted`, with its noise mostly taken away.
    """

    counted: Problem
    background: float
    weighted: Weighted
    light: Tensor

    @classmethod
    def of(
        cls,
        counted: Problem,
        *,
        scaled: bool = False,
        shifted: bool = True,
        denoiser: Denoise | None = None,
        image: Tensor | None = None,
    ) -> LocalGaussian:
        """Take the noise of a problem with photon noise to be what the light around every pixel makes it.

        Parameters
        ----------
        counted : Problem
            The problem with photon noise.
        scaled : bool
            Whether s follows the noise, where a measurement looks like an image; else it is 1.
        shifted : bool
            Whether b is the grey level without light, where a measurement looks like an image; else it is 0.
        denoiser : callable, optional
            f(x, σ), to estimate the expected light with; without it, neighbours are averaged. Estimating it again from better
            images on the way changed results by less than 0.05 dB.
        image : Tensor, optional
            An estimate of x whose light is expected, rather than one from the measurement.
        """
        noise, degradation = counted.noise, counted.degradation
        if not isinstance(noise, Poisson) or not degradation.is_non_negative:
            raise ValueError(f"photon noise needs counted light: {degradation.name!r} measures something else")
        background = float(noise.offset or 0.0) if shifted and degradation.is_image else 0.0
        degradation, y = degradation.in_units(counted.measurement, background, 1.0)
        noise = noise.in_units(background, 1.0)
        counted = replace(counted, measurement=y, degradation=degradation, noise=noise).remembering()
        observed = degradation.observed(y).to(y)
        light = expected_light(y, observed, noise, denoiser) if image is None else counted.project(image - background)
        variance = noise.variance(light)
        level = float((observed * variance).sum() / observed.sum()) ** 0.5
        weights, scale = level * variance.rsqrt(), None
        if scaled and degradation.is_image:
            scale = degradation.start(variance).clamp(float(variance.min()), float(variance.max())).sqrt() / level
        weighted = Weighted.of(degradation, weights, scale)
        return cls(
            measurement=weights * y,
            degradation=weighted,
            noise=Gaussian(sigma=level),
            bounded=counted.bounded,
            counted=counted,
            background=background,
            weighted=weighted,
            light=light,
        )

    def image(self, x: Tensor) -> Tensor:
        return self.background + self.weighted.image(x)

    def project(self, x: Tensor) -> Tensor:
        return self.weighted.of_measured(self.counted.project(self.weighted.image(x)))

    def residual(self, x: Tensor) -> Tensor:
        return self.project(x) - self.measurement

    def feasible(self, x: Tensor) -> Tensor:
        """Return x without negative light, if it is bounded, and with as much light in all as was measured."""
        x = super().feasible(x)
        explained = sums(self.counted.project(self.weighted.image(x)))
        share = sums(self.counted.measurement) / explained.clamp_min(1e-12)
        return x * share.clamp(1 - LARGEST_LOSS, 1 + LARGEST_LOSS)


def sums(y: Tensor) -> Tensor:
    """Return the sum of every sample of a batch, with the axes of y."""
    return y.sum(tuple(range(1, y.ndim)), keepdim=True)


def expected_light(y: Tensor, observed: Tensor, noise: Poisson, denoiser: Denoise | None) -> Tensor:
    """Return what is expected of every pixel of a measurement, with its noise mostly averaged away.

    The denoiser sees the root of the photons, whose noise is the same everywhere (Anscombe 1948), mapped to [0, 1].
    """
    light = smoothed(observed * y, NEIGHBOURHOOD) / smoothed(observed, NEIGHBOURHOOD).clamp_min(1e-6)
    if denoiser is None:
        return light
    gain, offset, dark = noise.gain or 1.0, noise.offset or 0.0, 3 / 8 + ((noise.read_noise or 0.0) / (noise.gain or 1.0)) ** 2
    root = 2 * ((torch.where(observed > 0, y, light) - offset) / gain + dark).clamp_min(0).sqrt()
    low = 2 * dark**0.5
    span = max(float(root.max()) - low, 1.0)
    clean = span * denoiser((root - low) / span, 1 / span) + low
    above = (light - offset).clamp_min(0)
    return offset + (gain * ((clean / 2).square() - dark + 1 / 4)).clamp(above / FAR - gain, above * FAR + gain)
