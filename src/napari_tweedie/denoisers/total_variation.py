"""Total variation: few edges, and flat regions between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.core.lazy import torch
from napari_tweedie.denoisers.classical import Classical
from napari_tweedie.denoisers.linear import Tikhonov

if TYPE_CHECKING:
    from torch import Tensor

STRENGTH, POWER = 0.77, 0.19
ITERATIONS = 80


class TotalVariation(Classical):
    """Small total variation: ``argmin_u ½‖u − x‖² + λ Σ|∇u|``, isotropic (Rudin, Osher, Fatemi 1992).

    ``λ = a σ s^b``, where s is the strength that serves the image best in Tikhonov's filter: the smoother an image is for its
    noise, the stronger. A tile counts as an image of its own. Constants and the mean are kept.
    """

    name: ClassVar[str] = "total-variation"
    title: ClassVar[str] = "Total variation"
    halo: ClassVar[int] = 32
    differentiable: ClassVar[bool] = True

    def clean(self, images: Tensor) -> Tensor:
        strength = STRENGTH * Tikhonov().best_strength(images).pow(POWER)
        return minimise(images, strength, ITERATIONS)[0]


def minimise(x: Tensor, strength: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Return ``u = argmin ½‖u − x‖² + λ Σ|∇u|`` and the dual field p, |p| ≤ 1, with ``u = x + λ div p``.

    Accelerated projected gradients on the dual (Beck & Teboulle 2009), steps of 1 / (4 d λ) in d dimensions.

    Parameters
    ----------
    x : Tensor
        Images (N, [Z,] Y, X).
    strength : Tensor
        λ > 0, in the units of x, a number or shape (N,).
    iterations : int
        Gradient steps.
    """
    strength = strength.view(-1, *[1] * (x.ndim - 1))
    step = 1 / (4 * (x.ndim - 1) * strength)
    p = torch.zeros(x.ndim - 1, *x.shape, dtype=x.dtype, device=x.device)
    q, t = p, 1.0
    for _ in range(iterations):
        cancellation_point()
        ascent = q + step * gradient(x + strength * divergence(q))
        before, p = p, ascent / ascent.square().sum(0).clamp_min(1).sqrt()
        t, last = (1 + (1 + 4 * t * t) ** 0.5) / 2, t
        q = p + (last - 1) / t * (p - before)
    return x + strength * divergence(p), p


def gradient(u: Tensor) -> Tensor:
    """Return the forward differences along all axes but the first, zero at the far border; shape (d, *u.shape)."""
    return torch.stack([_padded(u.diff(dim=axis), axis, 0) for axis in range(1, u.ndim)])


def divergence(p: Tensor) -> Tensor:
    """Return minus the adjoint of `gradient`."""
    parts = (_padded(part.narrow(axis, 0, part.shape[axis] - 1), axis, 1).diff(dim=axis) for axis, part in enumerate(p, start=1))
    return sum(parts, torch.zeros_like(p[0]))


def _padded(u: Tensor, axis: int, before: int) -> Tensor:
    """Pad an axis by `before` zeros in front and one behind."""
    return torch.nn.functional.pad(u, [0, 0] * (u.ndim - 1 - axis) + [before, 1])
