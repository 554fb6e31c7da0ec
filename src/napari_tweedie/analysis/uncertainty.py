"""Uncertainty of a denoised image, pixel by pixel, from the denoiser's Jacobian and what the noise may hide, without samples.

The covariance of the clean image given x is σ² J, J = ∂f/∂x (second-order Tweedie).
"""

from __future__ import annotations

from math import pi, prod
from typing import TYPE_CHECKING

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.linear_algebra import smoothed

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

STEP = 0.05
"""Root mean square of a finite difference's step, in units of the noise level."""
WIDE = 8.0
"""Standard deviation, in pixels, of the window over which the ratio of diag J and diag JJᵀ is averaged: it hardly varies."""
PRECISION = 0.3
"""Relative error of diag J by that ratio, against which the noise of the probes is weighed."""
EVEN, FLAT = 0.7, 0.004
"""Share of the ratio, in logarithm, that is left out where diag JJᵀ is far below `FLAT`: on even ground errors are smaller than
what a network expects of images of all kinds. Found on cells, beads, micrographs and photographs together."""
LEAST = 0.2
"""Share of that estimate below which none falls."""
SIZES = (1.0, 2.0)
"""Widths (standard deviations), in pixels, of the features that are looked for in the residual."""
ODDS = 1e-3
"""Odds that a pixel is part of a feature which the denoiser took for noise."""
DARKEST = 1e-3
"""Fewest photons that are expected of a pixel."""
SHARED = 0.4
"""By which share the variance of a fused plane's error exceeds that of white noise, for each time that its noise is weaker than
that of one plane. Found on still and moving cells, leaves and fibres, where 90 % intervals held 82 % without it."""
LARGEST = 30.0
"""Largest exponent of the evidence."""


def posterior_variance(
    denoiser: Denoise,
    x: Tensor,
    sigma: float | Tensor,
    generator: Generator,
    *,
    probes: int = 8,
    smooth: int = 3,
) -> tuple[Tensor, Tensor]:
    """Return the denoised image f(x, σ) and its posterior variance σ² diag J, pixel by pixel.

    Random signs v give the products ``v ⊙ J v``, whose mean is diag J (Bekas, Kokiopoulou & Saad 2007), but whose noise is larger
    than diag J itself where the denoiser averages over many pixels; and the squares ``(J v)²``, whose mean is diag JJᵀ: never
    negative, and nearly as precise in relative terms wherever they are small. For a posterior J has its eigenvalues between 0
    and 1, so that diag JJᵀ is a lower bound, and the ratio of the two, taken over a wide window, brings it up to diag J with all
    its edges. The products themselves count as much as they are more precise than that.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma), in full precision: the rounding of half precision is larger than what is measured.
    x : Tensor
        One noisy image, shape (1, C, …).
    sigma : float or Tensor
        Its noise level, > 0; also a map of it, shape (1, 1, Y, X).
    generator : Generator
        Draws the probes, on the CPU.
    probes : int
        Random signs; each costs a denoiser call.
    smooth : int
        Side, in pixels and odd, of the square (cube) over which products and squares are averaged besides; 1 for none.

    Returns
    -------
    tuple of Tensor
        Shapes (1, C, …); the variance is nowhere negative, and zero only where J is.
    """
    level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
    if (least := float(level.min())) <= 0:
        raise ValueError(f"sigma must be > 0 (got {least:g})")
    clean = denoiser(x, sigma)
    products, squares = torch.zeros_like(x), torch.zeros_like(x)
    step = STEP * level
    for _ in range(probes):
        cancellation_point()
        v = (2 * torch.randint(2, x.shape, generator=generator) - 1).to(x)
        moved = _slope(denoiser(x + step * v, sigma) - clean, step)
        products += v * moved / probes
        squares += moved.square() / probes
    count = probes * smooth ** (x.ndim - 2)
    return clean, level**2 * diagonal(local_mean(products, smooth), local_mean(squares, smooth), count)


