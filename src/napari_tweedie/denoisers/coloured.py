"""Removal of correlated noise: by levels at several scales, and by half-quadratic splitting with data weighted by frequency.

Where noise of a power spectrum S was added to x, the data term is ``|Y − X|² / S``, and the turns are, in frequencies,
``X = (Y / S + ρ Z) / (1 / S + ρ)``, and ``Z = f(X, σ)``, ρ = c / σ², with σ falling (DPIR, Zhang et al. 2021, for a degradation
that only colours noise). On four images with noise of 20 of 255 blurred by 0.5, 1 and 1.5 pixels, and by 1.5 along x, it gained
2.6, 5.6, 5.2 and 5.9 dB over f(y, σ) with the level of the noise (spectrum known; c = 0.1 and 1 lost 1 to 3 dB next to 0.3).
The mean with a network that is told the levels at several scales gained 0.3 dB on twenty such images, spectrum found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import ConfigDict

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.correlation import Correlation
from napari_tweedie.denoisers.levels import levels_of_autocovariance, levels_of_spectrum
from napari_tweedie.denoisers.wrapper import Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoiser

MODERATE, MOST = 30.0, 1.5
"""Ratio of the largest power to the least up to which the noise is taken for white noise, of the largest power, as real images
come out better so; and how many times the level of a pixel that may be."""
LINE_TURNS = 2
TURNS = 4
WEIGHT = 0.3
LAST = 0.5
"""Denoising strength of the last turn, in noise levels; that of the first is the square root of the largest power."""
BORDER = 24
"""Pixels that are mirrored around a plane, whose opposite sides the Fourier transform would otherwise join."""


class Coloured(Wrapper):
    """A denoiser of white noise at work on noise that correlates; sigma is the standard deviation of the noise of a pixel."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    name: ClassVar[str] = "coloured"
    title: ClassVar[str] = "For correlated noise"

    correlation: Correlation

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))
        border = [min(BORDER, length - 1) for length in x.shape[-2:]]
        pads = [border[1], border[1], border[0], border[0]]
        y = torch.nn.functional.pad(x, pads, mode="reflect")
        y = torch.nn.functional.pad(y, [0, y.shape[-1] % 2, 0, 0], mode="replicate")
        shape = (y.shape[-2], y.shape[-1])
        near, lines = (
            torch.from_numpy(power[:, : shape[1] // 2 + 1]).to(x)
            for power in (self.correlation.near_spectrum(shape), self.correlation.line_spectrum(shape))
        )
        strongest = min(float(near.max()) ** 0.5, MOST)
        data = torch.fft.rfft2(y)
        if near.max() > MODERATE * near.min():
            z = self._split(data, near + lines, y, float(near.max()) ** 0.5 * level, level)
        else:
            z = self.denoiser(y, strongest * level)
            for _ in range(LINE_TURNS if lines.any() else 0):
                shared = torch.fft.irfft2((data - torch.fft.rfft2(z)) * lines / (lines + near), s=shape)
                z = self.denoiser(y - shared, strongest * level)
        return z[..., border[0] : border[0] + x.shape[-2], border[1] : border[1] + x.shape[-1]]

    def across(self, axis: int) -> Denoiser:
        return self.model_copy(update={"correlation": self.correlation.across(axis)})

    def _split(self, data: Tensor, power: Tensor, y: Tensor, first: Tensor, level: Tensor) -> Tensor:
        """Return what data and denoiser agree on after some turns; where the denoiser knows such noise, the mean with its word.

        The turns err where the image has what the denoiser takes for noise, its own word where a spectrum is rare: on
        textures it is better by 0.6 dB, on enlarged images worse by up to 2.5 dB, and the mean near the better of the two.
        """
        precision, z = 1 / power, self.denoiser(y, first)
        for share in np.linspace(0, 1, TURNS)[1:]:
            strength = first ** (1 - share) * (LAST * level) ** share
            rho = (WEIGHT * (level / strength) ** 2).view(-1, 1, 1, 1)
            spectrum = (data * precision + rho * torch.fft.rfft2(z)) / (precision + rho)
            z = self.denoiser(torch.fft.irfft2(spectrum, s=(y.shape[-2], y.shape[-1])), strength)
        if not self.denoiser.takes_levels:
            return z
        whole = self.correlation.spectrum((y.shape[-2], y.shape[-1]))
        told = torch.from_numpy(levels_of_spectrum(whole)).to(y).view(1, -1, 1, 1)
        return (z + self.denoiser(y, level.view(-1, 1, 1, 1) * told)) / 2


class Told(Wrapper):
    """A network that learnt from images with correlated noise, told its levels at every scale; sigma is the level of a pixel."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    name: ClassVar[str] = "told"
    title: ClassVar[str] = "Told of correlated noise"

    correlation: Correlation

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))
        if not self.denoiser.takes_levels:
            return self.denoiser(x, level)
        return self.denoiser(x, level.view(-1, 1, 1, 1) * relative_levels(self.correlation, x))

    def across(self, axis: int) -> Denoiser:
        return self.model_copy(update={"correlation": self.correlation.across(axis)})


def matched(denoiser: Denoiser, correlation: Correlation | None) -> Denoiser:
    """Return a denoiser for noise that correlates, or not: f(x, σ) with σ the standard deviation of a pixel."""
    if correlation is None or 2 not in denoiser.ndim:
        return denoiser
    if denoiser.knows_correlation:
        return Told(denoiser=denoiser, correlation=correlation)
    return Coloured(denoiser=denoiser, correlation=correlation)


def relative_levels(correlation: Correlation, like: Tensor) -> Tensor:
    """Return the levels at every scale of noise whose level is 1 at a pixel, shape (1, 10, 1, 1)."""
    levels = levels_of_autocovariance(correlation.autocorrelation())
    return torch.from_numpy(levels / levels[0]).to(like).view(1, -1, 1, 1)
