from functools import cache

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_tweedie import degradations
from napari_tweedie.core.testing import check_degradation

SHAPES = [(1, 1, 13, 18), (2, 3, 16, 8), (1, 1, 7, 12, 10)]
OPTICS = {"na": 0.8, "refractive_index": 1.0, "pixel": 400, "step": 900}


@cache
def operators(shape: tuple[int, ...], seed: int = 0) -> dict[str, degradations.Degradation]:
    """Every operator, in every variant, for images of `shape` (divisible or square where it must be)."""
    rng = np.random.default_rng(seed)
    ndim = len(shape) - 2
    psf = rng.random((3, 5, 4)[-ndim:])
    size = {"height": shape[-2], "width": shape[-1]}
    rows, columns = (np.linspace(-1, 1, n) for n in shape[-2:])
    coils = [np.exp(-((rows[:, None] - a) ** 2) - (columns - b) ** 2 + 1j * (a * columns + b)) for a in (-1, 1) for b in (-1, 1)]
    blur = degradations.load("gaussian-blur", std=0.7, axial_std=0.4)
    mask = degradations.load("mask", mask=rng.random(shape[2:]) < 0.4)
    return {
        "identity": degradations.load("identity"),
        "gaussian circular": degradations.load("gaussian-blur", std=0.7, axial_std=0.4, boundary="circular"),
        "gaussian pad": degradations.load("gaussian-blur", std=0.7, axial_std=0.4),
        "psf circular": degradations.load("psf-blur", psf=psf, boundary="circular"),
        "psf pad": degradations.load("psf-blur", psf=psf),
        "motion circular": degradations.load("motion-blur", length=4.5, angle=30, boundary="circular"),
        "motion pad": degradations.load("motion-blur", length=3.2, angle=-70),
        "widefield": degradations.load("microscope-psf", **OPTICS, boundary="circular"),
        "confocal": degradations.load("microscope-psf", **OPTICS, modality="confocal", boundary="circular"),
        "light sheet": degradations.load("microscope-psf", **OPTICS, modality="light-sheet", boundary="circular"),
        "mask": mask,
        "downsample": degradations.load("downsample", factor=2),
        "downsample anti-aliased": degradations.load("downsample", factor=2, filter="anti-aliased"),
        "fourier cartesian": degradations.load("fourier-mask", acceleration=2.5),
        "fourier radial": degradations.load("fourier-mask", pattern="radial"),
        "fourier random": degradations.load("fourier-mask", pattern="random", seed=1),
        "fourier coils": degradations.load("fourier-mask", acceleration=2, sensitivity=np.array(coils)),
        "radon": degradations.load("radon", angles=11),
        "radon limited": degradations.load("radon", angles=16, limit=70.0),
        "projection dct": degradations.load("random-projection", ratio=0.3, **size),
        "projection gaussian": degradations.load("random-projection", ratio=0.3, matrix="gaussian", **size),
        "downsample @ gaussian": degradations.load("downsample") @ blur,
        "mask @ gaussian": mask @ degradations.load("gaussian-blur", std=0.7, boundary="circular"),
        "fourier @ mask": degradations.load("fourier-mask") @ mask,
    }


