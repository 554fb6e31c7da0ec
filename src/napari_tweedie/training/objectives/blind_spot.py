"""Blind spots: a pixel is estimated from its neighbours, whose noise tells nothing of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.correlation import REACH
from napari_tweedie.training.objectives.objective import Objective, Patches

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.denoisers.denoiser import Denoise

CORRELATED = 0.1
"""Correlation of neighbours that a blind spot must reach beyond."""


class Noise2Void(Objective):
    """Noise2Void: some pixels are hidden, and estimated from what is around them; the noise need not be known.

    With the changes of N2V2: a hidden pixel becomes the median of its neighbours, and a network that starts from nothing has
    neither a skip at the finest scale nor plain strides, which leave checkerboards. Where the noise is correlated the hidden spot
    extends as far as the correlation does (structured Noise2Void).

    Notes
    -----
    Krull, Buchholz, Jug (2019); Höck et al., "N2V2" (2022); Broaddus et al., "Removing structured noise" (2020).
    """

    name: ClassVar[str] = "noise2void"
    title: ClassVar[str] = "Noise2Void (blind spots)"
    is_blind: ClassVar[bool] = True

    share: float = Parameter(0.02, "Share of the pixels that are hidden in a step.", gt=0, le=0.2)
    radius: int = Parameter(2, "How far the neighbours reach whose median replaces a hidden pixel.", unit="px", ge=1, le=8)

    def loss(self, denoiser: Denoise, patches: Patches, generator: Generator) -> Tensor:
        reach = extent(patches.correlation)
        spots = torch.rand(patches.noisy.shape, generator=generator).to(patches.noisy) < self.share
        spots &= patches.counts
        hidden = _grown(spots, reach)
        seen = torch.where(hidden, median_around(patches.noisy, self.radius, reach), patches.noisy)
        error = (denoiser(seen, patches.sigma) - patches.noisy).square() / patches.level.square()
        return error[spots].sum() / max(1, int(spots.sum()))


def extent(correlation: Correlation | None) -> tuple[int, int]:
    """Return how far, in pixels along y and x, a blind spot must reach so that what is around it knows nothing of its noise."""
    if correlation is None:
        return 0, 0
    r = np.abs(correlation.autocorrelation())
    reaches = []
    for line in (r[:, REACH], r[REACH]):
        beyond = np.flatnonzero(line[REACH:] > CORRELATED)
        reaches.append(min(int(beyond.max(initial=0)), REACH - 2))
    return reaches[0], reaches[1]


def median_around(x: Tensor, radius: int, reach: tuple[int, int]) -> Tensor:
    """Return the median of the neighbours of every pixel, without those that a blind spot there hides."""
    sides = [radius + along for along in reach]
    height, width = (2 * side + 1 for side in sides)
    modes = ["reflect" if side < length else "replicate" for side, length in zip(sides, x.shape[-2:], strict=True)]
    padded = torch.nn.functional.pad(x, [sides[1], sides[1], 0, 0], mode=modes[1])
    padded = torch.nn.functional.pad(padded, [0, 0, sides[0], sides[0]], mode=modes[0])
    around = torch.nn.functional.unfold(padded, (height, width))
    rows, columns = (torch.arange(-side, side + 1).abs() > along for side, along in zip(sides, reach, strict=True))
    kept = (rows[:, None] | columns).ravel().to(x.device)
    return around[:, kept].median(dim=1).values.view(x.shape)


def _grown(spots: Tensor, reach: tuple[int, int]) -> Tensor:
    size = (2 * reach[0] + 1, 2 * reach[1] + 1)
    return torch.nn.functional.max_pool2d(spots.float(), size, 1, reach) > 0
