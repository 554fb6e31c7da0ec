"""Products with the Jacobian J = ∂f/∂x of a denoiser, and what they tell: trace, asymmetry, equivalent filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Method

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

STEP = 0.05
"""Root mean square of a finite difference's step, in units of the noise level."""

LARGEST_STEP = 0.5
"""Largest change of a pixel in a finite difference, in units of the noise level."""

PHASE = 16
"""Crops start at multiples of this, in pixels, so that networks sample them coarsely as they do the whole image."""


def jacobian_product(denoiser: Denoise, x: Tensor, sigma: float, v: Tensor, clean: Tensor | None = None) -> Tensor:
    """Return J v by a forward difference: one denoiser call for all directions, for any denoiser and precision.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma).
    x : Tensor
        One image, shape (1, C, …).
    sigma : float
        Noise level, > 0.
    v : Tensor
        Directions, shape (K, C, …), of any length.
    clean : Tensor, optional
        f(x, sigma), if it is known already.

    Returns
    -------
    Tensor
        J v for every direction, shape (K, C, …), with the mean of J over a step of `STEP` sigma: for the bundled network 7 % off
        that at x itself, which `Jacobian` gives at more cost.
    """
    _require_noise(sigma)
    if clean is None:
        clean = denoiser(x, sigma)
    flat = v.flatten(1)
    rms, peak = flat.square().mean(1).sqrt(), flat.abs().amax(1)
    step = sigma * torch.minimum(STEP / rms, LARGEST_STEP / peak).view(-1, *[1] * (v.ndim - 1))
    return (denoiser(x + step * v, sigma) - clean) / step


class Jacobian:
    """J at one image, through products with it and its transpose.

    For a denoiser through which gradients flow both are exact, and after one call of a bundled network each costs about one
    more: Jᵀ u is a pass backwards through the recorded call, J v a pass backwards through that pass. (Forward mode takes several
    times as long on a CPU, and so does J v where convolutions of another network are torch's own.) For others J v is a finite
    difference and J counts as symmetric.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma); one that can choose its precision is taken in float32.
    x : Tensor
        One image, shape (1, C, …).
    sigma : float
        Noise level, > 0.
    """

    def __init__(self, denoiser: Denoise, x: Tensor, sigma: float) -> None:
        _require_noise(sigma)
        self.exact: bool = getattr(denoiser, "differentiable", True)
        """Whether products are exact and J is not taken for symmetric."""
        self.products = 0
        """Products with J or Jᵀ so far."""
        self._f = in_float32(denoiser)
        self._x, self._sigma = x.detach(), sigma
        if not self.exact:
            self.clean = self._f(self._x, sigma)
            return
        with torch.enable_grad():
            self._x.requires_grad_()
            clean = self._f(self._x, sigma)
            self._u = torch.zeros_like(clean, requires_grad=True)
            (self._pulled,) = torch.autograd.grad(clean, self._x, self._u, create_graph=True)
        self._graph = clean
        self.clean = clean.detach()

    def times(self, v: Tensor) -> Tensor:
        """Return J v for v of shape (1, C, …)."""
        self.products += 1
        if not self.exact:
            return jacobian_product(self._f, self._x, self._sigma, v, self.clean)
        (product,) = torch.autograd.grad(self._pulled, self._u, v, retain_graph=True)
        return product

    def transposed(self, u: Tensor) -> Tensor:
        """Return Jᵀ u for u of shape (1, C, …)."""
        if not self.exact:
            return self.times(u)
        self.products += 1
        (product,) = torch.autograd.grad(self._graph, self._x, u, retain_graph=True)
        return product

    def symmetrised(self, v: Tensor) -> Tensor:
        """Return ½ (J + Jᵀ) v for v of shape (1, C, …)."""
        return (self.times(v) + self.transposed(v)) / 2 if self.exact else self.times(v)


def in_float32(denoiser: Any) -> Any:
    """Return a denoiser, and those that it is made of, in full precision: half precision is too coarse for derivatives."""
    if not isinstance(denoiser, Method):
        return denoiser
    changed: dict[str, Any] = {}
    for name, value in denoiser:
        if name == "precision":
            changed[name] = "float32"
        elif isinstance(value, Method):
            changed[name] = in_float32(value)
        elif isinstance(value, tuple):
            changed[name] = tuple(in_float32(part) for part in value)
    return denoiser.model_copy(update=changed)


