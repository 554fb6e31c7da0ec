"""Checks of solvers and samplers: what their states promise, their randomness, and the spread of draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.testing.methods import check_method, require, require_close, require_like

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.core.results import State

WIDTH = 0.1
"""How far the variance of draws may be off, as a share, beside what chance explains."""


def gaussian_prior(mean: float, std: float) -> Callable[[Tensor, float | Tensor], Tensor]:
    """Return the exact denoiser of white images, N(mean, std²) in every pixel."""

    def denoise(x: Tensor, sigma: float | Tensor) -> Tensor:
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
        level = level.view(-1, *[1] * (x.ndim - 1)) if level.ndim == 1 else level
        return mean + (x - mean) * std**2 / (std**2 + level**2)

    return denoise


def check_solver(solver: Any, problem: Any, denoiser: Any = None) -> str:
    """Check a solver on a problem.

    That it either refuses the problem by the sentence of `obstacle`, or: yields states that count to the end, with finite
    estimates in the domain of A that later ones do not change, and their true residuals; can be stopped after any of them;
    gives the same bits for the same seed, and touches neither the measurement nor the global random numbers; and explains the
    measurement better than an image of zeros does.

    Parameters
    ----------
    solver : Solver
        The solver.
    problem : Problem
        A small one, of an image in about [0, 1].
    denoiser : callable, optional
        f(x, sigma); by default the exact one of white images N(0.5, 0.3²).

    Returns
    -------
    str
        Why the solver refused, by its obstacle; empty if it treated the problem.

    Raises
    ------
    AssertionError
        With a sentence that names the solver, the value and the limit.
    """
    check_method(solver)
    denoiser = denoiser or gaussian_prior(0.5, 0.3)
    if obstacle := str(solver.obstacle(problem)):
        _check_refusal(solver, lambda: next(iter(solver(problem, denoiser))), obstacle)
        return obstacle
    states = _states(solver, problem, lambda generator: solver(problem, denoiser, generator), problem.start())
    zeros = float(problem.data_residual(torch.zeros_like(problem.start())))
    last = states[-1].residual
    require(last < zeros, solver, f"its residual is {last:.3g}, of an image of zeros it is {zeros:.3g}")
    return ""


def check_sampler(sampler: Any, problem: Any, *, mean: float = 0.5, std: float = 0.3) -> str:
    """Check a sampler on a problem, with the exact denoiser of white images N(mean, std²).

    What `check_solver` checks, and that a sample depends on its number alone. One that `draws_from_posterior` must also spread
    as the posterior, ``1 / (h²/σ² + 1/std²)`` in every pixel, and lie about its mean; of a degradation with ``AᵀA = diag(h²)``
    only, such as none, or missing pixels.

    Parameters
    ----------
    sampler : Sampler
        The sampler, of 20 samples or more if its spread is to be checked.
    problem : Problem
        A small one of one measurement (B = 1), of such an image.
    mean, std : float
        The prior.

    Returns
    -------
    str
        Why the sampler refused, by its obstacle; empty if it treated the problem.

    Raises
    ------
    AssertionError
        With a sentence that names the sampler, the value and the limit.
    """
    check_method(sampler)
    denoiser = gaussian_prior(mean, std)
    if obstacle := str(sampler.obstacle(problem, denoiser)):
        _check_refusal(sampler, lambda: next(iter(sampler(problem, denoiser))), obstacle)
        return obstacle
    like = problem.start().expand(sampler.samples, *[-1] * (problem.measurement.ndim - 1))
    states = _states(sampler, problem, lambda generator: sampler(problem, denoiser, generator), like)
    draws = states[-1].estimate
    *_, alone = sampler(problem, denoiser, torch.Generator().manual_seed(0), range(sampler.samples - 1, sampler.samples))
    require_close(alone.estimate, draws[-1:], 1e-3, sampler, "a sample drawn alone, against the same number in a stack,")
    require(sampler.samples < 2 or not torch.equal(draws[0], draws[-1]), sampler, "all its samples are the same")
    if sampler.draws_from_posterior and sampler.samples >= 20 and problem.noise_level > 0:
        _check_spread(sampler, problem, draws, mean, std)
    return ""


def _check_refusal(method: Any, call: Callable[[], Any], obstacle: str) -> None:
    try:
        call()
    except ValueError as error:
        require(str(error) == obstacle, method, f"it refuses by {str(error)!r}, but its obstacle is {obstacle!r}")
        return
    require(False, method, f"it treats a problem of which its obstacle says {obstacle!r}")


def _states(method: Any, problem: Any, call: Callable[[Any], Any], like: Tensor) -> list[State]:
    """Return all states, checked."""
    y, chance = problem.measurement.clone(), torch.get_rng_state()
    states, copies = [], []
    for state in call(torch.Generator().manual_seed(0)):
        require_like(state.estimate, like, method, f"the estimate of iteration {state.iteration}")
        states.append(state)
        copies.append(state.estimate.clone())
    require(bool(states), method, "it yields no state")
    unchanged = all(torch.equal(state.estimate, copy) for state, copy in zip(states, copies, strict=True))
    require(unchanged, method, "an estimate that was yielded is changed by a later iteration")
    require(torch.equal(problem.measurement, y), method, "it changes the measurement")
    require(torch.equal(torch.get_rng_state(), chance), method, "it draws from the global random numbers, not its generator")
    counted, last = [state.iteration for state in states], states[-1]
    require(counted == list(range(1, len(states) + 1)), method, f"its iterations count {counted}")
    require(last.iteration == last.total <= method.steps(), method, f"it ends with iteration {last.iteration} of {last.total}, ")
    expected = problem.data_residual(last.estimate)
    close = abs(last.residual - expected) <= 1e-3 * expected + 1e-6
    require(close, method, f"its last residual is {last.residual:.4g}, but ‖A x − y‖ is {expected:.4g}")
    require(not last.note, method, f"it ends with the note {last.note!r}")
    stopped = call(torch.Generator().manual_seed(0))
    first = next(iter(stopped))
    getattr(stopped, "close", lambda: None)()
    require(torch.equal(first.estimate, copies[0]), method, "stopped after one iteration it has another first estimate")
    *_, again = call(torch.Generator().manual_seed(0))
    require(torch.equal(again.estimate, copies[-1]), method, "the same seed gives other bits")
    return states


def _check_spread(sampler: Any, problem: Any, draws: Tensor, mean: float, std: float) -> None:
    degradation, noise = problem.degradation, float(problem.noise_level) ** 2
    seen = degradation.adjoint(degradation(torch.ones_like(draws[:1])))
    variance = 1 / (seen / noise + std**-2)
    expected = variance * (degradation.adjoint(problem.measurement) / noise + mean / std**2)
    ratio = float((draws.var(0, correction=1) / variance[0]).mean())
    limit = WIDTH + 4 * (2 / draws.numel()) ** 0.5
    require(abs(ratio - 1) <= limit, sampler, f"its variance is {ratio:.3f} times that of the posterior (limit 1 ± {limit:.2f})")
    error = float(((draws.mean(0) - expected[0]).square() / variance[0]).mean())
    most = (1 + WIDTH + 4 * (2 / draws[0].numel()) ** 0.5) / len(draws) + 0.05**2
    require(
        error <= most,
        sampler,
        f"its mean is {error**0.5:.2f} standard deviations off the posterior's (limit {most**0.5:.2f})",
    )
