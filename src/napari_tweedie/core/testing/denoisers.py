"""Checks of a denoiser f(x, σ): shapes, noise levels, and what it declares of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.testing.methods import check_method, random, require, require_close, require_like

if TYPE_CHECKING:
    from torch import Tensor

SIGMA = 0.1
SHAPES = {2: (17, 24), 3: (5, 9, 10)}
"""Odd sizes: a denoiser pads itself."""


def check_denoiser(denoiser: Any, *, clean: Tensor | None = None, shapes: dict[int, tuple[int, ...]] = SHAPES) -> None:
    """Check a denoiser.

    That the result is like the image, finite at every noise level, and leaves the image alone; that a batch with a level a
    sample is a loop; and each of these where the denoiser declares it: the identity at σ = 0 (`keeps_without_noise`),
    ``f(k x, k σ) = k f(x, σ)`` (`is_homogeneous`), ``f(x + c, σ) = f(x, σ) + c`` (`follows_offset`), a derivative for autograd
    (`differentiable`), a symmetric Jacobian (`is_symmetric`), a map of the noise level that is a number where it is even and does
    something where it is not (`takes_map`), neighbouring planes (`context`): `among` returns the plane that is asked for, takes
    stacks of any number of planes, and does with one alone what f does.

    Parameters
    ----------
    denoiser : Denoiser or callable
        f(x, sigma); of a plain function planes are tried, and nothing is taken for declared.
    clean : Tensor, optional
        Images like those it is made for, shape (B, C, Y, X) or (B, C, Z, Y, X): a tenth at least of
        noise of standard deviation 0.1 must go.
    shapes : dict of int to tuple of int
        Spatial shapes to try, by their number of axes; others are left out.

    Raises
    ------
    AssertionError
        With a sentence that names the denoiser, the value and the limit.
    """
    check_method(denoiser)
    for ndim in (n for n in getattr(denoiser, "ndim", (2,)) if n in shapes):
        x = random((2, 1, *shapes[ndim]), ndim, uniform=True)
        _check_shapes(denoiser, x)
        _check_claims(denoiser, x[:1])
        if ndim == 2 and getattr(denoiser, "context", 0):
            _check_among(denoiser, x)
    if clean is not None:
        noisy = clean + SIGMA * random(tuple(clean.shape), 3)
        error = float((denoiser(noisy, SIGMA).detach() - clean).square().mean() ** 0.5)
        limit = 0.9 * SIGMA
        require(error < limit, denoiser, f"noise of level {SIGMA} leaves an error of {error:.3g} (limit {limit:.3g})")


def _check_shapes(denoiser: Any, x: Tensor) -> None:
    before, levels = x.clone(), torch.tensor([0.05, 0.3])
    for sigma in (1e-3, SIGMA, 100.0):
        require_like(denoiser(x, sigma).detach(), x, denoiser, f"f(x, {sigma}) of {x.ndim - 2}-D images")
    together = denoiser(x, levels).detach()
    require(torch.equal(x, before), denoiser, "f(x, σ) changes x")
    for number, level in enumerate(levels.tolist()):
        alone = denoiser(x[number : number + 1], level).detach()
        require_close(together[number : number + 1], alone, 1e-3, denoiser, "f of a batch with a level a sample")
    stacked = denoiser(torch.cat([x, x.flip(-1)], 1), SIGMA).detach()
    require_close(stacked[:, :1], denoiser(x, SIGMA).detach(), 1e-3, denoiser, "f of a channel beside another, against alone,")


def _check_among(denoiser: Any, x: Tensor) -> None:
    planes = 2 * denoiser.context + 1
    stack = torch.stack([x + 0.01 * n for n in range(planes)], 2)
    before = stack.clone()
    for count in range(1, planes + 1):
        levels = torch.linspace(0.5, 1.5, count) * SIGMA
        for plane in {0, count - 1}:
            found = denoiser.among(stack[:, :, :count], levels, plane).detach()
            require_like(found, x, denoiser, f"among(x, σ, {plane}) of {count} planes")
    require(torch.equal(stack, before), denoiser, "among(x, σ, plane) changes x")
    alone = denoiser.among(x[:, :, None], torch.tensor([SIGMA]), 0).detach()
    require_close(alone, denoiser(x, SIGMA).detach(), 1e-2 * SIGMA, denoiser, "among of one plane, against f(x, σ),")
    if getattr(denoiser, "is_homogeneous", False):
        levels = torch.full((planes,), SIGMA)
        scaled = denoiser.among(1e3 * stack, 1e3 * levels, 0).detach() / 1e3
        expected = denoiser.among(stack, levels, 0).detach()
        require_close(scaled, expected, 1e-2 * SIGMA, denoiser, "among(k x, k σ), against k among(x, σ),")


def _check_claims(denoiser: Any, x: Tensor) -> None:
    clean = denoiser(x, SIGMA).detach()
    if getattr(denoiser, "keeps_without_noise", False):
        require_close(denoiser(x, 0.0).detach(), x, 1e-5, denoiser, "f(x, 0), against x,")
    if getattr(denoiser, "is_homogeneous", False):
        for k in (1e-3, 4e4):
            scaled = denoiser(k * x, k * SIGMA).detach() / k
            require_close(scaled, clean, 1e-2 * SIGMA, denoiser, f"f({k:g} x, {k:g} σ), against {k:g} f(x, σ),")
    if getattr(denoiser, "follows_offset", False):
        for c in (-1.0, 20.0):
            shifted = denoiser(x + c, SIGMA).detach() - c
            require_close(shifted, clean, 1e-2 * SIGMA, denoiser, f"f(x + {c:g}, σ), against f(x, σ) + {c:g},")
    if getattr(denoiser, "takes_map", False):
        even = torch.full_like(x, SIGMA)
        require_close(denoiser(x, even).detach(), clean, 1e-2 * SIGMA, denoiser, "f(x, an even map), against f(x, σ),")
        uneven = even * torch.linspace(0.5, 1.5, x.shape[-1])
        change = float((denoiser(x, uneven).detach() - clean).abs().max())
        require(change > 1e-3 * SIGMA, denoiser, "f(x, a map) is f(x, σ) with the mean of the map")
    v, w = random(tuple(x.shape), 4), random(tuple(x.shape), 5)
    step = 3e-4

    def along(direction: Tensor) -> Tensor:
        difference: Tensor = denoiser(x + step * direction, SIGMA) - denoiser(x - step * direction, SIGMA)
        return difference.detach() / (2 * step)

    if getattr(denoiser, "differentiable", False):
        variable = x.clone().requires_grad_()
        (derivative,) = torch.autograd.grad((denoiser(variable, SIGMA) * w).sum(), variable)
        found, expected = float((derivative * w).sum()), float((along(w) * w).sum())
        limit = 0.05 * abs(expected) + 2e-3 * float(w.norm()) ** 2
        require(abs(found - expected) <= limit, denoiser, f"autograd says ⟨J w, w⟩ = {found:.4g}, differences {expected:.4g}")
    if getattr(denoiser, "is_symmetric", False):
        left, right = float((along(v) * w).sum()), float((along(w) * v).sum())
        limit = 2e-3 * float(v.norm() * w.norm())
        require(abs(left - right) <= limit, denoiser, f"⟨J v, w⟩ = {left:.4g}, but ⟨v, J w⟩ = {right:.4g} (limit {limit:.2g})")
