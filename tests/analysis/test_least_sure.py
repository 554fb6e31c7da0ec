import numpy as np
import pytest

from napari_tweedie.analysis.least_sure import least_sure


def test_a_region_that_is_less_sure_is_marked_and_specks_are_not(rng: np.random.Generator) -> None:
    std = 1 + 0.05 * rng.random((2, 64, 64))
    std[0, 10:26, 20:36] = 5
    std[1, 50, 50] = 20
    marks, limit = least_sure(std, share=0.02)
    assert 1 < limit < 5
    assert marks[0, 12:24, 22:34].all()
    assert not marks[0, 40:].any()
    assert not marks[1, 50, 50]
    assert marks.mean() < 0.04


def test_pixels_without_a_value_are_never_marked() -> None:
    std = np.ones((32, 32))
    std[:16] = np.nan
    std[20:28, 8:16] = 3
    marks, limit = least_sure(std)
    assert not marks[:16].any()
    assert marks[22:26, 10:14].all()
    assert np.isfinite(limit)
    assert not least_sure(np.full((8, 8), np.nan))[0].any()


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share must lie between 0 and 1"):
        least_sure(np.ones((8, 8)), share)
