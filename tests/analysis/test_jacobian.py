import numpy as np
import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.analysis.adaptive_basis import leading_basis
from napari_tweedie.analysis.jacobian import (
    STEP,
    Jacobian,
    asymmetry,
    equivalent_filter,
    in_float32,
    jacobian_product,
    random_signs,
    trace,
)

SIGMA = 0.1
FIELD = denoisers.load("gaussian", std=0.4, slope=2)


class Opaque:
    """A denoiser through which no gradient flows, as those made with NumPy are."""

    differentiable = False

    def __init__(self, denoiser: denoisers.Denoiser) -> None:
        self.denoiser = denoiser

    def __call__(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        return self.denoiser(x, sigma).detach()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    """A noisy edge."""
    y, x = np.mgrid[:16, :16]
    clean = torch.from_numpy(np.where(x + 0.5 * y < 11, 0.3, 0.8)).float()[None, None]
    return clean + SIGMA * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def unet() -> denoisers.Denoiser:
    return denoisers.load("unet-small", precision="float32")


@pytest.fixture(scope="module", params=["gaussian", "unet"])
def denoiser(request: pytest.FixtureRequest, unet: denoisers.Denoiser) -> denoisers.Denoiser:
    return FIELD if request.param == "gaussian" else unet


@pytest.fixture(scope="module")
def matrix(denoiser: denoisers.Denoiser, x: torch.Tensor) -> torch.Tensor:
    """J row by row, from torch's own jacobian."""
    rows = torch.autograd.functional.jacobian(lambda image: denoiser(image, SIGMA), x)
    return rows.reshape(x.numel(), x.numel())


@pytest.mark.slow
def test_products_are_those_of_the_dense_matrix(
    denoiser: denoisers.Denoiser, matrix: torch.Tensor, x: torch.Tensor, generator: torch.Generator
) -> None:
    """With gradients off around it, as the engine has them."""
    v = torch.randn(x.shape, generator=generator)
    with torch.no_grad():
        jacobian = Jacobian(denoiser, x, SIGMA)
        for product, expected in (
            (jacobian.times(v), matrix @ v.flatten()),
            (jacobian.transposed(v), matrix.T @ v.flatten()),
            (jacobian.symmetrised(v), (matrix + matrix.T) @ v.flatten() / 2),
        ):
            torch.testing.assert_close(product.flatten(), expected, rtol=1e-4, atol=1e-5)
    assert jacobian.products == 4
    torch.testing.assert_close(jacobian.clean, denoiser(x, SIGMA), rtol=1e-4, atol=1e-5)


def test_finite_differences_of_a_linear_denoiser_are_exact(x: torch.Tensor, generator: torch.Generator) -> None:
    """Whatever the length of the directions."""
    v = torch.randn((3, 1, 16, 16), generator=generator) * torch.tensor([1e-3, 1.0, 1e3]).view(-1, 1, 1, 1)
    exact = FIELD(v, SIGMA)
    assert ((jacobian_product(FIELD, x, SIGMA, v) - exact).flatten(1).norm(dim=1) < 1e-3 * exact.flatten(1).norm(dim=1)).all()


def test_finite_differences_are_means_of_the_jacobian_over_the_step(
    unet: denoisers.Denoiser, x: torch.Tensor, generator: torch.Generator
) -> None:
    v = random_signs(x, generator, 1)
    way = [Jacobian(unet, x + share * STEP * SIGMA * v, SIGMA).times(v) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    mean = torch.stack(way).mean(0)
    assert (jacobian_product(unet, x, SIGMA, v) - mean).norm() < 0.02 * mean.norm()


def test_the_leading_basis_is_that_of_the_dense_matrix(
    denoiser: denoisers.Denoiser, matrix: torch.Tensor, x: torch.Tensor, generator: torch.Generator
) -> None:
    symmetric = (matrix + matrix.T) / 2
    expected = torch.linalg.eigvalsh(symmetric).flip(0)[:16]
    basis = list(leading_basis(Jacobian(denoiser, x, SIGMA), 16, generator, tolerance=1e-3, block=8))[-1]
    torch.testing.assert_close(basis.shrinkage, expected, atol=1e-3, rtol=0)
    vectors = basis.vectors.flatten(1).T
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(16), atol=1e-4, rtol=0)
    residuals = (symmetric @ vectors - vectors * basis.shrinkage).norm(dim=0)
    assert residuals.max() <= 1.1e-3
    torch.testing.assert_close(residuals, basis.residuals, atol=1e-4, rtol=0)
    assert basis.found(1e-3) == 16


def test_the_exact_denoiser_keeps_plane_waves_of_low_frequency(generator: torch.Generator) -> None:
    x = torch.zeros(1, 1, 24, 24)
    basis = list(leading_basis(Jacobian(FIELD, x, SIGMA), 9, generator, tolerance=1e-4, block=8))[-1]
    shrinkage = (FIELD.spectrum(x) / (FIELD.spectrum(x) + SIGMA**2)).double().numpy()
    full = np.concatenate([shrinkage, shrinkage[:, 1:12]], 1)  # the frequencies that rfft leaves out
    np.testing.assert_allclose(basis.shrinkage, np.sort(full.ravel())[::-1][:9], atol=1e-4)
    power = torch.fft.fft2(basis.vectors[:5, 0]).abs().square()  # constants, and waves of frequency one along either side
    assert power[:, [0, 0, 0, 1, -1], [0, 1, -1, 0, 0]].sum() == pytest.approx(float(power.sum()), rel=1e-3)


def test_a_basis_larger_than_the_region_ends(generator: torch.Generator) -> None:
    basis = list(leading_basis(Jacobian(FIELD, torch.rand(1, 1, 3, 4), SIGMA), 50, generator))[-1]
    assert basis.vectors.shape == (12, 1, 3, 4)
    assert basis.found(1e-3) == 12


def test_without_gradients_a_symmetric_denoiser_has_the_same_basis(x: torch.Tensor, generator: torch.Generator) -> None:
    opaque = list(leading_basis(Jacobian(Opaque(FIELD), x, SIGMA), 4, generator, tolerance=3e-3))[-1]
    expected = list(leading_basis(Jacobian(FIELD, x, SIGMA), 4, generator, tolerance=3e-3))[-1]
    torch.testing.assert_close(opaque.shrinkage, expected.shrinkage, atol=1e-3, rtol=0)
    assert opaque.products < expected.products


def test_the_trace_is_that_of_the_dense_matrix(
    denoiser: denoisers.Denoiser, matrix: torch.Tensor, x: torch.Tensor, generator: torch.Generator
) -> None:
    estimate, error = trace(denoiser, x, SIGMA, generator, probes=60)
    exact = float(matrix.trace())
    assert abs(estimate - exact) < 4 * error + 0.02 * exact
    assert error < 0.1 * exact


@pytest.mark.parametrize("exact", [True, False])
def test_the_asymmetry_is_that_of_the_dense_matrix(exact: bool, generator: torch.Generator) -> None:
    x = torch.rand(1, 1, 8, 9)
    matrix = torch.randn(72, 72, generator=generator)
    matrix = matrix @ matrix.T + 4 * matrix.triu()

    def linear(image: torch.Tensor, sigma: float) -> torch.Tensor:
        return (image.flatten(1) @ matrix.T).view_as(image)

    linear.differentiable = exact  # type: ignore[attr-defined]
    expected = float((matrix - matrix.T).norm() / matrix.norm())
    assert asymmetry(Jacobian(linear, x, SIGMA), generator, probes=60) == pytest.approx(expected, rel=0.1)
    field = FIELD if exact else Opaque(FIELD)
    assert asymmetry(Jacobian(field, x, SIGMA), generator) < (1e-5 if exact else 1e-2)


def test_the_equivalent_filter_is_a_row(denoiser: denoisers.Denoiser, matrix: torch.Tensor, x: torch.Tensor) -> None:
    row = equivalent_filter(denoiser, x, SIGMA, (5, 9))
    assert row.exact
    assert row.patch == (slice(0, 16), slice(0, 16))
    torch.testing.assert_close(row.weights.flatten(), matrix[5 * 16 + 9], rtol=1e-4, atol=1e-6)


def test_filtering_by_the_weights_gives_the_pixel(unet: denoisers.Denoiser, x: torch.Tensor) -> None:
    """f(x, σ) = J_x x + σ ∂f/∂σ for a homogeneous denoiser (Euler)."""
    weights = equivalent_filter(unet, x, SIGMA, (8, 8)).weights
    level = torch.tensor([SIGMA], requires_grad=True)
    value = unet(x, level)[0, 0, 8, 8]
    (slope,) = torch.autograd.grad(value, level)
    assert float((weights * x[0]).sum() + SIGMA * slope) == pytest.approx(float(value.detach()), rel=1e-4)


def test_the_patch_around_a_pixel_loses_little(unet: denoisers.Denoiser, scene: np.ndarray) -> None:
    image = torch.from_numpy(scene).float()[None, None]
    near = equivalent_filter(unet, image, SIGMA, (40, 60), radius=24)
    whole = equivalent_filter(unet, image, SIGMA, (40, 60), radius=96)
    assert near.patch == (slice(16, 64), slice(32, 85))
    expected = whole.weights[(slice(None), *near.patch)]
    assert (near.weights - expected).norm() < 0.1 * expected.norm()


def test_a_column_stands_in_where_no_gradient_flows(x: torch.Tensor) -> None:
    column = equivalent_filter(Opaque(FIELD), x, SIGMA, (3, 4))
    assert not column.exact
    torch.testing.assert_close(column.weights, equivalent_filter(FIELD, x, SIGMA, (3, 4)).weights, atol=1e-4, rtol=0)


def test_full_precision_reaches_the_parts(unet: denoisers.Denoiser) -> None:
    combined = in_float32(denoisers.load("combined", parts=("unet-small", FIELD), weights=(0.3, 0.7)))
    assert combined.parts == (unet, FIELD)
    assert combined.weights == (0.3, 0.7)


def test_what_makes_no_sense_is_refused(x: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="sigma must be > 0"):
        Jacobian(FIELD, x, 0.0)
    with pytest.raises(ValueError, match="pixel must lie in the image"):
        equivalent_filter(FIELD, x, SIGMA, (3, 16))


def test_signs_are_signs(x: torch.Tensor, generator: torch.Generator) -> None:
    signs = random_signs(x, generator, 40)
    assert signs.shape == (40, 1, 16, 16)
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    assert abs(float(signs.mean())) < 0.05
