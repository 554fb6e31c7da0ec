"""Does an untouched restoration of counted light come close to one that was told the noise?"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt
from napari_tweedie import degradations


def disc(side: int) -> np.ndarray:
    """Return a disc of brightness 1, a fortieth of a dark field, with a sharp border."""
    return (np.hypot(*(np.indices((side, side)) - side / 2)) < side / 11).astype(np.float32)


def camera(truth: np.ndarray, std: float, peak: float) -> np.ndarray:
    """Return the counts of a blurred truth: an offset of 100, a count a photon, read noise of two."""
    blur = degradations.load("gaussian-blur", std=std)
    clean = blur(blur.extend(torch.from_numpy(truth)[None, None]))[0, 0].numpy()
    rng = np.random.default_rng(0)
    return (100 + rng.poisson(peak * clean.clip(0)) + rng.normal(0, 2, truth.shape)).astype(np.float32)


def psnr(counts: np.ndarray, truth: np.ndarray, peak: float) -> float:
    return float(-10 * np.log10(np.mean(((counts - 100) / peak - truth) ** 2)))


@pytest.mark.parametrize("peak", [20, 500, 5000])
def test_small_bright_discs_are_restored_as_if_their_noise_were_known(peak: int) -> None:
    truth = disc(64)
    y = camera(truth, 1.6, peak)
    known = {"name": "poisson", "gain": 1.0, "offset": 100.0, "read_noise": 2.0}
    best, untouched = (
        nt.restore(y, "gaussian-blur", std=1.6, denoiser="unet-small", axes="yx", noise=noise).image for noise in (known, "auto")
    )
    assert psnr(untouched, truth, peak) > psnr(best, truth, peak) - 0.7
    assert untouched.sum() == pytest.approx(y.sum(), rel=1e-3)
    assert untouched.min() > 100 - 0.1 * peak


def test_a_blurred_scene_is_not_cut_off_at_its_darkest_level() -> None:
    """Blur lights the darkest places of a measurement, so that the truth may be darker than all of it."""
    rng = np.random.default_rng(1)
    truth = (gaussian_filter(rng.normal(size=(64, 64)), 1.2) > 0.0).astype(np.float32) * 0.8 + 0.02
    y = camera(truth, 2.0, 2000)
    x = nt.restore(y, "gaussian-blur", std=2.0, denoiser="unet-small", axes="yx").image
    assert x.min() < y.min() - 40


def test_noise_that_was_filtered_after_the_detector_is_left_to_plain_places() -> None:
    """Where a resampling removed what is finer than the blur, its lack of noise tells nothing."""
    y = gaussian_filter(camera(disc(96), 1.6, 200), 0.8)
    found = nt.restore(y, "gaussian-blur", std=1.8, denoiser="heat", axes="yx")
    assert "finer than the blur" not in found.provenance["noise"][0]["decision"]
