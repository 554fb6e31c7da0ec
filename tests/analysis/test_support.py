"""Is what samples disagree on told from what they agree on, and from where nothing is shown?"""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_tweedie.analysis.support import unsupported

SHAPE = (40, 60)
SURE, DOUBTFUL, EMPTY = (20, 12), (20, 36), (8, 52)


def spot(place: tuple[int, int]) -> np.ndarray:
    point = np.zeros(SHAPE)
    point[place] = 1
    return gaussian_filter(point, 1.5) / gaussian_filter(point, 1.5).max()


def samples(count: int = 16) -> np.ndarray:
    """One spot in every sample, one in every other, and a little noise that is opposite in pairs."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.3, (count // 2, *SHAPE))
    made = 100 + 50 * spot(SURE) + np.concatenate([noise, -noise])
    made[::2] += 50 * spot(DOUBTFUL)
    return made


def test_a_spot_that_half_of_the_samples_lack_is_not_supported() -> None:
    mask = unsupported(samples())
    assert mask[DOUBTFUL]
    assert not mask[SURE]
    assert mask.sum() < 200
    assert not mask[:, :24].any()
    assert not mask[:12, 44:].any()


def test_what_another_image_invents_is_found_and_what_it_lacks_is_not_told() -> None:
    made = samples()
    invented = 100 + 50 * spot(SURE) + 50 * spot(EMPTY)
    mask = unsupported(made, invented)
    assert mask[EMPTY]
    assert not mask[SURE]
    assert not mask[DOUBTFUL]


def test_more_certainty_is_asked_for_by_the_level() -> None:
    """A spot 2.5 standard deviations high is there with a probability of 0.99, not of 0.999."""
    made = 100 + np.tile([18.0, 42.0], 20)[:, None, None] * spot(SURE) + 50 * spot(EMPTY)
    assert not unsupported(made, level=0.9)[SURE]
    assert unsupported(made, level=0.999)[SURE]


def test_even_ground_and_missing_pixels_claim_nothing() -> None:
    noise = np.random.default_rng(2).normal(0, 1, (8, *SHAPE))
    made = 100 + 400 * spot(SURE) + np.concatenate([noise, -noise])
    assert not unsupported(made).any()
    made[:, 30:] = np.nan
    assert not unsupported(made)[30:].any()
    with pytest.raises(ValueError, match="take those of the same measurement"):
        unsupported(made, made[0, 1:])
