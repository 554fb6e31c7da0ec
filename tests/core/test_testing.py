"""Every installed method passes the public checks, and the checks find what is wrong with a method."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.core.method import Parameter
from napari_tweedie.core.testing import check_degradation, check_denoiser, check_sampler, check_solver
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem

SHAPES = {2: (16, 16), 3: (4, 16, 16)}
"""Square planes of whole blocks: a domain of every degradation."""


def arrays(cls: type[Any], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The arrays that a method needs: pixels to leave out, small kernels, or, for a denoiser, images to know by heart."""
    rng, found = np.random.default_rng(3), {}
    for field in cls.inputs():
        if cls.needs(field):
            sizes = (5, *shape) if issubclass(cls, denoisers.Denoiser) else (3, 5, 3)[-len(shape) :]
            found[field] = rng.random(shape) < 0.5 if cls.hint(field, "layer") == "labels" else rng.random(sizes, np.float32)
    return found


def problem(operator: degradations.Degradation, sigma: float = 0.1, mean: float = 0.5, std: float = 0.3) -> Problem:
    """A measurement of a white image."""
    generator = torch.Generator().manual_seed(4)
    y = operator(mean + std * torch.randn((1, 1, *SHAPES[2]), generator=generator))
    return Problem(y + sigma * torch.randn(y.shape, generator=generator), operator, Gaussian(sigma=sigma))


MASK = degradations.load("mask", mask=np.random.default_rng(3).random(SHAPES[2]) < 0.4)
BLUR = degradations.load("gaussian-blur", std=0.8, boundary="circular")


@pytest.mark.slow
@pytest.mark.parametrize("name", denoisers.names())
def test_every_denoiser_passes(name: str) -> None:
    cls = denoisers.registry.method(name)
    for ndim, shape in SHAPES.items():
        precision = {"precision": "float32"} if "precision" in cls.model_fields else {}
        parts = {"parts": ("heat", "total-variation")} if cls.is_composed() else {}
        denoiser = cls(**arrays(cls, shape), **precision, **parts)
        if denoiser.obstacle():
            pytest.skip(denoiser.obstacle())
        check_denoiser(denoiser, shapes={ndim: shape})


@pytest.mark.slow
@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("name", degradations.names())
def test_every_degradation_passes(name: str, ndim: int) -> None:
    cls = degradations.registry.method(name)
    degradation = cls(**arrays(cls, SHAPES[ndim]))
    if degradation.obstacle(ndim):
        pytest.skip(degradation.obstacle(ndim))
    domain = degradation.extend(torch.zeros(1, 1, *SHAPES[ndim])).shape[2:]
    check_degradation(degradation, tuple(domain))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in solvers.names() if name != "unrolled"])  # which needs what was trained
def test_every_solver_passes(name: str) -> None:
    cls = solvers.registry.method(name)
    short = {"iterations": min(30, cls.model_fields["iterations"].default)} if "iterations" in cls.model_fields else {}
    operators = (BLUR, MASK, degradations.load("random-projection", ratio=0.5))
    refusals = [check_solver(cls(**short), problem(operator)) for operator in operators]
    assert "" in refusals


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in samplers.names() if name != "trained"])  # which needs what was trained
def test_every_sampler_passes(name: str) -> None:
    sampler = samplers.load(name, samples=40)
    problems = (problem(degradations.load("identity")), problem(MASK), problem(MASK, sigma=0.0))
    assert "" in [check_sampler(sampler, stated) for stated in problems]


class Drifting(denoisers.Denoiser):
    """A denoiser that is not what it declares."""

    name: ClassVar[str] = "drifting"
    title: ClassVar[str] = "Drifting"
    keeps_without_noise: ClassVar[bool] = True
    is_homogeneous: ClassVar[bool] = True

    power: float = Parameter(1.0, "Power of the noise level.")
    offset: float = Parameter(0.0, "What is added.")

    def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
        level = torch.as_tensor(sigma).view(-1, *[1] * (x.ndim - 1))
        return x.mean((-2, -1), keepdim=True) * level**self.power + x * (1 - level**self.power) + self.offset


