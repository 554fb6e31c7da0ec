import numpy as np
import pytest
from scipy import stats

from napari_tweedie.analysis.profiles import line_profile


def test_a_profile_runs_from_end_to_end_with_the_spread_of_the_samples() -> None:
    rng = np.random.default_rng(4)
    ramp = np.tile(np.arange(30.0), (24, 1))
    samples = ramp + rng.choice([-1.0, 1.0], (10, 1, 1)) * np.linspace(0, 1, 24)[:, None]
    samples = np.concatenate([samples, 2 * ramp - samples])
    profile = line_profile(samples, (23, 2), (23, 12), spacing=(0.5, 0.5))
    np.testing.assert_allclose(profile.mean, np.arange(2, 13))
    np.testing.assert_allclose(profile.distance, 0.5 * np.arange(11))
    np.testing.assert_allclose(profile.upper - profile.mean, stats.t.ppf(0.95, 10), rtol=1e-6)
    with pytest.raises(ValueError, match="needs ends of as many numbers"):
        line_profile(samples, (1, 2, 3), (4, 5, 6))
