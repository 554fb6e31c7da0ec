"""Fusion of neighbouring frames or planes: for every pixel the mean of what fits it, and the noise that this mean has left.

After V-BM4D (Maggioni et al. 2012) and PatchCraft (Vaksman, Elad and Milanfar 2021): frames are denoised one by one; in every
neighbour the patch most like that around a pixel is found on the denoised frames; the noisy pixels found are averaged with
weights w that fall where patches differ by more than their noise explains. The mean ``Σ w y / Σ w`` has noise of the variance
``Σ w² σ² / (Σ w)²``, a map, with which it is then denoised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.matching import matched, taken

if TYPE_CHECKING:
    from torch import Tensor

CONTEXT = 3
"""Planes on each side that help."""
TILE, HALO = 1024, 48
"""Side, in pixels, of the tiles in which planes are fused, and what they see of their surroundings."""
AROUND, LEAST = 17, 0.05
"""Height and width, in pixels, over which the noise is looked at, and the least share of its variance that it may have."""
PATCH = 7
"""Height and width, in pixels, of the patches that are compared."""
DEPENDENT = 0.3
"""Correlation of the noise of two planes beyond which one tells nothing new of the other."""
FLOOR, STEEP = 0.03, 0.5
"""Mean squared difference, in variances of the noise, of denoised patches of the same scene: where it is flat, and by how much
more where it is steep."""
TOLERANCE = 0.1
"""Mean squared difference beyond it, in variances of the noise, at which a weight is 1/e."""
FARTHER, LEAST_NEAR = 0.8, 0.5
"""Weight of a plane against that of the one before it, on the way from the middle, and the least it becomes so."""
MOST = 4.0
"""Largest ratio of the contrast of two planes that is taken for fading."""
TURNS, CERTAIN = 6, 8.0
"""Turns of the fit of their brightness, and beyond how many medians of the residuals a pixel does not count."""
LIGHT = 3.0
"""Standard deviation, in pixels, of the window in which the light of both planes is compared."""
SURE = 2.0
"""Difference of light, in its standard deviations, up to which a weight stays as it is."""


@dataclass(frozen=True)
class Beside:
    """The planes beside one, of its brightness, every pixel the one that was found for that of the plane."""

    noisy: Tensor
    """As measured, shape (N − 1, 1, Y, X)."""
    clean: Tensor
    """Denoised one by one, same shape."""
    weight: Tensor
    """How well they fit, 0 to 1, same shape; −1 where a plane tells nothing new."""
    sigma: Tensor
    """Their noise levels, shape (N − 1,)."""
    distance: Tensor
    """How many planes away they are, shape (N − 1,)."""


@dataclass(frozen=True)
class Fused:
    """A fused plane, and what was fused."""

    plane: Tensor
    """Shape (1, 1, Y, X)."""
    level: Tensor
    """Level of its noise, same shape."""
    noisy: Tensor
    """The plane as measured, same shape."""
    clean: Tensor
    """The plane denoised alone, same shape."""
    sigma: float
    """Noise level of the plane as measured."""
    beside: Beside


def together(noisy: Tensor, clean: Tensor, levels: Sequence[float], place: int) -> Fused:
    """Bring planes, as measured and denoised one by one, to the brightness of one of them, and fuse them into it; as `fuse`."""
    lines = [(1.0, 0.0) if n == place else brightness(plane, clean[place]) for n, plane in enumerate(clean)]
    return fuse(brought(noisy, lines), brought(clean, lines), brought_levels(levels, lines, noisy), place)


def fuse(noisy: Tensor, clean: Tensor, sigma: Tensor, middle: int) -> Fused:
    """Fuse planes into one of them.

    Parameters
    ----------
    noisy, clean : Tensor
        Planes of equal brightness as measured, and denoised one by one, shape (N, 1, Y, X).
    sigma : Tensor
        Their noise levels, shape (N,), > 0.
    middle : int
        Which of them the others are fused into.
    """
    height, width = noisy.shape[-2:]
    others = [n for n in range(len(noisy)) if n != middle]
    fused, level, *beside = (torch.empty_like(noisy[:count]) for count in (1, 1, *[len(others)] * 3))
    for top, left in product(range(0, height, TILE), range(0, width, TILE)):
        first, last = max(0, top - HALO), min(height, top + TILE + HALO)
        before, after = max(0, left - HALO), min(width, left + TILE + HALO)
        place = (..., slice(first, last), slice(before, after))
        inside = (..., slice(top - first, top - first + TILE), slice(left - before, left - before + TILE))
        target = (..., slice(top, top + TILE), slice(left, left + TILE))
        for whole, part in zip((fused, level, *beside), _fused(noisy[place], clean[place], sigma, middle), strict=True):
            whole[target] = part[inside]
    distance = torch.tensor([abs(n - middle) for n in others]).to(sigma)
    measured, denoised, weight = beside
    own = slice(middle, middle + 1)
    around = Beside(measured, denoised, weight, sigma[others], distance)
    return Fused(fused, level, noisy[own], clean[own], float(sigma[middle]), around)


def _fused(noisy: Tensor, clean: Tensor, sigma: Tensor, middle: int) -> tuple[Tensor, ...]:
    """Do the same for a tile; return plane, level, and what is beside it."""
    here, own = clean[middle], sigma[middle] ** -2
    residuals = noisy - clean
    fraction = _fraction(residuals, sigma)
    total = own * noisy[middle]
    weights = torch.full_like(total, float(own))
    variances = weights.clone()
    beside: list[tuple[Tensor, Tensor, Tensor]] = []
    for other in range(len(noisy)):
        if other == middle:
            continue
        if _correlation(residuals[middle], residuals[other]) > DEPENDENT:
            beside.append((here, here, torch.full_like(here, -1)))
            continue
        cancellation_point()
        variance = (sigma[other] ** 2 + sigma[middle] ** 2) / 2 * fraction
        place = matched(here, clean[other], variance)
        found, measured = taken(clean[other], place), taken(noisy[other], place)
        steep = _mean((_slope(here) + _slope(found)) / 2) / variance
        near = max(LEAST_NEAR, FARTHER ** (abs(other - middle) - 1))
        fitting = near * _weight(here - found, noisy[middle] - measured, steep, variance)
        beside.append((measured, found, fitting))
        weight = fitting * sigma[other] ** -2
        total += weight * measured
        weights += weight
        variances += weight.square() * sigma[other] ** 2
    stacked = [torch.stack(each) for each in zip(*beside, strict=True)] if beside else [noisy[:0]] * 3
    return (total / weights)[None], (variances.sqrt() / weights)[None], *stacked


def _correlation(here: Tensor, there: Tensor) -> float:
    """Return how far two planes share their noise, 1: all of it, as copies do, and planes between which was interpolated."""
    return float((here * there).sum() / (here.norm() * there.norm()).clamp(min=torch.finfo(here.dtype).tiny))


def _fraction(residuals: Tensor, sigma: Tensor) -> Tensor:
    """Return which share of its variance the noise of all planes has around every pixel, (1, Y, X), 1 at most.

    Where there are few photons no transform makes their noise the same: it has less than elsewhere.
    """
    shares = (residuals / sigma.view(-1, 1, 1, 1)).square().mean(0)
    return torch.nn.functional.avg_pool2d(shares, AROUND, 1, AROUND // 2, count_include_pad=False).clamp(LEAST, 1)


def _weight(difference: Tensor, noisy: Tensor, steep: Tensor, variance: Tensor) -> Tensor:
    """Return the weights, 0 to 1, of pixels by the differences (1, Y, X) of the denoised and of the noisy planes."""
    floor = FLOOR + STEEP * steep.sqrt() / (1 + steep.sqrt())
    excess = (_mean(difference.square()) / variance - floor).clamp(min=0) / TOLERANCE
    deviation = (2 * variance).sqrt() / (2 * torch.pi**0.5 * LIGHT)
    light = ((_gaussian(noisy) / deviation).abs() - SURE).clamp(min=0)
    return torch.exp(-excess - light.square() / 2)


def _slope(plane: Tensor) -> Tensor:
    """Return the squared gradient of a plane (1, Y, X)."""
    wide = torch.nn.functional.pad(plane[None], [1] * 4, mode="replicate")[0]
    down, right = wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1], wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]
    return (down.square() + right.square()) / 4


def _mean(plane: Tensor) -> Tensor:
    """Return the mean over the patch around every pixel."""
    return torch.nn.functional.avg_pool2d(plane, PATCH, 1, PATCH // 2, count_include_pad=False)


def _gaussian(plane: Tensor) -> Tensor:
    """Return the mean around every pixel with a Gaussian window."""
    reach = int(3 * LIGHT)
    window = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * LIGHT**2)).to(plane)
    window = window / window.sum()
    padded = torch.nn.functional.pad(plane[None], [reach] * 4, mode="replicate")
    rows = torch.nn.functional.conv2d(padded, window.view(1, 1, -1, 1))
    return torch.nn.functional.conv2d(rows, window.view(1, 1, 1, -1))[0]


def brightness(clean: Tensor, reference: Tensor) -> tuple[float, float]:
    """Return a and b for which ``a · clean + b`` is as bright as a reference, both of shape (1, Y, X).

    A straight line through the grey levels of both planes, by least squares with Tukey's weights, so that what moves, flashes
    or goes out does not count.
    """
    x, y = clean.flatten().double(), reference.flatten().double()
    weights = torch.ones_like(x)
    a, b = 1.0, 0.0
    for _ in range(TURNS):
        total = weights.sum()
        mean_x, mean_y = (weights * x).sum() / total, (weights * y).sum() / total
        spread = (weights * (x - mean_x).square()).sum()
        if spread <= 0:
            break
        a = float((weights * (x - mean_x) * (y - mean_y)).sum() / spread)
        a = min(max(a, 1 / MOST), MOST)
        b = float(mean_y - a * mean_x)
        residual = (y - a * x - b).abs()
        scale = CERTAIN * residual.median().clamp(min=1e-9)
        weights = (1 - (residual / scale).square()).clamp(min=0).square()
    return a, b


def brought(planes: Tensor, lines: Sequence[tuple[float, float]]) -> Tensor:
    """Return planes (N, 1, Y, X) with their brightness changed by straight lines."""
    return torch.stack([a * plane + b for plane, (a, b) in zip(planes, lines, strict=True)])


def brought_levels(levels: Sequence[float], lines: Sequence[tuple[float, float]], like: Tensor) -> Tensor:
    """Return the noise levels of planes whose brightness was so changed, shape (N,)."""
    return torch.tensor([level * a for level, (a, _) in zip(levels, lines, strict=True)]).to(like)