class Even(Drifting):
    """A denoiser that takes the mean of a map of noise levels."""

    takes_map: ClassVar[bool] = True
    is_homogeneous: ClassVar[bool] = False

    def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
        mapped = isinstance(sigma, torch.Tensor) and sigma.ndim > 1
        return super().__call__(x, sigma.mean((1, 2, 3)) if mapped else sigma)


class Twice(degradations.Degradation):
    """An operator whose adjoint, norm or proximal map is wrong."""

    name: ClassVar[str] = "twice"
    title: ClassVar[str] = "Twice"

    back: float = Parameter(2.0, "What the adjoint multiplies by.")
    bound: float = Parameter(2.0, "What is given for the norm.")

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    def adjoint(self, y: torch.Tensor) -> torch.Tensor:
        return self.back * y

    def norm(self, image: tuple[int, ...] | None = None) -> float:
        return self.bound


class Overwriting(solvers.Solver):
    """A solver with one of several faults."""

    name: ClassVar[str] = "overwriting"
    title: ClassVar[str] = "Overwriting"

    fault: str = Parameter("", "Which.")

    def steps(self) -> int:
        return 2

    def estimates(self, problem: Any, denoiser: Any, generator: torch.Generator) -> Iterator[torch.Tensor]:
        x = problem.start().clone()
        for _ in range(1 if self.fault == "short" else 2):
            if self.fault == "in place":
                x *= 0.9
            elif self.fault == "global":
                x = x + 0.01 * torch.randn(x.shape)
            else:
                x = 0.9 * x + 0.01 * torch.randn(x.shape, generator=generator)
            yield x.double() if self.fault == "double" else x


class Narrow(samplers.Sampler):
    """A sampler that spreads less than the posterior of a noisy image, or as it does."""

    name: ClassVar[str] = "narrow"
    title: ClassVar[str] = "Narrow"

    width: float = Parameter(1.0, "Standard deviation, as a multiple of the posterior's.")

    def steps(self) -> int:
        return 1

    def estimates(self, problem: Problem, denoiser: Any, white: Any) -> Iterator[torch.Tensor]:
        y, std = problem.measurement, (1 / (1 / 0.1**2 + 1 / 0.3**2)) ** 0.5
        yield denoiser(y, 0.1) + self.width * std * white(y)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: check_denoiser(Drifting(power=2.0)), r"drifting: f\(0.001 x, 0.001 σ\), against 0.001 f\(x, σ\), is off by"),
        (lambda: check_denoiser(Drifting(offset=0.1)), r"drifting: f\(x, 0\), against x, is off by 0.1 \(limit 1e-05\)"),
        (lambda: check_denoiser(Even()), r"drifting: f\(x, a map\) is f\(x, σ\) with the mean of the map"),
        (lambda: check_denoiser(lambda x, sigma: x[:, :1, :3]), "has shape and type"),
        (
            lambda: check_denoiser(lambda x, sigma: x, clean=torch.zeros(1, 1, 8, 8)),
            r"leaves an error of 0\.(1|09)",
        ),
        (lambda: check_degradation(Twice(back=1.0)), "twice: ⟨A x, y⟩ = "),
        (lambda: check_degradation(Twice(bound=1.5)), "twice: its norm says 1.5, but a singular value is 2"),
        (
            lambda: check_solver(Overwriting(fault="in place"), problem(BLUR)),
            "overwriting: an estimate that was yielded is changed",
        ),
        (lambda: check_solver(Overwriting(fault="global"), problem(BLUR)), "global random numbers"),
        (lambda: check_solver(Overwriting(fault="short"), problem(BLUR)), "ends with iteration 1 of 2"),
        (lambda: check_solver(Overwriting(fault="double"), problem(BLUR)), "float64"),
        (lambda: check_sampler(Narrow(width=0.7, samples=40), problem(degradations.load("identity"))), "its variance is 0.4"),
    ],
)
def test_a_fault_is_found_and_named(check: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check()


def test_methods_without_those_faults_pass() -> None:
    check_degradation(Twice())
    assert check_solver(Overwriting(), problem(BLUR)) == ""
    assert check_sampler(Narrow(samples=40), problem(degradations.load("identity"))) == ""
