"""How much can a denoiser enlarge a small change of its input? The largest singular value of its Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_tweedie.lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

STEP = 0.05
"""Root mean square of a finite difference's step, in units of the noise level."""


def jacobian_norm(
    denoiser: Denoise, x: Tensor, sigma: float, generator: Generator, *, residual: bool = False, iterations: int = 30
) -> list[float]:
    """Return estimates from below of ‖J‖₂, J = ∂f/∂x at (x, σ), by power iteration on JᵀJ.

    Parameters
    ----------
    denoiser : callable
        f(x, sigma), differentiable by torch.
    x : Tensor
        One image, shape (1, C, …), with or without noise of level sigma: where J is looked at.
    sigma : float
        Noise level, > 0.
    generator : Generator
        Draws the first direction, on the CPU.
    residual : bool
        Measure f − I instead, whose norm below one is what plug-and-play ADMM asks for.
    iterations : int
        Power iterations; each costs two denoiser calls and a backward pass.

    Returns
    -------
    list of float
        The estimate after every iteration; it rises to the largest singular value. A denoiser is non-expansive around x
        if that is at most one.

    Notes
    -----
    J v is a finite difference, Jᵀ u a vector-Jacobian product: forward-mode products are several times slower on a CPU.
    """
    if sigma <= 0:
        raise ValueError(f"sigma must be > 0 (got {sigma})")

    def f(image: Tensor) -> Tensor:
        clean = denoiser(image, sigma)
        return clean - image if residual else clean

    v = torch.randn(x.shape, generator=generator).to(x)
    norms = []
    for _ in range(iterations):
        v = v / v.norm()
        step = STEP * sigma * v.numel() ** 0.5
        u = (f(x + step * v) - f(x - step * v)).detach() / (2 * step)
        norms.append(float(u.norm()))
        with torch.enable_grad():
            image = x.detach().requires_grad_()
            (v,) = torch.autograd.grad(f(image), image, u)
    return norms
