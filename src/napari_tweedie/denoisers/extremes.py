"""Extremes of a plane: few pixels far beyond all others, and how a network is kept from smearing their surroundings.

A network's error is a small share of the contrast that it sees. Next to a cell thousands of noise levels bright, that share is
more than the noise. So such a plane is denoised range by range: once as it is, and again with what lies beyond a range cut off,
each pixel taking the result of the narrowest range that holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

REACH = 60.0
"""Noise levels around the median that the narrowest range holds at least: contrasts that networks have learnt."""
SPREADS = 6.0
"""The same, in distances from the median to the darkest (brightest) 2 %: what is usual in an image is no extreme."""
BEYOND = 2.0
"""Ranges that a pixel must be away from the median for the plane to be denoised range by range."""
RATIO = 6.0
"""How many times wider the next range is."""
EDGE, BLEND = 0.2, 0.3
"""Shares of a range, from its end, within which its result does not count, and over which it comes to count fully."""
SEEN = 2**14
"""Pixels of a plane that tell its median and its spread."""


def range_by_range(network: Callable[[Tensor, Tensor], Tensor], planes: Tensor, level: Tensor) -> Tensor:
    """Return the network's clean planes, those with extremes denoised range by range; homogeneous, where the network is.

    Parameters
    ----------
    network : callable
        Gives the clean planes of noisy ones, shape (N, 1, Y, X), and their levels.
    planes : Tensor
        Shape (N, 1, Y, X).
    level : Tensor
        Noise levels, shape (N, 1 | 10, Y | 1, X | 1), in the units of the planes.
    """
    clean = network(planes, level)
    seen, noise = planes.detach(), level.detach().flatten(1).amax(1)
    ends = seen.flatten(1).amin(1), seen.flatten(1).amax(1)
    if not ((noise > 0) & (ends[1] - ends[0] > BEYOND * REACH * noise)).any():
        return clean
    low, middle, high = _quantiles(seen)
    below = torch.maximum(REACH * noise, SPREADS * (high - middle))
    above = torch.maximum(REACH * noise, SPREADS * (middle - low))
    ratios = torch.maximum((ends[1] - middle) / above, (middle - ends[0]) / below)
    for n in torch.nonzero((noise > 0) & (ratios > BEYOND)).flatten().tolist():
        plane, own = planes[n : n + 1], slice(n, n + 1)
        widths = [1.0]
        while widths[-1] * RATIO < float(ratios[n]):
            widths.append(widths[-1] * RATIO)
        result = clean[own]
        for width in reversed(widths):
            bottom, top = middle[n] - width * below[n], middle[n] + width * above[n]
            within = network(plane.clamp(bottom, top), level[own])
            inside = torch.minimum((top - within) / (width * above[n]), (within - bottom) / (width * below[n]))
            result = torch.lerp(result, within, ((inside - EDGE) / BLEND).clamp(0, 1))
        clean = torch.cat([clean[:n], result, clean[n + 1 :]])
    return clean


def _quantiles(planes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the 2nd percentile, the median and the 98th percentile of every plane."""
    step = max(1, int((planes[0].numel() / SEEN) ** 0.5))
    sample = planes[..., ::step, ::step].flatten(1).float()
    low, middle, high = torch.quantile(sample, torch.tensor([0.02, 0.5, 0.98], device=planes.device), dim=1)
    return low, middle, high
