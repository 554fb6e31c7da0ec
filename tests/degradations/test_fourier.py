import numpy as np
import pytest
import torch

from napari_tweedie import degradations

PATTERNS = ["cartesian", "radial", "random", "variable-density"]


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("shape", [(64, 96), (41, 50)])
def test_measurements_are_the_centred_spectrum_at_some_frequencies(
    pattern: str, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    operator = degradations.load("fourier-mask", pattern=pattern)
    image = rng.random(shape).astype(np.float32)
    y = operator(torch.from_numpy(image)[None, None])[0].numpy()
    expected = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image), norm="ortho")) * operator.mask(shape)
    np.testing.assert_allclose(y[0] + 1j * y[1], expected, atol=1e-5)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("acceleration", [2.0, 4.0, 8.0])
def test_patterns_have_the_acceleration_and_the_middle_and_follow_the_seed(pattern: str, acceleration: float) -> None:
    masks = [degradations.load("fourier-mask", pattern=pattern, acceleration=acceleration, seed=seed) for seed in (0, 0, 1)]
    first, same, other = (operator.mask((128, 160)) for operator in masks)
    assert first.mean() == pytest.approx(1 / acceleration, rel=0.05)
    assert first[60:68, 75:85].all()
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    if pattern == "cartesian":
        assert set(first.sum(1)) == {0, 160}


def test_everything_measured_is_inverted_by_the_adjoint(rng: np.random.Generator) -> None:
    operator = degradations.load("fourier-mask", acceleration=1.0)
    x = torch.from_numpy(rng.random((1, 2, 15, 20)).astype(np.float32))
    torch.testing.assert_close(operator.adjoint(operator(x)), x, atol=1e-5, rtol=1e-5)


def test_coils_see_the_image_times_their_sensitivity(rng: np.random.Generator) -> None:
    maps = rng.normal(size=(3, 12, 10)) + 1j * rng.normal(size=(3, 12, 10))
    operator = degradations.load("fourier-mask", sensitivity=maps)
    single = degradations.load("fourier-mask")
    x = torch.from_numpy(rng.random((1, 1, 12, 10)).astype(np.float32))
    y = operator(x)
    assert y.shape == (1, 6, 12, 10)
    for coil, sensitivity in enumerate(maps):
        parts = (torch.from_numpy(part.astype(np.float32)) for part in (sensitivity.real, sensitivity.imag))
        real, imaginary = (single(x * part)[0] for part in parts)
        expected = torch.stack([real[0] - imaginary[1], real[1] + imaginary[0]])
        torch.testing.assert_close(y[0, 2 * coil : 2 * coil + 2], expected, atol=1e-5, rtol=1e-5)


def test_sensitivities_may_be_left_out_but_not_lost() -> None:
    assert degradations.load("fourier-mask").missing_inputs() == []
    described = degradations.load("fourier-mask", sensitivity=np.ones((2, 8, 8), complex)).describe()
    described["sensitivity"]["name"] = "coils"
    assert degradations.registry.build(described).missing_inputs() == ["sensitivity"]
    with pytest.raises(ValueError, match=r"give \(coils, Y, X\)"):
        degradations.load("fourier-mask", sensitivity=np.ones((2, 8, 8)))(torch.zeros(1, 1, 8, 9))


def test_points_of_variable_density_are_denser_near_the_middle() -> None:
    mask = degradations.load("fourier-mask", pattern="variable-density", acceleration=5.0, seed=1).mask((96, 80))
    assert mask.mean() == pytest.approx(1 / 5, abs=1e-3)
    y, x = np.meshgrid(*(np.arange(length) / length - 0.5 for length in mask.shape), indexing="ij")
    radius = np.hypot(y, x)
    shares = [mask[(radius >= low) & (radius < low + 0.15)].mean() for low in (0.1, 0.25, 0.4)]
    assert shares[0] > 1.5 * shares[1] > 2 * shares[2] > 0


@pytest.mark.parametrize("acceleration", [3.0, 5.0, 8.0])
@pytest.mark.parametrize("shape", [(64, 64), (240, 200)])
@pytest.mark.parametrize(
    ("pattern", "kind"), [("cartesian", "cartesian"), ("radial", "radial"), ("random", "points"), ("variable-density", "points")]
)
def test_rows_columns_diameters_and_points_are_told_apart(
    pattern: str, kind: str, shape: tuple[int, int], acceleration: float
) -> None:
    """By the pattern of a simulation, and by what was measured."""
    simulated = degradations.load("fourier-mask", pattern=pattern, acceleration=acceleration)
    assert simulated.actual("pattern") == kind
    for mask in (simulated.mask(shape), simulated.mask(shape).T):
        scan = degradations.load("fourier-mask", sampling=mask.astype(np.float32))
        assert scan.actual("pattern") == kind
        assert scan.is_turned is (kind == "cartesian" and bool((mask == mask[:1]).all()))


def test_a_disc_of_frequencies_is_no_pattern_of_diameters() -> None:
    y, x = np.mgrid[-32:32, -32:32]
    disc = (np.hypot(y, x) < 18).astype(np.float32)
    assert degradations.load("fourier-mask", sampling=disc).actual("pattern") == "points"
