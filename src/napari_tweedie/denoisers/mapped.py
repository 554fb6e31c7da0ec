"""Maps of the noise level for denoisers of one level: their results at a few levels, interpolated pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.levels import level_maps
from napari_tweedie.denoisers.wrapper import Wrapper

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoiser

RATIO = 1.8
"""Most that a level may differ from the next, as a ratio: 1.35 came out within 0.05 dB."""
EVEN = 1.05
"""Ratio of the largest level of a map to the least up to which one level, the root mean square, stands for all."""


class Mapped(Wrapper):
    """A denoiser of one noise level, or one a sample, that takes maps of it, too."""

    name: ClassVar[str] = "mapped"
    title: ClassVar[str] = "For maps of the noise level"
    takes_map: ClassVar[bool] = True

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        if not isinstance(sigma, torch.Tensor) or sigma.ndim < 2:
            return self.denoiser(x, sigma)
        level = level_maps(sigma, x).expand(-1, -1, *x.shape[2:])
        least, most = float(level.min()), float(level.max())
        if least <= 0 or most <= EVEN * least:
            return self.denoiser(x, level.square().mean((1, 2, 3)).sqrt())
        count = 1 + int(np.ceil(np.log(most / least) / np.log(RATIO)))
        place = torch.log(level / least) / np.log(most / least) * (count - 1)
        clean = torch.zeros_like(x)
        for number, one in enumerate(np.geomspace(least, most, count)):
            share = (1 - (place - number).abs()).clamp(min=0)
            if bool(share.any()):
                clean += share * self.denoiser(x, float(one))
        return clean


def mapped(denoiser: Denoiser) -> Denoiser:
    """Return a denoiser that takes maps of the noise level."""
    return denoiser if denoiser.takes_map else Mapped(denoiser=denoiser)
