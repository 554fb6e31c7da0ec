import numpy as np
import pytest
from scipy import stats

from napari_tweedie.analysis.risk_control import FACTORS, guarantee, images_needed, outside_of, p_value
from napari_tweedie.samplers.interval import Interval


def curves(count: int, rng: np.random.Generator) -> np.ndarray:
    """Images whose errors are a factor of their own times those stated: 0.6 to 1.8, in closed form pixel by pixel."""
    own = rng.uniform(0.6, 1.8, (count, 1))
    return 2 * stats.norm.sf(1.645 * np.array(FACTORS) / own)


def mean_risk(factor: float) -> float:
    return float(np.mean(2 * stats.norm.sf(1.645 * factor / np.linspace(0.6, 1.8, 4001))))


@pytest.mark.slow
def test_the_risk_of_further_images_is_below_alpha_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    found = [guarantee(curves(40, rng), alpha=0.1, delta=0.1) for _ in range(150)]
    assert np.mean([mean_risk(each.factor) <= 0.1 for each in found]) >= 0.9
    assert np.median([each.factor for each in found]) < 3


@pytest.mark.slow
def test_more_images_need_less_width() -> None:
    rng = np.random.default_rng(1)
    few, many = (np.mean([guarantee(curves(n, rng)).factor for _ in range(20)]) for n in (30, 400))
    exact = next(factor for factor in FACTORS if mean_risk(factor) <= 0.1)
    assert exact <= many * 1.02
    assert many < few


@pytest.mark.parametrize(("alpha", "delta"), [(0.1, 0.1), (0.05, 0.1), (0.2, 0.01)])
def test_the_number_of_images_is_the_least_that_can_hold(alpha: float, delta: float) -> None:
    needed = images_needed(alpha, delta)
    never_outside = np.zeros((needed, len(FACTORS)))
    assert guarantee(never_outside, alpha, delta).factor == FACTORS[0]
    assert (1 - alpha) ** needed <= delta < (1 - alpha) ** (needed - 1)
    with pytest.raises(ValueError, match=f"take at least {needed}, or allow"):
        guarantee(never_outside[1:], alpha, delta)


def test_the_p_value_bounds_the_exact_one_of_risks_that_are_0_or_1() -> None:
    """Risks of 0 or 1 with expectation α are the least favourable: the binomial law is exact for them."""
    for errors in range(6):
        exact = stats.binom.cdf(errors, 60, 0.1)
        assert exact * (1 - 1e-9) <= p_value(errors / 60, 60, 0.1) <= 1
    assert p_value(0.1, 60, 0.1) == 1
    assert p_value(0.0, 22, 0.1) == pytest.approx(0.9**22)


def test_shares_outside_are_counted() -> None:
    shares = outside_of(np.array([0.5, 1.0, 2.0, 4.0]), 1.0, (0.25, 1.0, 3.0, 4.0))
    np.testing.assert_array_equal(shares, [1, 0.5, 0.25, 0])


def test_images_that_are_never_held_are_refused_and_single_images_show_their_weight() -> None:
    with pytest.raises(ValueError, match="even 32 times as wide intervals"):
        guarantee(np.ones((30, len(FACTORS))))
    found = guarantee(curves(40, np.random.default_rng(2)))
    assert len(found.left_out) == 40
    assert min(found.left_out) <= found.factor <= max(found.left_out)


def test_an_interval_says_what_is_guaranteed() -> None:
    said = Interval(factor=1.3, alpha=0.1, delta=0.1, images=40).sentence()
    assert "with 90 % confidence at most 10 % of the pixels of images like the 40" in said
    assert Interval().sentence() == "90 % interval, not calibrated"
