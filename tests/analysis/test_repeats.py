"""Does a second exposure tell how wrong a stated standard deviation is, without any truth?"""

import numpy as np
import pytest

from napari_tweedie.analysis.repeats import calibrate_by_repeat

SHAPE = (3, 160, 160)


@pytest.mark.parametrize("photons", [False, True])
@pytest.mark.parametrize("wrong", [0.5, 1.0, 2.0])
def test_the_factor_is_that_of_the_errors(photons: bool, wrong: float) -> None:
    """The posterior of independent pixels, or a linear guess under photon noise, with a std stated `wrong` times too small."""
    rng = np.random.default_rng(0)
    truth = 60 + 10 * rng.standard_normal(SHAPE)
    if photons:
        first, second = rng.poisson(truth) * 1.0, rng.poisson(truth) * 1.0
        mean = 60 + 100 / 160 * (first - 60)
    else:
        first, second = (truth + 20 * rng.standard_normal(SHAPE) for _ in range(2))
        mean = 60 + 100 / 500 * (first - 60)
    std = np.full(SHAPE, np.sqrt(np.mean((mean - truth) ** 2))) / wrong
    found = calibrate_by_repeat(mean, std, first, second)
    assert found.factor == pytest.approx(wrong, abs=3 * found.standard_error)
    assert found.standard_error < 0.1 * wrong


def test_the_standard_error_is_what_repeats_vary_by() -> None:
    rng, found = np.random.default_rng(1), []
    for _ in range(40):
        truth = 10 * rng.standard_normal((96, 96))
        first, second = (truth + 10 * rng.standard_normal(truth.shape) for _ in range(2))
        found.append(calibrate_by_repeat(first / 2, np.full(truth.shape, 50**0.5), first, second))
    assert np.mean([each.factor for each in found]) == pytest.approx(1, abs=0.02)
    assert np.std([each.factor for each in found]) == pytest.approx(np.mean([each.standard_error for each in found]), rel=0.4)


def test_what_tells_nothing_is_refused_in_a_sentence() -> None:
    rng = np.random.default_rng(2)
    truth = 100 + 5 * rng.standard_normal((64, 64))
    first, second = (truth + 50 * rng.standard_normal(truth.shape) for _ in range(2))
    with pytest.raises(ValueError, match="the noise hides the errors"):
        calibrate_by_repeat(truth, np.full(truth.shape, 0.5), first, second)
    with pytest.raises(ValueError, match="the second exposure is brighter by"):
        calibrate_by_repeat(truth, np.full(truth.shape, 5.0), first, second + 40)
    with pytest.raises(ValueError, match="all must be equal"):
        calibrate_by_repeat(truth, np.ones(truth.shape), first, second[1:])
