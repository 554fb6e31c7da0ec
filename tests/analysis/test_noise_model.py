"""Are gain and read noise those that were simulated?"""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_tweedie.analysis.noise_kind import identify_noise
from napari_tweedie.analysis.noise_model import fit_noise

GAIN, OFFSET = 3.0, 100.0


@pytest.fixture(scope="module")
def cells() -> np.ndarray:
    """A clean image in [0, 1]: textured discs of all brightnesses on a background without light."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:256, :256]
    image = np.zeros(y.shape)
    for _ in range(40):
        cy, cx, r, level = rng.uniform((0, 0, 8, 0.1), (256, 256, 30, 0.9))
        image = np.where((y - cy) ** 2 + (x - cx) ** 2 < r**2, level, image)
    texture = gaussian_filter(rng.normal(size=y.shape), 1.5)
    return np.clip(image * (1 + 0.2 * texture / texture.std()), 0, 1)


def measured(clean: np.ndarray, peak: float, read_noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return GAIN * rng.poisson(peak * clean) + OFFSET + rng.normal(0, read_noise, clean.shape)


@pytest.mark.parametrize("peak", [2, 10, 50])
@pytest.mark.parametrize("offset", [OFFSET, None])
def test_gain_and_read_noise_are_found_within_a_tenth(cells: np.ndarray, peak: float, offset: float | None) -> None:
    read_noise = 0.4 * GAIN * peak**0.25
    fit = fit_noise([measured(cells, peak, read_noise)], offset=offset)
    assert fit.gain == pytest.approx(GAIN, rel=0.1)
    assert fit.read_noise == pytest.approx(read_noise, rel=0.1)
    assert fit.offset == pytest.approx(OFFSET, abs=0.2 * GAIN)


def test_the_line_explains_the_variance_whatever_the_offset(cells: np.ndarray) -> None:
    """Without dark pixels, offset and read noise trade for each other, and the variance at every brightness stays."""
    image = measured(0.3 + 0.7 * cells, 20, 2.0)
    known, guessed = (fit_noise([image], offset=offset) for offset in (OFFSET, None))
    assert guessed.offset > OFFSET + 10
    brightness = np.array([120.0, 140.0, 160.0])
    lines = [fit.gain * (brightness - fit.offset) + fit.read_noise**2 for fit in (known, guessed)]
    np.testing.assert_allclose(lines[0], lines[1], rtol=0.1)


def test_what_is_known_is_kept(cells: np.ndarray) -> None:
    image = measured(cells, 10, 2.0)
    assert fit_noise([image], gain=GAIN, offset=OFFSET).read_noise == pytest.approx(2.0, rel=0.1)
    assert fit_noise([image], read_noise=2.0, offset=OFFSET).gain == pytest.approx(GAIN, rel=0.1)
    fit = fit_noise([image], gain=1.0, offset=2.0, read_noise=3.0)
    assert (fit.gain, fit.offset, fit.read_noise) == (1.0, 2.0, 3.0)


def test_noise_that_does_not_grow_is_read_noise(cells: np.ndarray, rng: np.random.Generator) -> None:
    fit = fit_noise([100 * cells + rng.normal(0, 5.0, cells.shape)], offset=0.0)
    assert fit.read_noise == pytest.approx(5.0, rel=0.1)
    assert 0 < fit.gain * 50 < 0.2 * fit.read_noise**2


def test_several_planes_count_together(cells: np.ndarray) -> None:
    planes = [measured(cells, 10, 2.0, seed)[:, 64 * seed : 64 * seed + 64] for seed in range(4)]
    assert fit_noise(planes, offset=OFFSET).gain == pytest.approx(GAIN, rel=0.1)


def test_padding_and_missing_pixels_say_nothing(cells: np.ndarray) -> None:
    image = measured(cells, 10, 2.0)
    image[:40], image[:, :40] = OFFSET, np.nan
    fit = fit_noise([image], offset=OFFSET)
    assert (fit.gain, fit.read_noise) == (pytest.approx(GAIN, rel=0.1), pytest.approx(2.0, rel=0.1))


def test_too_few_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="from so few patches"):
        fit_noise([np.random.default_rng(0).random((12, 12))])


def test_noise_of_enlarged_pixels_has_its_own_gain_once_it_is_known_to_correlate(cells: np.ndarray) -> None:
    enlarged = np.kron(measured(cells, 10, 2.0), np.ones((2, 2)))
    fit = identify_noise([enlarged], "poisson", "correlated").fit
    assert fit is not None
    assert fit.gain == pytest.approx(GAIN, rel=0.3)
    assert fit_noise([enlarged]).gain < GAIN / 2


def test_noise_that_may_be_correlated_but_is_not_has_its_own_gain(cells: np.ndarray) -> None:
    fit = identify_noise([measured(cells, 10, 3.0)], "poisson", "correlated").fit
    assert fit is not None
    assert fit.gain == pytest.approx(GAIN, rel=0.6)  # texture counts


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("offset", [None, 1e6])
def test_a_dark_frame_has_read_noise_and_a_gain_that_hides_in_it(seed: int, offset: float | None) -> None:
    """Nothing in it is brighter than the offset, so all of its variance is read noise."""
    frame = np.rint(np.random.default_rng(seed).normal(100, 2.0, (96, 96)))
    fit = fit_noise([frame], offset=offset)
    assert fit.variance(frame.mean()) == pytest.approx(4 + 1 / 12, rel=0.1)
    assert 0 < fit.gain < 10


@pytest.mark.parametrize("light", [0.02, 0.05, 50.0])
def test_a_flat_field_of_any_light_has_the_variance_that_it_shows(light: float, rng: np.random.Generator) -> None:
    field = rng.poisson(light, (96, 96))
    fit = fit_noise([field])
    assert 0 < fit.gain < 10
    assert fit.variance(field.mean()) <= 1.2 * field.var()


def test_an_empty_channel_has_no_noise() -> None:
    fit = fit_noise([np.full((32, 32), 7, np.uint8), np.full((32, 32), np.nan)])
    assert (fit.offset, fit.variance(7.0)) == (7.0, 0.0)
    assert fit_noise([np.zeros((4, 4))], gain=2.0, offset=-1.0, read_noise=3.0).variance(0.0) == 2 + 9


def test_a_gain_that_is_given_is_kept_where_no_light_tells_of_it(rng: np.random.Generator) -> None:
    assert fit_noise([rng.normal(0, 1e-3, (64, 64))], gain=1e-9).gain == 1e-9


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_gain_is_found_below_saturation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = gaussian_filter(rng.normal(size=(192, 192)), 12)
    light = GAIN * rng.poisson(80 * (scene - scene.min()) / np.ptp(scene)) + 40 + rng.normal(0, 9, scene.shape)
    assert 0.15 < (light > 180).mean() < 0.35
    fit = fit_noise([np.clip(np.round(light), 0, 180).astype(np.uint8)], offset=40.0)
    assert fit.gain == pytest.approx(GAIN, rel=0.3)
