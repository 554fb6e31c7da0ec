"""Fusion of neighbouring frames or planes: for every pixel the mean of what fits it, and the noise that this mean has left.

After V-BM4D (Maggioni et al. 2012) and PatchCraft (Vaksman, Elad and Milanfar 2021): frames are denoised one by one; in every
neighbour the patch most like that around a pixel is found on the denoised frames; the noisy pixels found are averaged with
weights w that fall where patches differ by more than their noise explains. The mean ``Σ w y / Σ w`` has noise of the variance
``Σ w² σ² / (Σ w)²``, a map, with which it is then denoised.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

CONTEXT = 3
"""Planes on each side that help."""
TILE, HALO = 1024, 48
"""Side, in pixels, of the tiles in which planes are fused, and what they see of their surroundings."""
REACH = 8
"""Furthest displacement, in pixels along each axis, that is looked for from one plane to another."""
AROUND, LEAST = 17, 0.05
"""Height and width, in pixels, over which the noise is looked at, and the least share of its variance that it may have."""
PATCH = 7
"""Height and width, in pixels, of the patches that are compared."""
BLOCK, TRIED = 4, 12
"""Side, in pixels, of blocks that are displaced as one, by patches of three times the side, and displacements that are tried."""
DEPENDENT = 0.3
"""Correlation of the noise of two planes beyond which one tells nothing new of the other."""
STAY = 0.3
"""By how much, in variances of the noise, the squared difference must fall for a patch to be looked for elsewhere."""
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


def fuse(noisy: Tensor, clean: Tensor, sigma: Tensor, middle: int) -> tuple[Tensor, Tensor]:
    """Fuse planes into one of them.

    Parameters
    ----------
    noisy, clean : Tensor
        Planes of equal brightness as measured, and denoised one by one, shape (N, 1, Y, X).
    sigma : Tensor
        Their noise levels, shape (N,), > 0.
    middle : int
        Which of them the others are fused into.

    Returns
    -------
    Tensor, Tensor
        The fused plane and the level of its noise, both of shape (1, 1, Y, X).
    """
    height, width = noisy.shape[-2:]
    fused, level = torch.empty_like(noisy[:1]), torch.empty_like(noisy[:1])
    for top, left in product(range(0, height, TILE), range(0, width, TILE)):
        first, last = max(0, top - HALO), min(height, top + TILE + HALO)
        before, after = max(0, left - HALO), min(width, left + TILE + HALO)
        place = (..., slice(first, last), slice(before, after))
        inside = (..., slice(top - first, top - first + TILE), slice(left - before, left - before + TILE))
        target = (..., slice(top, top + TILE), slice(left, left + TILE))
        parts = _fused(noisy[place], clean[place], sigma, middle)
        fused[target], level[target] = (part[inside] for part in parts)
    return fused, level


def _fused(noisy: Tensor, clean: Tensor, sigma: Tensor, middle: int) -> tuple[Tensor, Tensor]:
    """Do the same for a tile."""
    here, own = clean[middle], sigma[middle] ** -2
    residuals = noisy - clean
    fraction = _fraction(residuals, sigma)
    total = own * noisy[middle]
    weights = torch.full_like(total, float(own))
    variances = weights.clone()
    for other in range(len(noisy)):
        if other == middle or _correlation(residuals[middle], residuals[other]) > DEPENDENT:
            continue
        cancellation_point()
        variance = (sigma[other] ** 2 + sigma[middle] ** 2) / 2 * fraction
        place = _matched(here, clean[other], variance)
        found, measured = _taken(clean[other], place), _taken(noisy[other], place)
        steep = _mean((_slope(here) + _slope(found)) / 2) / variance
        near = max(LEAST_NEAR, FARTHER ** (abs(other - middle) - 1))
        weight = near * _weight(here - found, noisy[middle] - measured, steep, variance) * sigma[other] ** -2
        total += weight * measured
        weights += weight
        variances += weight.square() * sigma[other] ** 2
    return (total / weights)[None], (variances.sqrt() / weights)[None]


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


def _matched(here: Tensor, there: Tensor, variance: Tensor) -> Tensor:
    """Return the place in a plane (1, Y, X) of the patch that is most like that around every pixel of another, flat indices.

    Displacements are those of blocks. They are looked for on means over 2 × 2 pixels; those that win most there are tried, with
    those a pixel beside them, on the pixels. Blocks stay where they are unless another place is more like by more than noise.
    """
    height, width = here.shape[-2:]
    small = [torch.nn.functional.avg_pool2d(_even(plane), 2) for plane in (here, there, variance)]
    reach = range(-(REACH // 2), REACH // 2 + 1)
    found = _searched(small[0], small[1], small[2], [(down, right) for down in reach for right in reach], 2)
    winners, counts = torch.unique(found.flatten(1), dim=1, return_counts=True)
    most = winners[:, counts.argsort(descending=True)[:TRIED]].T.tolist()
    tried = {(2 * down + a, 2 * right + b) for down, right in most for a in (-1, 0, 1) for b in (-1, 0, 1)}
    shifts = _searched(here, there, variance, sorted(tried), BLOCK)
    return _places(shifts.repeat_interleave(BLOCK, 1).repeat_interleave(BLOCK, 2)[:, :height, :width])


def _searched(here: Tensor, there: Tensor, variance: Tensor, displacements: list[tuple[int, int]], block: int) -> Tensor:
    """Return which displacement makes patches most alike, for every block of `block` × `block` pixels: shape (2, Y, X)."""
    height, width = here.shape[-2:]

    def patches(plane: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(plane, 3 * block, block, block, ceil_mode=True, count_include_pad=False)[0]

    reach = REACH + 1
    wide = torch.nn.functional.pad(there[None], [reach] * 4, mode="replicate")[0]
    least = patches((here - there).square()) - STAY * patches(variance)
    best = torch.zeros(2, *least.shape, dtype=torch.long, device=here.device)
    for down, right in displacements:
        moved = wide[:, reach + down : reach + down + height, reach + right : reach + right + width]
        distance = patches((here - moved).square())
        better = distance < least
        least = torch.where(better, distance, least)
        best[0][better], best[1][better] = down, right
    return best


def _places(shifts: Tensor) -> Tensor:
    """Return flat indices of the pixels displaced by shifts (2, Y, X), at the border those of the border."""
    height, width = shifts.shape[1:]
    rows = (torch.arange(height, device=shifts.device).view(-1, 1) + shifts[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=shifts.device) + shifts[1]).clamp(0, width - 1)
    return rows * width + columns


def _taken(plane: Tensor, places: Tensor) -> Tensor:
    return plane.flatten()[places].view(plane.shape)


def _slope(plane: Tensor) -> Tensor:
    """Return the squared gradient of a plane (1, Y, X)."""
    wide = torch.nn.functional.pad(plane[None], [1] * 4, mode="replicate")[0]
    down, right = wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1], wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]
    return (down.square() + right.square()) / 4


def _even(plane: Tensor) -> Tensor:
    height, width = plane.shape[-2:]
    return torch.nn.functional.pad(plane[None], [0, width % 2, 0, height % 2], mode="replicate")[0]


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
