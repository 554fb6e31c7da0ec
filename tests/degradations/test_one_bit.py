import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe

FIELD = denoisers.load("gaussian", std=0.2, slope=2)


def image(generator: torch.Generator, side: int = 32) -> torch.Tensor:
    """A smooth field about 0.5."""
    white = torch.randn(1, 1, side, side, generator=generator)
    smooth = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(white, (3, 3, 3, 3), mode="circular"), 7, 1)
    return 0.5 + 0.2 * smooth / smooth.std()


def test_the_proximal_map_becomes_the_projection_onto_consistent_images(generator: torch.Generator) -> None:
    operator = degradations.load("one-bit", ratio=0.6, dither=0.5)
    y = operator.detect(operator(image(generator)))
    z = torch.randn(1, 1, 32, 32, generator=generator)
    projected = operator.prox(z, y, 1e-6)
    assert float(operator.residual(projected, y).abs().max()) < 1e-4 < float(operator.residual(z, y).abs().max())
    for _ in range(5):  # nothing consistent lies on the far side of a projection: the obtuse angle criterion
        other = operator.prox(projected + torch.randn(z.shape, generator=generator), y, 1e-6)
        assert float(((z - projected) * (other - projected)).sum()) < 1e-3


@pytest.mark.parametrize("rho", [0.01, 1.0])
def test_the_proximal_map_is_where_the_gradient_vanishes(rho: float, generator: torch.Generator) -> None:
    operator = degradations.load("one-bit", ratio=0.6)
    y = operator.detect(operator(image(generator)))
    z = torch.randn(1, 1, 32, 32, generator=generator)
    x = operator.prox(z, y, rho)
    gradient = operator.adjoint(operator.residual(x, y)) + rho * (x - z)
    assert gradient.norm() < 1e-4 * z.norm()


def test_the_gradient_is_that_of_half_the_squared_violations(generator: torch.Generator) -> None:
    operator = degradations.load("one-bit", ratio=0.8)
    problem = Problem(operator.detect(operator(image(generator))), operator, Gaussian(sigma=0.0))
    x = torch.randn(1, 1, 32, 32, generator=generator).requires_grad_()
    (0.5 * problem.residual(x).square().sum()).backward()
    torch.testing.assert_close(problem.gradient(x.detach()), x.grad, atol=1e-5, rtol=1e-4)


def test_the_start_has_about_the_mean_of_the_image(generator: torch.Generator) -> None:
    operator = degradations.load("one-bit", dither=0.5)
    clean = image(generator, 64)
    start = operator.start(operator.detect(operator(clean)))
    assert float(start.mean()) == pytest.approx(float(clean.mean()), rel=0.15)
    assert float(start.std()) < 1e-6


def test_signs_in_other_units_are_the_same_signs(generator: torch.Generator) -> None:
    operator = degradations.load("one-bit", dither=40.0)
    x = image(generator)
    y = operator.detect(operator(100 + 50 * x))
    normalised, same = operator.in_units(y, 100.0, 50.0)
    assert torch.equal(normalised.detect(normalised(x)), same)


def test_an_image_is_restored_from_its_signs_in_grey_levels(generator: torch.Generator) -> None:
    clean = 1000 * image(generator, 64)[0, 0].numpy()
    recipe = {"degradation": {"name": "one-bit", "dither": 600.0}, "noise": {"sigma": 0.0}, "axes": "yx", "denoiser": "heat"}
    signs = last(run(Recipe(job="degrade", **recipe), clean)).images["degraded"]
    assert set(np.unique(signs)) == {-1, 1}
    solver = {"name": "pnp-admm", "iterations": 60}
    restored = last(run(Recipe(job="restore", solver=solver, **recipe), signs)).image
    assert np.std(restored - clean) < 0.7 * np.std(clean)  # the start is constant
    assert restored.mean() == pytest.approx(clean.mean(), rel=0.1)


@pytest.mark.parametrize("name", ["wiener", "tikhonov", "richardson-lucy", "d-amp", "d-vamp"])
def test_solvers_for_linear_measurements_refuse(name: str, generator: torch.Generator) -> None:
    operator = degradations.load("one-bit")
    problem = Problem(operator.detect(operator(image(generator))), operator, Gaussian(sigma=0.01))
    with pytest.raises(ValueError, match=f"{name} needs a measurement that is linear in the image; 'one-bit' is not: choose"):
        next(solvers.load(name)(problem, FIELD))


def test_it_is_no_part_of_a_composition_and_has_no_directions() -> None:
    with pytest.raises(ValueError, match="'one-bit' is not linear and cannot be part"):
        degradations.load("one-bit") @ degradations.load("gaussian-blur")
    with pytest.raises(ValueError, match="no singular value decomposition"):
        degradations.load("one-bit").svd(torch.zeros(1, 1, 8, 8))
