import numpy as np
import pytest
import torch
from scipy.fft import dctn

from napari_tweedie import degradations
from napari_tweedie.degradations.cosine import dct, inverse_dct


@pytest.mark.parametrize("shape", [(2, 3, 13, 18), (1, 1, 1, 5), (1, 2, 16, 7), (1, 1, 1, 1), (1, 2, 9), (1, 1, 3, 6, 5)])
def test_cosine_transform_agrees_with_scipy(shape: tuple[int, ...], generator: torch.Generator) -> None:
    x = torch.randn(shape, generator=generator)
    np.testing.assert_allclose(dct(x), dctn(x.numpy(), axes=range(2, x.ndim), norm="ortho"), atol=1e-5)
    torch.testing.assert_close(inverse_dct(dct(x)), x, atol=1e-5, rtol=1e-5)


def test_rows_of_the_fast_matrix_are_orthogonal(generator: torch.Generator) -> None:
    operator = degradations.load("random-projection", ratio=0.25)
    y = torch.randn((1, 1, *operator.shape((32, 32))), generator=generator)
    torch.testing.assert_close(operator(operator.adjoint(y)), 4 * y, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("matrix", ["dct", "gaussian"])
def test_columns_have_unit_norm_on_average(matrix: str, generator: torch.Generator) -> None:
    operator = degradations.load("random-projection", ratio=0.4, matrix=matrix)
    x = torch.randn((50, 1, 24, 24), generator=generator)
    assert float(operator(x).square().sum() / x.square().sum()) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("matrix", ["dct", "gaussian"])
def test_the_seed_decides_the_matrix(matrix: str, generator: torch.Generator) -> None:
    x = torch.randn((1, 1, 16, 16), generator=generator)
    first, same, other = (degradations.load("random-projection", seed=seed, matrix=matrix)(x) for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize("ratio", [0.1, 0.25, 1 / 3, 1.0])
def test_the_size_of_a_square_image_follows_from_the_measurement(ratio: float) -> None:
    operator = degradations.load("random-projection", ratio=ratio)
    for side in (16, 33, 256, 1000):
        assert operator.domain(operator.shape((side, side))) == (side, side)


def test_other_sizes_must_be_given() -> None:
    y = degradations.load("random-projection")(torch.zeros(1, 1, 20, 31))
    with pytest.raises(ValueError, match="set height and width"):
        degradations.load("random-projection").adjoint(y)
    assert degradations.load("random-projection", height=20, width=31).adjoint(y).shape == (1, 1, 20, 31)
    with pytest.raises(ValueError, match="choose matrix='dct'"):
        degradations.load("random-projection", matrix="gaussian")(torch.zeros(1, 1, 512, 512))