def case(name: str, shape: tuple[int, ...]) -> tuple[degradations.Degradation, tuple[int, ...]]:
    """The operator called `name`, and a shape near `shape` that it takes."""
    operator = operators(shape)[name]
    if "downsample" in name:
        shape = (*shape[:-2], shape[-2] // 2 * 2, shape[-1] // 2 * 2)
    if "radon" in name:
        shape = (*shape[:-2], min(shape[-2:]), min(shape[-2:]))
    return operator, shape


DECOMPOSABLE = ["identity", "gaussian circular", "psf circular", "motion circular", "widefield", "mask", "downsample"]
DECOMPOSABLE += ["fourier cartesian", "fourier radial", "fourier random", "projection dct"]
"""What has a fast singular value decomposition."""

CASES = [(name, shape) for shape in SHAPES for name, operator in operators(shape).items() if len(shape) - 2 in operator.ndim]
"""Every operator with every shape of as many axes as it takes."""


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_every_variant_passes_the_public_checks(name: str, shape: tuple[int, ...]) -> None:
    operator, shape = case(name, shape)
    check_degradation(operator, shape[2:])
    assert not operator.svd_obstacle() or name not in DECOMPOSABLE


@pytest.mark.parametrize("name", operators(SHAPES[0]))
def test_norm_is_no_more_than_twice_the_largest_singular_value(name: str, generator: torch.Generator) -> None:
    operator, shape = case(name, (1, 1, 16, 12))
    x = torch.randn(shape, generator=generator)
    for _ in range(50):
        x = operator.adjoint(operator(x / x.norm()))
    largest = float(x.norm()) ** 0.5
    assert largest >= 0.5 * operator.norm(shape[2:])


@pytest.mark.parametrize("name", operators(SHAPES[0]))
def test_start_and_crop_fit_the_measurement(name: str, generator: torch.Generator) -> None:
    operator, _ = case(name, (1, 1, 12, 18))
    y = operator(operator.extend(torch.rand((1, 1, 12, 18), generator=generator)))
    start = operator.start(y)
    assert tuple(start.shape[2:]) == operator.domain(tuple(y.shape[2:]))
    assert torch.isfinite(start).all()
    assert operator(start).shape == y.shape


@pytest.mark.parametrize("name", ["gaussian-blur", "radon", "composition"])
def test_operators_without_a_fast_svd_name_those_with_one(name: str) -> None:
    with pytest.raises(ValueError, match="boundary='circular'" if "blur" in name else "downsample, fourier-mask.* have one"):
        degradations.load(name).svd(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize("factors", [(1, 3, 3), (4, 1, 1), (2, 2, 2)])
def test_anti_aliasing_is_a_gaussian_of_a_mirrored_image_at_the_middles_of_large_pixels(factors: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).random((8, 12, 18))[: 8 // factors[0] * factors[0]]
    operator = degradations.load("downsample", factor=factors[1], axial_factor=factors[0], filter="anti-aliased")
    expected = image
    for axis, factor in enumerate(factors):
        if factor > 1:
            positions = np.arange(3 * factor) - (3 * factor - 1) / 2
            weights = np.exp(-0.5 * (positions / (factor / 2.3548)) ** 2)
            smooth = ndimage.correlate1d(expected, weights / weights.sum(), axis, mode="reflect", origin=-((factor + 1) % 2))
            expected = np.take(smooth, np.arange(factor // 2, image.shape[axis], factor) - (factor + 1) % 2, axis)
    np.testing.assert_allclose(operator(torch.from_numpy(image)[None, None])[0, 0], expected, atol=1e-6)


def test_circular_gaussian_blur_agrees_with_scipy(rng: np.random.Generator) -> None:
    image = rng.random((40, 30))
    blurred = degradations.load("gaussian-blur", std=1.6, boundary="circular")(torch.from_numpy(image)[None, None])
    expected = ndimage.gaussian_filter(image, 1.6, mode="wrap", radius=7)
    np.testing.assert_allclose(blurred[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("kernel_shape", [(3, 5), (4, 6), (7, 1)])
def test_padded_psf_blur_sees_a_valid_convolution(kernel_shape: tuple[int, int], rng: np.random.Generator) -> None:
    image, psf = rng.random((30, 32)), rng.random(kernel_shape)
    operator = degradations.load("psf-blur", psf=psf, correct=False)
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
    with pytest.raises(ValueError, match="no known pixel"):
        degradations.load("mask", mask=np.ones((8, 8))).start(image)
    with pytest.raises(ValueError, match="whole blocks"):
        degradations.load("downsample", factor=3)(image)
    with pytest.raises(ValueError, match="no degradation is called 'bluur'"):
        degradations.load("bluur")


def test_composition_applies_the_right_operator_first(generator: torch.Generator) -> None:
    outer, inner = degradations.load("downsample", factor=3), degradations.load("gaussian-blur", std=1.0)
    both = outer @ inner
    image = torch.rand((1, 1, 32, 40), generator=generator)
    x = both.extend(image)
    torch.testing.assert_close(both(x), outer(inner(x)))
    assert both(x).shape[2:] == (10, 13)
    torch.testing.assert_close(both.crop(x), image[..., :30, :39])
    assert both.norm() == pytest.approx(1 / 3)


def test_composition_survives_its_description_and_takes_arrays(rng: np.random.Generator) -> None:
    both = degradations.load("mask", mask={"name": "dead pixels"}) @ degradations.load("psf-blur", psf=rng.random((3, 3)))
    described = both.describe()
    assert (described["name"], described["outer"]["name"], described["inner"]["name"]) == ("composition", "mask", "psf-blur")
    rebuilt = degradations.registry.build(described)
    assert rebuilt.missing_inputs() == ["mask", "psf"]
    filled = rebuilt.with_arrays({"mask": np.eye(8), "psf": both.inner.psf.array})
    assert filled.missing_inputs() == []
    x = torch.rand(1, 1, 10, 10)
    torch.testing.assert_close(filled(x), both.with_arrays({"mask": np.eye(8)})(x))


def test_a_margin_in_other_pixels_is_refused() -> None:
    both = degradations.load("gaussian-blur") @ degradations.load("downsample")
    with pytest.raises(ValueError, match="choose boundary='circular'"):
        both.extend(torch.zeros(1, 1, 40, 40))
    circular = degradations.load("gaussian-blur", boundary="circular") @ degradations.load("downsample")
    assert circular.extend(torch.zeros(1, 1, 41, 41)).shape[2:] == (40, 40)


def test_composition_works_where_both_parts_do() -> None:
    assert (degradations.load("radon") @ degradations.load("gaussian-blur")).ndim == (2,)
    assert degradations.load("composition").ndim == (2, 3)
