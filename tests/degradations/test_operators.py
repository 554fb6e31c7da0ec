import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_tweedie import degradations

SHAPES = [(1, 1, 13, 18), (2, 3, 16, 8), (1, 1, 7, 12, 10)]


def operators(shape: tuple[int, ...], seed: int = 0) -> dict[str, degradations.Degradation]:
    """Every operator, in every boundary, for images of `shape` (divisible where it must be)."""
    rng = np.random.default_rng(seed)
    ndim = len(shape) - 2
    psf = rng.random((3, 5, 4)[-ndim:])
    return {
        "identity": degradations.load("identity"),
        "gaussian circular": degradations.load("gaussian-blur", std=0.7, axial_std=0.4, boundary="circular"),
        "gaussian pad": degradations.load("gaussian-blur", std=0.7, axial_std=0.4),
        "psf circular": degradations.load("psf-blur", psf=psf, boundary="circular"),
        "psf pad": degradations.load("psf-blur", psf=psf),
        "mask": degradations.load("mask", mask=rng.random(shape[2:]) < 0.4),
        "downsample": degradations.load("downsample", factor=2),
    }


def sized(name: str, x: torch.Tensor) -> torch.Tensor:
    return x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2] if name == "downsample" else x


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", operators(SHAPES[0]))
def test_adjoint_identity(name: str, shape: tuple[int, ...], generator: torch.Generator) -> None:
    operator = operators(shape)[name]
    x = sized(name, torch.randn(shape, generator=generator))
    y = torch.randn(operator(x).shape, generator=generator)
    assert tuple(y.shape[2:]) == operator.shape(tuple(x.shape[2:]))
    assert operator.domain(tuple(y.shape[2:])) == tuple(x.shape[2:])
    left, right = (operator(x) * y).sum(), (x * operator.adjoint(y)).sum()
    assert abs(left - right) <= 1e-5 * (operator(x).norm() * y.norm())


@pytest.mark.parametrize("rho", [1e-3, 0.1, 3.0])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", operators(SHAPES[0]))
def test_prox_is_where_the_gradient_vanishes(name: str, shape: tuple[int, ...], rho: float, generator: torch.Generator) -> None:
    operator = operators(shape)[name]
    z = sized(name, torch.randn(shape, generator=generator))
    y = operator(sized(name, torch.randn(shape, generator=generator)))
    x = operator.prox(z, y, rho)
    gradient = operator.adjoint(operator(x) - y) + rho * (x - z)
    assert gradient.norm() <= 1e-3 * (operator.adjoint(y) + rho * z).norm()


@pytest.mark.parametrize("name", operators(SHAPES[0]))
def test_norm_bounds_the_largest_singular_value(name: str, generator: torch.Generator) -> None:
    shape = (1, 1, 16, 12)
    operator = operators(shape)[name]
    x = torch.randn(shape, generator=generator)
    for _ in range(50):
        x = operator.adjoint(operator(x / x.norm()))
    largest = float(x.norm()) ** 0.5
    assert largest <= operator.norm() * 1.001
    assert largest >= 0.5 * operator.norm()


@pytest.mark.parametrize("name", operators(SHAPES[0]))
def test_start_and_crop_fit_the_measurement(name: str, generator: torch.Generator) -> None:
    operator = operators((1, 1, 12, 18))[name]
    y = operator(operator.extend(torch.rand((1, 1, 12, 18), generator=generator)))
    start = operator.start(y)
    assert tuple(start.shape[2:]) == operator.domain(tuple(y.shape[2:]))
    assert torch.isfinite(start).all()
    assert operator(start).shape == y.shape


def test_circular_gaussian_blur_agrees_with_scipy(rng: np.random.Generator) -> None:
    image = rng.random((40, 30))
    blurred = degradations.load("gaussian-blur", std=1.6, boundary="circular")(torch.from_numpy(image)[None, None])
    expected = ndimage.gaussian_filter(image, 1.6, mode="wrap", radius=7)
    np.testing.assert_allclose(blurred[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("kernel_shape", [(3, 5), (4, 6), (7, 1)])
def test_padded_psf_blur_sees_a_valid_convolution(kernel_shape: tuple[int, int], rng: np.random.Generator) -> None:
    image, psf = rng.random((30, 32)), rng.random(kernel_shape)
    operator = degradations.load("psf-blur", psf=psf)
    blurred = operator(torch.from_numpy(image)[None, None])[0, 0].numpy()
    full = ndimage.convolve(image, np.pad(psf / psf.sum(), [(0, 1 - n % 2) for n in psf.shape]), mode="constant")
    margins = [n // 2 for n in psf.shape]
    inside = full[tuple(slice(m, n - m) for m, n in zip(margins, image.shape, strict=True))]
    np.testing.assert_allclose(blurred, inside, atol=1e-6)


def test_padded_blur_of_an_extended_image_keeps_its_size_and_constants() -> None:
    flat = torch.full((1, 1, 9, 11), 3.0)
    operator = degradations.load("gaussian-blur", std=3.0)
    blurred = operator(operator.extend(flat))
    torch.testing.assert_close(blurred, flat)


def test_wrong_inputs_are_named() -> None:
    image = torch.zeros(1, 1, 8, 8)
    with pytest.raises(ValueError, match=r"mask has shape \(4, 4\), the image \(8, 8\)"):
        degradations.load("mask", mask=np.zeros((4, 4)))(image)
    with pytest.raises(ValueError, match="3 axes"):
        degradations.load("psf-blur", psf=np.ones((3, 3, 3)))(image)
    with pytest.raises(ValueError, match="sum positive"):
        degradations.load("psf-blur", psf=np.zeros((3, 3)))(image)
    with pytest.raises(ValueError, match="no known pixel"):
        degradations.load("mask", mask=np.ones((8, 8))).start(image)
    with pytest.raises(ValueError, match="whole blocks"):
        degradations.load("downsample", factor=3)(image)
    with pytest.raises(ValueError, match="no degradation is called 'bluur'"):
        degradations.load("bluur")


def test_an_off_centre_psf_is_noted() -> None:
    psf = np.zeros((9, 9))
    psf[1, 4] = 1
    assert "(-3.0, +0.0)" in degradations.load("psf-blur", psf=psf).notes()[0]
    psf = np.zeros((9, 9))
    psf[4, 4] = 1
    assert degradations.load("psf-blur", psf=psf).notes() == []
