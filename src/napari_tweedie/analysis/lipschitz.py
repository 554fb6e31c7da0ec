"""Lipschitz constant of a denoiser near an image: the largest singular value of its Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Generator

    from napari_tweedie.analysis.jacobian import Jacobian


def jacobian_norm(jacobian: Jacobian, generator: Generator, *, residual: bool = False, iterations: int = 30) -> list[float]:
    """Return estimates from below of ‖J‖₂ by power iteration on JᵀJ.

    Parameters
    ----------
    jacobian : Jacobian
        J, at an image with or without noise.
    generator : Generator
        Draws the first direction, on the CPU.
    residual : bool
        Measure f − I instead, whose norm below one is what plug-and-play ADMM asks for.
    iterations : int
        Power iterations; each costs two products.

    Returns
    -------
    list of float
        The estimate after every iteration; it rises to the largest singular value. A denoiser is non-expansive around an image
        if that is at most one.
    """
    identity = float(residual)
    v = torch.randn(jacobian.clean.shape, generator=generator).to(jacobian.clean)
    norms = []
    for _ in range(iterations):
        v = v / v.norm()
        u = jacobian.times(v) - identity * v
        norms.append(float(u.norm()))
        v = jacobian.transposed(u) - identity * u
    return norms
