"""Are the pixels of a camera found as they are, with the errors that are told?"""

import numpy as np
import pytest

import napari_tweedie as nt

SHAPE = (48, 40)
FRAMES = 120


class Simulated:
    """A camera of pixels that differ, and its frames."""

    def __init__(self, rng: np.random.Generator, spread: float = 0.03, response: float = 0.0) -> None:
        self.rng = rng
        self.read = 1.4 * np.exp(0.3 * rng.standard_normal(SHAPE))
        self.read[rng.random(SHAPE) < 0.01] = 10.0
        self.gain = 2 * (1 + spread * rng.standard_normal(SHAPE))
        self.offset = 100 + 3 * rng.standard_normal(SHAPE)
        self.efficiency = 1 + response * rng.standard_normal(SHAPE)

    def frames(self, light: float, flicker: float = 0.0, count: int = FRAMES) -> np.ndarray:
        lamp = 1 + flicker * self.rng.standard_normal((count, 1, 1))
        shading = np.linspace(0.8, 1.2, SHAPE[1])
        photons = self.rng.poisson(light * lamp * shading * self.efficiency)
        signal = self.gain * photons + self.offset + self.gain * self.read * self.rng.standard_normal((count, *SHAPE))
        return np.clip(np.rint(signal), 0, 65535).astype(np.uint16)


@pytest.fixture
def camera(rng: np.random.Generator) -> Simulated:
    return Simulated(rng)


def test_maps_are_found_with_the_errors_that_are_told(camera: Simulated) -> None:
    found = nt.camera_maps(camera.frames(0), [camera.frames(light) for light in (50, 300, 1500)])
    offset, gain = found.offset - camera.offset, found.gain - camera.gain
    assert 0.8 < 1.4826 * np.median(np.abs(offset)) / found.errors["offset"] < 1.25
    assert np.sqrt(np.mean(gain**2)) < 1.5 * found.errors["gain"]
    assert np.std(gain) < 0.5 * np.std(camera.gain)  # half of the spread and more is explained
    logarithm = np.log(found.variance / (camera.gain * camera.read) ** 2)
    assert abs(np.median(logarithm)) < 0.05
    assert 1.4826 * np.median(np.abs(logarithm)) < 1.1 * (2 / (FRAMES - 1)) ** 0.5
    noisy = camera.read == 10.0
    np.testing.assert_allclose(np.sqrt(found.variance[noisy]) / camera.gain[noisy], 10, rtol=0.3)


def test_a_lamp_that_flickers_does_not_raise_the_gain(camera: Simulated) -> None:
    found = nt.camera_maps(camera.frames(0), [camera.frames(1500, flicker=0.05)])
    assert np.median(found.gain) == pytest.approx(2, rel=0.02)  # untouched it would be (1 + 1500 · 0.05²) times as high


def test_response_that_is_no_gain_is_told_from_gain(rng: np.random.Generator) -> None:
    camera = Simulated(rng, spread=0.0, response=0.05)
    found = nt.camera_maps(camera.frames(0), [camera.frames(light) for light in (300, 1500)])
    assert np.std(found.gain) / 2 < 0.02  # response alone would say 0.05


def test_cosmic_rays_in_a_frame_do_not_count(camera: Simulated) -> None:
    dark = camera.frames(0)
    clean = nt.camera_maps(dark, [camera.frames(300)])
    places = np.array([[5, 6], [20, 30], [40, 3]])
    for n, (y, x) in enumerate(places):
        dark[n, y, x] = 5000
    hit = nt.camera_maps(dark, [camera.frames(300)])
    for y, x in places:
        assert hit.offset[y, x] == pytest.approx(clean.offset[y, x], abs=1)
        assert hit.variance[y, x] == pytest.approx(clean.variance[y, x], rel=0.25)


def test_intensities_that_saturate_are_left_out_and_told(camera: Simulated) -> None:
    flats = [camera.frames(300), camera.frames(60_000)]
    found = nt.camera_maps(camera.frames(0), flats)
    assert np.median(found.gain) == pytest.approx(2, rel=0.03)
    assert any("1 of 2 intensities were left out" in note for note in found.notes)
    with pytest.raises(ValueError, match="without saturating"):
        nt.camera_maps(camera.frames(0), flats[1:])


def test_a_camera_that_is_not_linear_is_told(camera: Simulated) -> None:
    bent = [np.rint(100 + (frames - 100.0) ** 0.95).astype(np.uint16) for frames in (camera.frames(50), camera.frames(1500))]
    assert any("differs between intensities" in note for note in nt.camera_maps(camera.frames(0), bent).notes)


def test_frames_that_do_not_suffice_are_refused(camera: Simulated) -> None:
    dark, flat = camera.frames(0), camera.frames(300)
    with pytest.raises(ValueError, match="dark frames must be at least 8 frames"):
        nt.camera_maps(dark[:3], [flat])
    with pytest.raises(ValueError, match="flat frames 1 have 24 × 40 pixels, the dark frames 48 × 40"):
        nt.camera_maps(dark, [flat[:, ::2]])
    with pytest.raises(ValueError, match="frames of even light"):
        nt.camera_maps(dark, [])


def test_pixels_that_are_stuck_have_maps_too(rng: np.random.Generator) -> None:
    dark, flat = rng.normal(100, 2, (10, 12, 14)), 100 + 2.0 * rng.poisson(100, (10, 12, 14))
    dark[:, 3, 4] = flat[:, 3, 4] = 100
    assert np.isfinite(nt.camera_maps(dark, [flat]).maps).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_frames_whose_squares_overflow_are_refused(value: float, rng: np.random.Generator) -> None:
    dark, flat = rng.normal(100, 2, (10, 12, 14)), 100 + 2.0 * rng.poisson(100, (10, 12, 14))
    for frames in (dark, flat):
        kept, frames[4, 5, 6] = frames[4, 5, 6], value
        with pytest.raises(ValueError, match="hold values that are not finite, or beyond"):
            nt.camera_maps(dark, [flat])
        frames[4, 5, 6] = kept