def trace(
    denoiser: Denoise, x: Tensor, sigma: float, generator: Generator, probes: int = 8, clean: Tensor | None = None
) -> tuple[float, float]:
    """Return tr J, the effective number of degrees of freedom of f(x, σ), and the standard error of this estimate.

    Hutchinson's estimate: the mean of vᵀ J v over random signs v. Parameters are those of `jacobian_product`; `probes` ≥ 2.
    """
    signs = random_signs(x, generator, probes)
    values = (signs * jacobian_product(denoiser, x, sigma, signs, clean)).flatten(1).sum(1).double()
    return float(values.mean()), float(values.std() / probes**0.5)


def random_signs(x: Tensor, generator: Generator, count: int) -> Tensor:
    """Return `count` images of random signs of the shape of `x`, shape (count, C, …), drawn on the CPU."""
    bits = torch.randint(0, 2, (count, *x.shape[1:]), generator=generator)
    return (2 * bits - 1).to(x)


def asymmetry(jacobian: Jacobian, generator: Generator, probes: int = 8) -> float:
    """Return about ‖J − Jᵀ‖ / ‖J‖ (Frobenius norms) by random probes: 0 for a gradient field, √2 at most on average.

    With exact products by ‖(J − Jᵀ) v‖ over ‖J v‖. Without, finite differences along pairs of directions are compared,
    uᵀ J v with vᵀ J u, which is zero on average as the former is but varies more: take at least 8 probes.
    """
    signs = random_signs(jacobian.clean, generator, probes)
    forward = torch.cat([jacobian.times(v[None]) for v in signs]).flatten(1)
    if jacobian.exact:
        backward = torch.cat([jacobian.transposed(v[None]) for v in signs]).flatten(1)
        return float((forward - backward).norm() / forward.norm())
    pairs = signs.flatten(1) @ forward.T
    pairs = pairs - pairs.diag().diag()
    return float((pairs - pairs.T).norm() / pairs.norm())


@dataclass(frozen=True)
class Filter:
    """The weights with which a denoiser averages the image into one pixel: a row of J.

    Parameters
    ----------
    weights : Tensor
        Shape (C, …), of a patch of the image.
    patch : tuple of slice
        Where in the image, along its spatial axes.
    exact : bool
        Whether it is the row; else a column, the pixel's response to a pulse, which is the same where J is symmetric.
    """

    weights: Tensor
    patch: tuple[slice, ...]
    exact: bool


def equivalent_filter(denoiser: Denoise, x: Tensor, sigma: float, pixel: tuple[int, ...], radius: int = 64) -> Filter:
    """Return the equivalent filter of a pixel: f(x, σ) there is about Σ weights · x, for homogeneous f exactly.

    Parameters
    ----------
    denoiser, x, sigma
        As for `Jacobian`.
    pixel : tuple of int
        Where, along the spatial axes, in the first channel.
    radius : int
        Only this far around the pixel, in pixels, is looked at, for speed; take the denoiser's reach to lose nothing.

    Raises
    ------
    ValueError
        If the pixel is outside of the image.
    """
    shape = tuple(x.shape[2:])
    if len(pixel) != len(shape) or not all(0 <= p < n for p, n in zip(pixel, shape, strict=True)):
        raise ValueError(f"the pixel must lie in the image, of shape {shape} (got {pixel})")
    firsts = [max(0, p - radius) // PHASE * PHASE for p in pixel]
    patch = tuple(slice(first, min(n, p + radius + 1)) for first, p, n in zip(firsts, pixel, shape, strict=True))
    crop = x[(slice(None), slice(None), *patch)]
    pulse = torch.zeros_like(crop)
    pulse[(0, 0, *(p - first for p, first in zip(pixel, firsts, strict=True)))] = 1
    jacobian = Jacobian(denoiser, crop, sigma)
    return Filter(jacobian.transposed(pulse)[0], patch, jacobian.exact)


def _require_noise(sigma: float) -> None:
    if sigma <= 0:
        raise ValueError(f"sigma must be > 0 (got {sigma})")