def _slope(moved: Tensor, step: float | Tensor) -> Tensor:
    """Return how far a denoiser moved over how far its image did.

    J has its eigenvalues between 0 and 1, so that what exceeds the norm of random signs is the rounding of numbers that are huge
    for their noise.
    """
    most = moved.numel() ** 0.5
    length = torch.as_tensor(step, dtype=moved.dtype, device=moved.device).clamp_min(torch.finfo(moved.dtype).tiny)
    return (moved / length).clamp(-most, most)


def diagonal(products: Tensor, squares: Tensor, count: int) -> Tensor:
    """Return diag J from the means of ``v ⊙ J v`` and of ``(J v)²`` over so many random signs and pixels each."""
    wide, bound = smoothed(products, WIDE), smoothed(squares, WIDE)
    ratio = torch.where(bound > 0, wide / bound, 1.0).clamp_min(1.0)
    scaled = squares * ratio ** (1 - EVEN * FLAT / (FLAT + squares))
    noise = (squares - products.square()).clamp_min(0) / count
    weight = (PRECISION * scaled).square() / ((PRECISION * scaled).square() + noise).clamp_min(1e-30)
    return (weight * products + (1 - weight) * scaled).maximum(LEAST * scaled)


def own_variance(clean: Tensor, sigma: float | Tensor, flat_error: tuple[float, float]) -> Tensor:
    """Return the square of a denoiser's own error, from its shares of the noise level and of the grey level."""
    return (flat_error[0] * sigma) ** 2 + (flat_error[1] * clean).square()


def of_fused(variance: Tensor, level: Tensor, sigma: float) -> Tensor:
    """Return the variance of the error of a plane that others were fused into, from what it were if its noise were white.

    Its pixels have the noise that they are told to have, but patches were chosen that are like those around them, noise and all,
    and may lie a fraction of a pixel away: averages over a few pixels err by more, the more the more was fused.

    Parameters
    ----------
    variance : Tensor
        As for white noise of the level of the fused plane, shape (1, 1, Y, X).
    level : Tensor
        That level, > 0, of the same shape.
    sigma : float
        The level of the plane alone.
    """
    return variance * (1 + SHARED * (sigma / level - 1).clamp_min(0))


def hidden_variance(x: Tensor, clean: Tensor, sigma: float | Tensor) -> Tensor:
    """Return the variance by features that a denoiser may have taken for noise.

    A feature of the shape of a Gaussian of amplitude a, alone in white noise, is found by a matched filter of the residual, whose
    value is half of a in 2-D. With t that value in standard deviations of filtered noise, the probability that there is one
    follows from the odds beforehand, `ODDS`, and the likelihood ratio exp(t²/2); the variance is that times a². So what stands
    out in the residual makes a pixel uncertain, and elsewhere almost nothing is added.

    Parameters
    ----------
    x, clean : Tensor
        A noisy image and what it was denoised to, shape (1, C, …).
    sigma : float or Tensor
        The noise level, or a map of it; where the filtered residual varies more, as that of correlated noise does, so much is
        expected.
    """
    variance = torch.zeros_like(x)
    for size in SIZES:
        found = smoothed(x - clean, size)
        t = found / (sigma * area_of(size, x.ndim - 2) ** -0.5)
        variance = variance.maximum(_of_features(0.5 * t.square() / _excess(t), found))
    return variance


def hidden_light(photons: Tensor, clean: Tensor) -> Tensor:
    """Return the same for counted photons, in which exp(t²/2) is the likelihood ratio of Poisson's law.

    Parameters
    ----------
    photons, clean : Tensor
        Photons of every pixel, counted and denoised, shape (1, C, …); with read noise both larger by its variance, which then
        count about as photons do.
    """
    variance = torch.zeros_like(photons)
    for size in SIZES:
        area = area_of(size, photons.ndim - 2)
        counted, expected = (area * smoothed(x, size).clamp_min(DARKEST) for x in (photons, clean))
        exponent = counted * (counted / expected).log() - counted + expected
        excess = _excess((counted - expected) / expected.sqrt())
        variance = variance.maximum(_of_features(exponent / excess, (counted - expected) / area))
    return variance


