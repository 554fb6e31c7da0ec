"""Does the transform of multiplicative noise make it even, and does the way back keep the mean?"""

import numpy as np
import pytest
from scipy.special import polygamma

from napari_tweedie.images.speckle import Multiplicative, spread_of_logarithm


def draws(looks: float, clean: float, floor: float, count: int = 400_000) -> np.ndarray:
    random = np.random.default_rng(0)
    return clean * random.gamma(looks, 1 / looks, count) + floor * random.normal(size=count)


@pytest.mark.parametrize("looks", [1.0, 4.0, 10.0, 50.0])
@pytest.mark.parametrize("clean", [20.0, 200.0, 3e5])
def test_noise_is_even_where_the_signal_is_bright(looks: float, clean: float) -> None:
    noisy = draws(looks, clean, 0.5)
    assert Multiplicative(looks, 0.5).forward(noisy).std() == pytest.approx(1, rel=0.1 if clean < 100 else 0.02)


def test_noise_without_signal_is_even_too() -> None:
    assert Multiplicative(20.0, 0.5).forward(draws(20.0, 0.0, 0.5)).std() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("looks", [1.0, 4.0, 50.0])
def test_expected_values_are_means_of_draws_and_go_back_to_the_signal(looks: float) -> None:
    transform = Multiplicative(looks, 2.0)
    clean = np.array([0.0, 1.0, 10.0, 300.0, 1e5])
    means = [transform.forward(draws(looks, value, 2.0)).mean() for value in clean]
    np.testing.assert_allclose(transform.expected(clean), means, atol=0.012)
    np.testing.assert_allclose(transform.back(transform.expected(clean)), clean, rtol=5e-3, atol=1e-2)
    assert transform.back(transform.expected(0.0) - 1.0) < 0


def test_the_logarithm_of_a_gamma_variable_has_its_known_spread() -> None:
    for looks in (1.0, 7.0):
        assert np.log(draws(looks, 1.0, 0.0)).std() == pytest.approx(spread_of_logarithm(looks), rel=0.01)
        assert spread_of_logarithm(looks) == pytest.approx(polygamma(1, looks) ** 0.5)
