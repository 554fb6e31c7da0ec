"""Checks of a degradation A: adjoint, norm, proximal map, singular values, and what it declares of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.testing.methods import check_method, random, require, require_close, require_like

if TYPE_CHECKING:
    from torch import Tensor

POWER_ITERATIONS = 30


def check_degradation(degradation: Any, image: tuple[int, ...] = (16, 16)) -> None:
    """Check a degradation on images of one spatial shape.

    That shapes and channels of the measurement are those it states; that a batch is a loop; that first estimate and field of
    view fit; and of a linear one the adjoint identity, that `norm` bounds the largest singular value, that `prox` is where its
    gradient vanishes, that weights are not negative where it says so (`is_non_negative`), and that `svd` rebuilds A from
    orthonormal factors, unless `svd_obstacle` says why there is none.

    Parameters
    ----------
    degradation : Degradation
        The operator, with its arrays.
    image : tuple of int
        Spatial shape of x, a domain of A; of as many axes as it works on.

    Raises
    ------
    AssertionError
        With a sentence that names the degradation, the value and the limit.
    """
    check_method(degradation)
    ndim = len(image)
    require(not degradation.obstacle(ndim), degradation, f"it refuses {ndim} axes: {degradation.obstacle(ndim)}")
    x = random((2, 2, *image), 1)
    y = degradation(x)
    shape = (2, 2 * degradation.components(), *degradation.shape(image))
    require_like(y, torch.empty(shape), degradation, "A x")
    domain = tuple(degradation.domain(tuple(y.shape[2:])))
    require(domain == image, degradation, f"domain says {domain} for a measurement of images of shape {image}")
    require_close(y[1:], degradation(x[1:]), 1e-5 * float(y.abs().max()), degradation, "A of a batch, against one image,")
    _check_field_of_view(degradation, y)
    if degradation.is_linear:
        _check_adjoint_and_norm(degradation, x)
        _check_prox(degradation, x)
        if degradation.is_non_negative:
            least = min(float(degradation(x.abs()).min()), float(degradation.adjoint(y.abs()).min()))
            require(least >= -1e-3 * float(y.abs().max()), degradation, f"it is_non_negative, but makes a value {least:.3g}")
    _check_svd(degradation, x)


def _check_field_of_view(degradation: Any, y: Tensor) -> None:
    start = degradation.start(y)
    require(tuple(degradation(start).shape) == tuple(y.shape), degradation, f"start(y) has the shape {tuple(start.shape)}")
    require(bool(torch.isfinite(start).all()), degradation, "start(y) holds values that are not finite")
    field = degradation.crop(start)
    extended = degradation.extend(field)
    require(tuple(degradation.crop(extended).shape) == tuple(field.shape), degradation, "crop does not undo extend")
    observed = degradation.observed(y)
    require(observed.dtype == torch.bool, degradation, f"observed(y) is of type {observed.dtype} (it must be bool)")


def _check_adjoint_and_norm(degradation: Any, x: Tensor) -> None:
    y, image = degradation(x), tuple(x.shape[2:])
    other = random(tuple(y.shape), 2)
    left, right = float((y * other).sum()), float((x * degradation.adjoint(other)).sum())
    error = abs(left - right) / float(y.norm() * other.norm())
    require(error <= 1e-5, degradation, f"⟨A x, y⟩ = {left:.6g}, but ⟨x, Aᵀy⟩ = {right:.6g} (off by {error:.1g}, limit 1e-5)")
    require_close(degradation(2 * x - x.flip(0)), 2 * y - y.flip(0), 1e-4 * float(y.abs().max()), degradation, "linearity of A")
    v = random((1, 1, *image), 3)
    for _ in range(POWER_ITERATIONS):
        v = degradation.adjoint(degradation(v / v.norm()))
    largest, bound = float(v.norm()) ** 0.5, degradation.norm(image)
    require(largest <= 1.001 * bound, degradation, f"its norm says {bound:.6g}, but a singular value is {largest:.6g}")


def _check_prox(degradation: Any, x: Tensor) -> None:
    z, y = random(tuple(x.shape), 4), degradation(x)
    for rho in (1e-3, 0.1, 3.0):
        found = degradation.prox(z, y, rho)
        gradient = degradation.adjoint(degradation(found) - y) + rho * (found - z)
        error = float(gradient.norm() / (degradation.adjoint(y) + rho * z).norm())
        require(error <= 1e-3, degradation, f"the gradient at prox(z, y, {rho:g}) is {error:.2g} of that at zero (limit 1e-3)")


def _check_svd(degradation: Any, x: Tensor) -> None:
    if obstacle := degradation.svd_obstacle():
        try:
            degradation.svd(x)
        except ValueError as error:
            require(str(error) == obstacle, degradation, f"svd says {str(error)!r}, but svd_obstacle {obstacle!r}")
            return
        require(False, degradation, f"svd works, but svd_obstacle says {obstacle!r}")
    svd, c = degradation.svd(x), random(tuple(x.shape), 5)
    s, y, bound = svd.singular_values, degradation(x), degradation.norm(tuple(x.shape[2:]))
    require(float(s.min()) >= 0, degradation, f"a singular value is {float(s.min()):.3g}")
    require(float(s.max()) <= 1.001 * bound, degradation, f"a singular value is {float(s.max()):.6g}, but the norm {bound:.6g}")
    limit = 1e-4 * max(1.0, bound)
    require_close(svd.u(s * svd.vt(x)), y, limit, degradation, "U s Vᵀ x, against A x,")
    require_close(svd.v(svd.vt(x)), x, 1e-4, degradation, "V Vᵀ x, against x,")
    require_close(svd.vt(svd.v(c)), c, 1e-4, degradation, "Vᵀ V c, against c,")
    require_close(svd.ut(svd.u(c * (s > 0))), c * (s > 0), 1e-4, degradation, "Uᵀ U c, against c where s > 0,")
