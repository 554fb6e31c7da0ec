"""Samplers of deepinv on the problems of ``posterior.py``, with the same denoiser."""

from collections.abc import Callable
from typing import Any

import deepinv
import torch
from deepinv.optim import L2, ScorePrior
from deepinv.sampling import (
    DDRM,
    DPS,
    ULA,
    DiffPIR,
    EulerSolver,
    MomentMatchingDataFidelity,
    PiGDMDataFidelity,
    PosteriorDiffusion,
    SKRock,
    VarianceExplodingDiffusion,
)
from torch import Tensor

from napari_tweedie.degradations.problem import Problem

SHARE = 0.5
"""Noise level of the denoiser of a chain's score, over that of the measurement."""
STEP = 0.5
"""Step of a chain over the inverse of the largest curvature that the two levels allow."""
LONGER = 20
"""How much longer the steps of SK-ROCK are, which have ten parts each."""
CHAIN = {"max_iter": 1000, "clip": None, "burnin_ratio": 0.999, "thinning": 1, "save_chain": True}
DIFFUSIONS = {"moment matching": MomentMatchingDataFidelity, "ΠGDM": PiGDMDataFidelity}
SAMPLERS = ("moment matching", "ΠGDM", "DDRM", "DiffPIR", "DPS", "ULA", "SKRock")


def theirs(name: str, count: int) -> Callable[[Problem, Any], Tensor]:
    """Return what draws samples with one of them, at its default settings where it has any."""

    def draw(problem: Problem, denoiser: Any) -> Tensor:
        physics, sigma, y = physics_of(problem), problem.noise_level, problem.measurement.repeat(count, 1, 1, 1)
        if name == "DDRM" and not isinstance(physics, deepinv.physics.DecomposablePhysics):
            raise ValueError(f"DDRM needs singular values, which {problem.degradation.name} has none of")
        torch.manual_seed(0)
        if name in DIFFUSIONS:
            model = diffusion(name, denoiser)
            return model(y, physics, seed=0, x_init=(count, *shape_of(problem))).detach()
        if name in ("ULA", "SKRock"):
            return last_of(chain(name, denoiser, sigma), y, physics, torch.zeros(count, *shape_of(problem)))
        model = {
            "DDRM": lambda: DDRM(denoiser),
            "DiffPIR": lambda: DiffPIR(denoiser, L2(), sigma=sigma),
            "DPS": lambda: DPS(denoiser, dtype=torch.float32),
        }[name]()
        return model(y, physics, seed=0).detach()

    return draw


def physics_of(problem: Problem) -> Any:
    """Return the degradation of a problem, and its noise, as deepinv has them."""
    operator, noise = problem.degradation, deepinv.physics.GaussianNoise(problem.noise_level)
    shape = shape_of(problem)
    if operator.name == "identity":
        return deepinv.physics.Denoising(noise)
    if operator.name == "mask":
        return deepinv.physics.Inpainting(img_size=shape, mask=operator(torch.ones(1, *shape))[0], noise_model=noise)
    if operator.name == "gaussian-blur":
        impulse = torch.zeros(1, *shape)
        impulse[..., shape[-2] // 2, shape[-1] // 2] = 1
        return deepinv.physics.BlurFFT(img_size=shape, filter=operator(impulse), noise_model=noise)
    return deepinv.physics.LinearPhysics(operator, operator.adjoint, noise_model=noise)


def shape_of(problem: Problem) -> tuple[int, ...]:
    """Return the shape (1, Y, X) of the images that a problem asks for."""
    return (1, *problem.degradation.domain(tuple(problem.measurement.shape[2:])))


def diffusion(name: str, denoiser: Any) -> Any:
    """Return reverse diffusion from far above the prior's spread, in 100 steps, guided in one of two ways.

    Moment matching (Rozet et al. 2024) takes the covariance of what is denoised from the denoiser's Jacobian, ΠGDM (Song et al.
    2023) a multiple of the identity.
    """
    solver = EulerSolver(timesteps=torch.linspace(1, 0.001, 101), rng=torch.Generator())
    sde = VarianceExplodingDiffusion(sigma_min=0.005, sigma_max=20.0, alpha=1.0)
    return PosteriorDiffusion(DIFFUSIONS[name](), denoiser, sde, solver, minus_one_one=False)


def chain(name: str, denoiser: Any, sigma: float) -> Any:
    """Return a chain of Langevin steps, unadjusted or of the stabilised kind, for measurements of this noise level."""
    level = SHARE * sigma
    step = STEP / (1 / sigma**2 + 1 / level**2)
    given = {"prior": ScorePrior(denoiser), "data_fidelity": L2(sigma=sigma), "sigma": level, **CHAIN}
    if name == "ULA":
        return ULA(step_size=step, **given)
    return SKRock(step_size=LONGER * step, inner_iter=10, **given | {"max_iter": 100, "burnin_ratio": 0.99})


def last_of(model: Any, y: Tensor, physics: Any, first: Tensor) -> Tensor:
    """Return the last states of chains that run side by side."""
    model(y, physics, seed=0, x_init=first)
    state: Tensor = model.get_chain()[-1]["x"]
    return state.detach()
