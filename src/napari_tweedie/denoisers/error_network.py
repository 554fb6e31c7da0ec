"""Network of errors: how far a denoiser is off, pixel by pixel, learnt from errors that it made.

The posterior variance is the conditional mean of the squared error, ``E[(x − f(y, σ))² | y]``, and a network that minimises
``e² / v + log v`` over many images becomes that mean: no derivative of the denoiser is taken, and what it does wrong counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_tweedie.denoisers.levels import SCALES as LEVELS
from napari_tweedie.denoisers.network import pad_to_multiple
from napari_tweedie.denoisers.small_unet import SmallUNet

SCALES = 4
"""Scales of the starlet transform by which the network is shown an image: the coarsest reaches 30 pixels around each."""
SPLINE = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
CONTRAST, OUTLIER = 1e5, 8.0
"""Contrasts and residuals, in noise levels, beyond which all look alike."""
LEAST, MOST = -14.0, 4.0
"""Ends of the logarithm of the variance, in units of that of the noise."""
FEATURES = 2 * SCALES + 3
KINDS = ("white", "counted", "correlated")
"""Noise that differs in what it does to a denoiser: white, of counted light where it was stabilised, correlated."""
WINDOWS = ((4, 4), (8, 8), (8, 8), (8, 8))
"""Windows, in pixels, of which the noise levels are told and nearest to the starlet's, which average 3.7 pixels or more."""
LEAST_LEVEL = 0.05
"""Noise level of an average, over that of a pixel, below which all count alike."""


class ErrorNetwork(SmallUNet):
    """Small U-Net from a denoised image and its residual to the logarithm of the variance of the error.

    Everything that it sees is in units of the noise level, so that it is as little bound to grey levels as the denoisers are:
    ``v(k y, k σ) = k² v(y, σ)``.

    Parameters
    ----------
    denoisers : sequence of str
        Names of the denoisers whose errors it knows; each has some weights of its own, others for counted light, and others for
        noise that correlates.
    widths : sequence of int
        Features at each scale, fine to coarse; each scale halves the size of the one before.
    """

    reach = 56
    """Pixels around one that have a say in its variance, rounded up to what tiles overlap by."""

    def __init__(self, denoisers: Sequence[str], widths: Sequence[int] = (16, 24, 32)) -> None:
        super().__init__(denoisers, widths)
        self.head = nn.Conv2d(FEATURES, widths[0], 3, padding=1)
        self.own = nn.Parameter(torch.zeros(len(KINDS) * len(denoisers), widths[0]))
        self.told = nn.Linear(len(LEVELS), widths[0], bias=False)
        nn.init.zeros_(self.told.weight)
        self.add_scales()
        self.tail = nn.Conv2d(widths[0], 1, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.constant_(self.tail.bias, -3.0)  # type: ignore[arg-type]

    @property
    def architecture(self) -> dict[str, Any]:
        """What its weights file says of it."""
        return {"name": "errors", "denoisers": list(self.denoisers), "widths": list(self.widths)}

    def kind(self, denoiser: str, noise: str) -> int:
        """Return the number of a denoiser and of what noise there is, one of `KINDS`."""
        return len(KINDS) * self.denoisers.index(denoiser) + KINDS.index(noise)

    def forward(self, shown: Tensor, kinds: Tensor, levels: Tensor) -> Tensor:
        """Return the logarithm of the variance over that of the noise of a pixel, shape (B, 1, Y, X).

        Parameters
        ----------
        shown : Tensor
            What `seen` makes of images, shape (B, `FEATURES`, Y, X).
        kinds : Tensor
            What they are of, numbers of `kind`, shape (B,).
        levels : Tensor
            Noise levels at all scales (`denoisers.levels`) over that of a pixel, shape (B, 10): ones where the noise is white.
        """
        height, width = shown.shape[-2:]
        own = self.own[kinds] + self.told(levels.clamp_min(LEAST_LEVEL).log())
        features = self.head(pad_to_multiple(shown, self.stride)) + own[..., None, None]
        features = self.over_scales(features)
        with torch.autocast(features.device.type, enabled=False):
            made: Tensor = self.tail(F.relu(features.float()))
        return made[..., :height, :width].clamp(LEAST, MOST)


def seen(noisy: Tensor, clean: Tensor, sigma: Tensor, levels: Tensor | None = None) -> Tensor:
    """Return what the network sees of images, shape (B, `FEATURES`, Y, X).

    It is the starlet transform (Starck & Murtagh 1994) of the denoised image, compressed, since edges may be hundreds of noise
    levels high; the residual averaged over wider and wider windows, in standard deviations of the noise so averaged; and its
    power around each pixel, as where there are hardly any photons there is less noise than was told.

    Parameters
    ----------
    noisy, clean : Tensor
        Images and what they were denoised to, shape (B, 1, Y, X).
    sigma : Tensor
        Noise level of a pixel, shape (B, 1, Y | 1, X | 1), > 0.
    levels : Tensor, optional
        Levels at all scales over that, shape (B, 10), of noise that correlates.
    """
    coarse = [clean, *_coarser(clean)]
    bands = [(fine - rough) / sigma for fine, rough in pairwise(coarse)]
    contrasts = [torch.asinh(band.clamp(-CONTRAST, CONTRAST)) for band in [*bands, coarse[-1] / sigma / 8]]
    residual = ((noisy - clean) / sigma).clamp(-OUTLIER, OUTLIER)
    ratios: Sequence[Tensor | float] = (1.0,) * SCALES if levels is None else _ratios(levels)
    averaged = [
        (mean / (level * ratio)).clamp(-OUTLIER, OUTLIER)
        for mean, level, ratio in zip(_coarser(residual), _LEVELS, ratios, strict=True)
    ]
    near, _, _, far = _coarser(residual.square())
    power = [(0.05 + each).log() for each in (near, far)]
    return torch.cat([*contrasts, residual, *averaged[:-1], *power], dim=1)


def _ratios(levels: Tensor) -> list[Tensor]:
    """Return what noise is stronger by in those averages than white noise, shape (B, 1, 1, 1) each."""
    return [levels[:, LEVELS.index(size), None, None, None].clamp_min(LEAST_LEVEL) for size in WINDOWS]


def _coarser(x: Tensor) -> list[Tensor]:
    """Return averages of planes (B, 1, Y, X) over wider and wider windows; borders are continued."""
    found = []
    for scale in range(SCALES):
        for axis in (-2, -1):
            x = _spline(x, axis, 2**scale)
        found.append(x)
    return found


def _spline(x: Tensor, axis: int, step: int) -> Tensor:
    """Return the mean along an axis with the weights of a cubic spline, so many pixels apart."""
    length = x.shape[axis]
    pads = [2 * step, 2 * step, 0, 0] if axis == -1 else [0, 0, 2 * step, 2 * step]
    padded = F.pad(x, pads, mode="replicate")
    outer, inner, middle = (
        padded.narrow(axis, place * step, length) + padded.narrow(axis, (4 - place) * step, length) for place in range(3)
    )
    return (outer + 4 * inner + 3 * middle) / 16


def _levels() -> list[float]:
    """Return the standard deviation of white noise of level 1 in those averages."""
    window, found = np.ones(1), []
    for scale in range(SCALES):
        spread = np.zeros(4 * 2**scale + 1)
        spread[:: 2**scale] = SPLINE
        window = np.convolve(window, spread)
        found.append(float(np.square(window).sum()))
    return found


_LEVELS = _levels()
