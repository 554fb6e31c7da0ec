"""Which planes the noise is measured on, and frames whose noise differs: against what was added."""

import numpy as np
import pytest

import napari_tweedie as nt
from napari_tweedie.engine.sampling import PLANES, chosen, drifting


def rms(image: np.ndarray) -> float:
    return float(np.sqrt(np.mean(image**2)))


def test_the_planes_with_the_specimen_are_among_those_that_are_measured() -> None:
    planes = np.random.default_rng(0).normal(0, 1, (40, 16, 16))
    numbers = chosen(len(planes), lambda n: planes[n : n + 1])
    thin = planes.copy()
    thin[26:29, 4:12, 4:12] += 100
    found = chosen(len(thin), lambda n: thin[n : n + 1])
    assert len(numbers) == len(found) == PLANES
    assert set(found) & {26, 27, 28}
    assert chosen(3, lambda n: planes[n : n + 1]) == [0, 1, 2]
    assert chosen(0, lambda n: planes[n : n + 1]) == []


def test_the_gain_of_a_thin_specimen_in_a_stack_is_found(scene: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    light = np.full((24, *scene.shape), 1.0)
    light[10:13] += 60 * scene
    (channel,) = nt.measure_noise(2.0 * rng.poisson(light) + 100.0, axes="zyx")
    assert channel.noise.name == "poisson"
    assert channel.noise.gain == pytest.approx(2, rel=0.25)


def test_every_frame_is_denoised_at_its_own_level(scene: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    levels = (5.0, 10.0, 20.0, 40.0)
    clean = np.stack([200 * scene] * len(levels))
    noisy = np.stack([frame + rng.normal(0, level, frame.shape) for frame, level in zip(clean, levels, strict=True)])
    result = nt.denoise(noisy, "unet-small", axes="tyx")
    known = [nt.denoise(frame, "unet-small", sigma=level).image for frame, level in zip(noisy, levels, strict=True)]
    for found, best, frame in zip(result.image, known, clean, strict=True):
        assert rms(found - frame) < 1.1 * rms(best - frame)
    assert any("differs between frames" in note for note in result.notes)


def test_frames_of_equal_noise_are_denoised_alike(scene: np.ndarray) -> None:
    noisy = 200 * scene + np.random.default_rng(3).normal(0, 10, (6, *scene.shape))
    result = nt.denoise(noisy, "unet-small", axes="tyx")
    assert not any("differs between frames" in note for note in result.notes)
    again = nt.denoise(noisy, "unet-small", axes="tyx", sigma=result.provenance["noise_levels"][0])
    assert np.allclose(result.image, again.image, atol=1e-3)


def test_a_frame_without_contrast_is_no_drift() -> None:
    flat = np.full((9, 40), 200.0)
    flat[1, 1] = 190  # not among the pixels that tell contrast
    frames = [[flat], [np.random.default_rng(0).normal(100, 20, (9, 40))]]
    assert drifting(frames) == []
