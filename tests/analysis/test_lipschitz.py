import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.analysis.jacobian import Jacobian
from napari_tweedie.analysis.lipschitz import jacobian_norm


def test_a_linear_denoiser_has_the_largest_singular_value_of_its_matrix(generator: torch.Generator) -> None:
    """A matrix that is not symmetric, whose eigenvalues say nothing of its norm."""
    matrix = torch.randn(30, 30, generator=generator).triu()
    jacobian = Jacobian(lambda x, sigma: (matrix @ x.flatten()).view_as(x), torch.rand(1, 1, 5, 6), 0.1)
    norms = jacobian_norm(jacobian, generator, iterations=200)
    assert norms[-1] == pytest.approx(float(torch.linalg.matrix_norm(matrix, 2)), rel=1e-3)
    assert max(norms) <= norms[-1] * 1.001


@pytest.mark.parametrize("residual", [False, True])
def test_the_exact_denoiser_has_its_largest_shrinkage(residual: bool, generator: torch.Generator) -> None:
    field = denoisers.load("gaussian", std=0.5, slope=2)
    x = torch.rand(1, 1, 12, 10)
    shrinkage = field.spectrum(x) / (field.spectrum(x) + 0.3**2)
    expected = float((1 - shrinkage if residual else shrinkage).max())
    norms = jacobian_norm(Jacobian(field, x, 0.3), generator, residual=residual, iterations=100)
    assert norms[-1] == pytest.approx(expected, rel=5e-3)
