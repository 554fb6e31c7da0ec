"""Uncertainty of a denoised image, pixel by pixel and as principal components, from the denoiser's Jacobian, without samples.

The covariance of the clean image given x is σ² J, J = ∂f/∂x (second-order Tweedie).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

STEP = 0.05
"""Root mean square of a finite difference's step, in units of the noise level."""


def posterior_variance(
    denoiser: Denoise, x: Tensor, sigma: float, generator: Generator, *, probes: int = 8, smooth: int = 3
) -> tuple[Tensor, Tensor]:
    """Return the denoised image f(x, σ) and its posterior variance σ² diag J, pixel by pixel.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma).
    x : Tensor
        One noisy image, shape (1, C, …).
    sigma : float
        Its noise level, > 0.
    generator : Generator
        Draws the probes, on the CPU.
    probes : int
        Random signs v, whose products ``v ⊙ J v`` have the mean diag J (Bekas, Kokiopoulou & Saad 2007); each costs a
        denoiser call.
    smooth : int
        Side, in pixels and odd, of the square (cube) over which the products are averaged besides; 1 for none.

    Returns
    -------
    tuple of Tensor
        Shapes (1, C, …); the variance is at least zero.
    """
    if sigma <= 0:
        raise ValueError(f"sigma must be > 0 (got {sigma})")
    clean = denoiser(x, sigma)
    v = (2 * torch.randint(2, (probes, *x.shape[1:]), generator=generator) - 1).to(x)
    step = STEP * sigma
    products = v * (denoiser(x + step * v, sigma) - clean) / step
    return clean, sigma**2 * local_mean(products.mean(0, keepdim=True), smooth).clamp_min(0)


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
        return inside * (denoiser(x + step * v, sigma) - denoiser(x - step * v, sigma)) / (2 * step)

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
