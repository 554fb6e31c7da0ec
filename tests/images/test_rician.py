"""Magnitudes with noise: are their moments Rice's, is the noise made even, and is the way back unbiased?"""

import numpy as np
import pytest
from scipy.stats import rice

from napari_tweedie.images.rician import Magnitude, moments

MAGNITUDES = [0.0, 0.3, 1.0, 2.0, 3.5, 8.0, 20.0]


def drawn(magnitude: float, sigma: float, count: int = 400_000) -> np.ndarray:
    real, imaginary = sigma * np.random.default_rng(0).normal(size=(2, count))
    return np.hypot(magnitude + real, imaginary)


@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_moments_are_those_of_the_rice_distribution(magnitude: float) -> None:
    mean, deviation = moments(np.array(magnitude))
    assert float(mean) == pytest.approx(rice.mean(magnitude), rel=1e-6)
    assert float(deviation) == pytest.approx(rice.std(magnitude), rel=1e-5)


@pytest.mark.parametrize("magnitude", [29.0, 31.0, 300.0])
def test_moments_of_much_signal_go_on_where_the_functions_end(magnitude: float) -> None:
    mean, deviation = moments(np.array(magnitude))
    assert float(mean) == pytest.approx(magnitude + 1 / (2 * magnitude), rel=1e-5)
    assert float(deviation) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("magnitude", MAGNITUDES)
def test_noise_becomes_even_and_its_mean_is_taken_back_without_bias(magnitude: float) -> None:
    sigma = 4.0
    even = Magnitude(sigma).forward(drawn(sigma * magnitude, sigma))
    assert even.std() == pytest.approx(1.0, abs=0.13)
    assert even.mean() == pytest.approx(float(Magnitude(sigma).expected(np.array(sigma * magnitude))), abs=0.01)
    back = float(Magnitude(sigma).back(np.array(even.mean())))
    assert back == pytest.approx(sigma * magnitude, abs=0.02 * sigma if magnitude >= 0.3 else 0.25 * sigma)


def test_the_way_back_undoes_what_is_expected_and_knows_no_negative_magnitudes() -> None:
    magnitudes = np.linspace(0.5, 200, 400)
    transform = Magnitude(2.5)
    np.testing.assert_allclose(transform.back(transform.expected(magnitudes)), magnitudes, rtol=1e-3)
    assert float(transform.back(np.array(-3.0))) == 0.0
    assert np.all(np.diff(transform.forward(np.linspace(0, 300, 999))) > 0)
