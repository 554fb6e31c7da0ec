"""Facts about a channel of an image, measured before any work is done on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.analysis.noise_level import estimate_stack_noise_level
from napari_tweedie.analysis.noise_model import NoiseFit, fit_noise
from napari_tweedie.degradations.noise import Gaussian, Noise, Poisson, build
from napari_tweedie.images.intensity import Intensity
from napari_tweedie.images.stabilisation import Anscombe, Stabilised


@dataclass(frozen=True)
class Channel:
    """What all blocks of a channel share.

    Parameters
    ----------
    intensity : Intensity
        The map of its grey levels to about [0, 1]; `Stabilised` where it makes photon noise the same everywhere.
    sigma : float
        Its noise level in grey levels; where it depends on the signal, the root mean square.
    noise : Noise
        Its noise model, with nothing left open.
    fit : NoiseFit, optional
        How gain, offset and read noise were estimated.
    """

    intensity: Intensity
    sigma: float
    noise: Noise
    fit: NoiseFit | None = None

    @classmethod
    def of(cls, planes: Sequence[NDArray[Any]], noise: Noise, stabilises: bool = False) -> Self:
        """Measure what `noise` leaves open on some planes, in which missing pixels are NaN.

        Parameters
        ----------
        planes : sequence of array
            Planes (Y, X) in grey levels.
        noise : Noise
            What is known of the noise.
        stabilises : bool
            Whether photon noise is to be made the same everywhere.

        Raises
        ------
        ValueError
            If the noise cannot be measured on these planes.
        """
        noise, fit = _closed(planes, noise)
        sigma = noise.level(float(np.mean([np.nanmean(plane) for plane in planes])))
        if sigma is None:
            sigma = estimate_stack_noise_level(planes, not noise.is_white)
            noise = Gaussian(sigma=sigma, correlated=not noise.is_white)
        if stabilises and isinstance(noise, Poisson):
            return cls(Stabilised.by(_transform(noise), planes), sigma, noise, fit)
        return cls(Intensity.of(planes), sigma, noise, fit)

    @property
    def level(self) -> float:
        """The noise level after `intensity`."""
        return (1.0 if isinstance(self.intensity, Stabilised) else self.sigma) / self.intensity.scale

    @classmethod
    def restored(cls, intensity: tuple[float, float], sigma: float, report: Mapping[str, Any], stabilises: bool) -> Self:
        """Return a channel from what was stored of it: offset and scale, noise level, and `report`."""
        noise = build({name: value for name, value in report.items() if name not in ("means", "variances")})
        if stabilises:
            return cls(Stabilised(*intensity, anscombe=_transform(noise)), sigma, noise)
        return cls(Intensity(*intensity), sigma, noise)

    def report(self) -> dict[str, Any]:
        """Return the noise, and the points that it was estimated from, ready for JSON."""
        points = {"means": list(self.fit.means), "variances": list(self.fit.variances)} if self.fit else {}
        return {**self.noise.describe(), **points}


def _transform(noise: Poisson) -> Anscombe:
    """Return the transform that makes photon noise of which everything is known the same everywhere."""
    assert noise.gain is not None
    assert noise.offset is not None
    assert noise.read_noise is not None
    return Anscombe(noise.gain, noise.offset, noise.read_noise)


def _closed(planes: Sequence[NDArray[Any]], noise: Noise) -> tuple[Noise, NoiseFit | None]:
    """Estimate gain, offset and read noise where photon noise leaves them open."""
    if not isinstance(noise, Poisson) or noise.level(0.0) is not None:
        return noise, None
    fit = fit_noise(planes, noise.gain, noise.offset, noise.read_noise, noise.correlated)
    return Poisson(gain=fit.gain, offset=fit.offset, read_noise=fit.read_noise, correlated=noise.correlated), fit
