import numpy as np
import pytest

from napari_tweedie.images.stabilisation import Anscombe, Stabilised, keep_light

LIGHT = np.array([0.0, 0.3, 1.0, 4.0, 30.0, 199.0, 201.0, 2000.0])


@pytest.mark.parametrize(("gain", "offset", "read_noise"), [(1.0, 0.0, 0.0), (3.0, 100.0, 2.0), (0.5, -10.0, 5.0)])
def test_the_inverse_of_the_mean_transform_is_the_mean(
    gain: float, offset: float, read_noise: float, rng: np.random.Generator
) -> None:
    """Against a simulation of 200,000 measurements at each light level, within four standard errors."""
    count = 200_000
    model = Anscombe(gain, offset, read_noise)
    noisy = gain * rng.poisson(LIGHT[:, None], (len(LIGHT), count)) + offset + rng.normal(0, read_noise, (len(LIGHT), count))
    estimate = model.back(model.forward(noisy).mean(1))
    assert (abs(estimate - noisy.mean(1)) < 4 * noisy.std(1) / count**0.5 + 2e-3 * gain).all()


def test_the_noise_becomes_one_everywhere(rng: np.random.Generator) -> None:
    light = np.array([0.0, 3.0, 10.0, 300.0])[:, None]
    noisy = 2 * rng.poisson(light, (4, 50_000)) + rng.normal(0, 3.0, (4, 50_000))
    np.testing.assert_allclose(Anscombe(2.0, 0.0, 3.0).forward(noisy).std(1), 1, atol=0.1)


def test_the_inverse_rises_without_a_step_also_below_zero_light() -> None:
    for read_noise in (0.0, 0.7, 50.0):
        values = np.linspace(-1, 60, 100_000)
        steps = np.diff(Anscombe(1.0, 0.0, read_noise).back(values).astype(float))
        assert (steps > -1e-6).all()
        assert steps.max() < 0.1 * (1 + read_noise)


def test_an_estimate_keeps_the_light_but_not_the_noise(rng: np.random.Generator) -> None:
    noisy = rng.poisson(5.0, (2, 128, 128)).astype(float)
    kept = keep_light(np.full(noisy.shape, 4.5), noisy)
    np.testing.assert_allclose(kept.mean((1, 2)), noisy.mean((1, 2)), rtol=1e-5)
    assert kept.std() < 0.06 * noisy.std()


@pytest.mark.parametrize("s", [1e3, 1e6, 1e12])
def test_read_noise_that_hides_the_photons_leaves_a_straight_line(s: float, rng: np.random.Generator) -> None:
    """The transform is then about z / s, whatever the numbers around it."""
    noisy = rng.normal(3.0, s, 10_000)
    model = Anscombe(1.0, 0.0, s)
    stabilised = model.forward(noisy)
    np.testing.assert_allclose(stabilised, noisy / s, rtol=0.01, atol=0.02)
    np.testing.assert_allclose(model.back(stabilised), noisy, rtol=1e-3, atol=1e-2 * s)


def test_the_inverse_has_no_step_where_the_table_ends(rng: np.random.Generator) -> None:
    light = rng.uniform(0, 500, 100)
    below, above = (Anscombe(1.0, 0.0, s) for s in (14.142, 14.1425))
    np.testing.assert_allclose(below.back(below.forward(light)), above.back(above.forward(light)), atol=5e-3)


def test_the_width_of_a_standard_deviation_is_that_by_the_slope_of_the_inverse() -> None:
    """Of many photons the inverse is a square: 2 √z between plus and minus one half in units of the transform."""
    photons = np.linspace(50, 400, 30).reshape(5, 6)
    map_ = Stabilised(2.0, 10.0, Anscombe(3.0, 100.0, 0.0))
    image = map_.forward(100 + 3 * photons)
    np.testing.assert_allclose(map_.width(image, 0.1), 3 * np.sqrt(photons + 3 / 8), rtol=0.01)
