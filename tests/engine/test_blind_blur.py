"""Is the width of an unknown blur found in the blurred image itself?"""

import re

import numpy as np
import pytest
from scipy.signal import fftconvolve

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.analysis.beads import widths_of
from napari_tweedie.engine.blind_blur import UNSURE, WORSE, Trial, widest


def discs(rng: np.random.Generator, side: int = 144) -> np.ndarray:
    """Return overlapping discs with sharp edges, larger than the image that is made of them."""
    y, x = np.mgrid[:side, :side]
    places = rng.uniform(0, side, (side**2 // 300, 2))
    return sum(rng.uniform(30, 90) * (np.hypot(y - row, x - left) < rng.uniform(3, 9)) for row, left in places)


@pytest.mark.parametrize(
    ("known", "unknown", "true"),
    [
        ({"name": "gaussian-blur"}, "std", 1.3),
        ({"name": "gaussian-blur"}, "std", 2.4),
        ({"name": "microscope-psf", "pixel": 100}, "na", 0.5),
        ({"name": "microscope-psf", "pixel": 100}, "na", 0.9),
    ],
)
def test_the_width_of_a_blur_is_found_within_a_tenth(
    known: dict[str, object], unknown: str, true: float, rng: np.random.Generator
) -> None:
    kernel = degradations.load(**(known | {unknown: true})).kernel(2)
    blurred = fftconvolve(discs(rng), kernel, mode="same")[36:-36, 36:-36]
    found = nt.estimate_psf(blurred + rng.normal(0, 1, blurred.shape), "image", degradation=known, unknown=unknown)
    assert found.fwhm[0] == pytest.approx(widths_of(kernel)[0], rel=0.1)
    np.testing.assert_allclose(found.psf, found.degradation.kernel(2), rtol=1e-5)
    assert getattr(found.degradation, unknown) == pytest.approx(true, rel=0.12)
    assert f"{unknown} = " in found.notes[0]
    narrow, wide = map(float, re.search(r"well; (\S+) to (\S+) foretell", found.notes[0]).groups())
    assert 0.95 * min(narrow, wide) <= true <= 1.05 * max(narrow, wide)


def test_the_widest_place_is_taken_at_which_the_error_has_hardly_risen() -> None:
    """Of a parabola about 1 with a curvature of 0.28 that is √(0.007 / 0.28) beyond its lowest point."""
    trials = (0.18 * n for n in range(30))
    found, (low, high), is_bound = widest(lambda place: Trial(place, 0.1 + 0.28 * (place - 1) ** 2, 0.1 / (1 + place)), trials)
    assert found == pytest.approx(1 + (WORSE / 0.28) ** 0.5, abs=0.01)
    assert not is_bound
    beyond = (UNSURE / 0.28) ** 0.5  # to within what a line between trials leaves
    assert (low, high) == pytest.approx((1 - beyond, 1 + beyond), abs=0.03)


def test_an_error_that_never_rises_tells_no_width() -> None:
    with pytest.raises(ValueError, match="wider than can be told"):
        widest(lambda place: Trial(place, 0.1 - 0.001 * place, 0.1), iter([0.0, 0.2, 0.4]))


def test_an_image_that_is_not_blurred_is_said_to_be_hardly_so(rng: np.random.Generator) -> None:
    sharp = discs(rng)[:64, :64]
    found = nt.estimate_psf(sharp + rng.normal(0, 1, sharp.shape), "image")
    assert found.fwhm[0] < 1.5