def area_of(size: float, axes: int) -> float:
    """Return over how many pixels `smoothed` averages white noise: its variance is divided by that."""
    widths = [size if axis >= axes - 2 else size / 2 for axis in range(axes)]
    return prod(2 * pi**0.5 * width for width in widths)


def _excess(t: Tensor) -> float:
    """Return the variance of what should have variance 1, by its median and at least 1: noise that correlates has more."""
    return max(1.0, (float((t - t.median()).abs().median()) / 0.6745) ** 2)


def _of_features(exponent: Tensor, found: Tensor) -> Tensor:
    odds = exponent.clamp_max(LARGEST).exp() * ODDS
    return odds / (1 + odds) * (found * 2 ** ((found.ndim - 2) / 2)).square()


def local_mean(x: Tensor, side: int) -> Tensor:
    """Return the mean over squares (cubes) of `side` pixels, of those inside the image."""
    if side % 2 == 0:
        raise ValueError(f"the side of the averaged square must be odd (got {side})")
    pool = torch.nn.functional.avg_pool2d if x.ndim == 4 else torch.nn.functional.avg_pool3d
    sides = [min(side, length - 1 + length % 2) for length in x.shape[2:]]  # odd, and no longer than the image
    return pool(x, sides, stride=1, padding=[side // 2 for side in sides], count_include_pad=False)


def posterior_components(
    denoiser: Denoise,
    x: Tensor,
    sigma: float,
    generator: Generator,
    *,
    count: int = 4,
    iterations: int = 10,
    region: tuple[slice, ...] = (),
) -> tuple[Tensor, Tensor]:
    """Return the directions in which the clean image is least known, and its standard deviation along them.

    They are the top eigenvectors of σ² J (Manor & Michaeli 2024), by subspace iteration with finite differences; of a
    trained network, whose Jacobian is not quite symmetric, the symmetric part is diagonalised in the last subspace.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma).
    x : Tensor
        One noisy image, shape (1, C, …).
    sigma : float
        Its noise level, > 0.
    generator : Generator
        Draws the first directions, on the CPU.
    count : int
        Number of components.
    iterations : int
        Iterations; each costs two denoiser calls a component.
    region : tuple of slice
        Part of the spatial axes, outside of which the directions are zero; by default the whole image.

    Returns
    -------
    tuple of Tensor
        Directions of norm one, shape (count, C, …), and standard deviations, shape (count,), falling.
    """
    if sigma <= 0:
        raise ValueError(f"sigma must be > 0 (got {sigma})")
    inside = torch.zeros_like(x)
    inside[(..., *region)] = 1
    step = STEP * sigma * float(inside.sum()) ** 0.5

    def jacobian(v: Tensor) -> Tensor:
        return inside * _slope(denoiser(x + step * v, sigma) - denoiser(x - step * v, sigma), 2 * step)

    v = orthonormal(inside * torch.randn((count, *x.shape[1:]), generator=generator).to(x))
    for _ in range(iterations):
        product = jacobian(v)
        before, v = v, orthonormal(product)
    small = before.flatten(1) @ product.flatten(1).T
    values, rotation = torch.linalg.eigh((small + small.T) / 2)
    directions = torch.tensordot(rotation.T.flip(0), before, dims=1)
    return directions, sigma * values.flip(0).clamp_min(0).sqrt()


def orthonormal(v: Tensor) -> Tensor:
    """Return an orthonormal basis of the same span, a direction a batch entry."""
    return torch.linalg.qr(v.flatten(1).T).Q.T.reshape(v.shape)
