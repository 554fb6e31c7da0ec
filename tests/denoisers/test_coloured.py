"""Removal of noise that correlates: against the truth, for denoisers that are told levels and for those that are not."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import denoisers
from napari_tweedie.degradations.correlation import REACH, Correlation
from napari_tweedie.denoisers.coloured import Coloured
from napari_tweedie.denoisers.tiling import Tiled, Volume


def blurred_noise(std: float) -> Correlation:
    """Return the autocorrelation of white noise that a Gaussian blurred, in closed form."""
    along = np.exp(-(np.arange(REACH + 1) ** 2) / (4 * std**2))
    return Correlation(tuple(map(tuple, np.outer(along, along))))


def picture(side: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    blobs = gaussian_filter(rng.standard_normal((side, side)), 6)
    return np.where(blobs > 0, 0.8, 0.2) + 0.1 * np.sin(np.arange(side) / 5)


@pytest.mark.parametrize(("name", "gain"), [("unet", 4.0), ("unet-small", 3.0)])
def test_noise_that_was_blurred_is_removed_far_better_than_noise_taken_for_white(name: str, gain: float) -> None:
    clean = picture(96)
    noise = gaussian_filter(np.random.default_rng(4).standard_normal(clean.shape), 1.0, mode="wrap")
    noisy = torch.from_numpy(clean + 0.1 * noise / noise.std()).float()[None, None]
    denoise = denoisers.load(name)
    errors = []
    with torch.no_grad():
        for f in (denoise, Coloured(denoiser=denoise, correlation=blurred_noise(1.0))):
            errors.append(float((f(noisy, 0.1)[0, 0] - torch.from_numpy(clean)).square().mean()))
    assert 10 * np.log10(errors[0] / errors[1]) > gain


def test_every_sample_has_a_level_of_its_own() -> None:
    clean = picture(64)
    noisy = torch.from_numpy(clean + 0.1 * np.random.default_rng(5).standard_normal((2, *clean.shape))).float()[:, None]
    f = Coloured(denoiser=denoisers.load("unet", precision="float32"), correlation=blurred_noise(0.8))
    levels = torch.tensor([0.05, 0.2])
    with torch.no_grad():
        together = f(noisy, levels)
        alone = torch.cat([f(noisy[n : n + 1], float(levels[n])) for n in range(2)])
    assert torch.allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("axis", [3, 4])
def test_planes_across_a_stack_have_the_correlation_of_its_noise_there(axis: int) -> None:
    """Noise of independent planes, with rows and columns of their own: its sample autocorrelation on the planes across Y or X."""
    rng = np.random.default_rng(0)
    kernel = np.exp(-(np.arange(REACH + 1) ** 2) / 4)
    near = 0.6 * np.outer(kernel, np.eye(REACH + 1)[0])
    near[0, 0] = 0.6
    correlation = Correlation(tuple(map(tuple, near)), (0.3, *(0.0,) * REACH), (0.1, *(0.0,) * REACH))
    noise = gaussian_filter(rng.standard_normal((60, 60, 60)), (0, 1, 0), mode="wrap")
    noise *= (0.6 / noise.var()) ** 0.5
    noise += 0.3**0.5 * rng.standard_normal((60, 60, 1)) + 0.1**0.5 * rng.standard_normal((60, 1, 60))
    planes = np.moveaxis(noise, axis - 2, 0)  # (planes, Z, the other axis)
    expected = correlation.across(axis).autocorrelation()[REACH:, REACH:]
    found = [[np.mean(planes[:, : 60 - i, : 60 - j] * planes[:, i:, j:]) for j in range(3)] for i in range(3)]
    assert found == pytest.approx(expected[:3, :3], abs=0.03)
    assert correlation.across(2) is correlation


def test_a_stack_of_planes_with_such_noise_comes_out_better_than_as_white() -> None:
    depth = np.linspace(-1, 1, 16)[:, None, None]
    clean = np.stack([picture(48)] * 16) + 0.1 * depth
    noise = gaussian_filter(np.random.default_rng(4).standard_normal(clean.shape), (0, 1, 1), mode="wrap")
    noisy = torch.from_numpy(clean + 0.1 * noise / noise.std()).float()[None, None]
    plane = denoisers.load("unet-small")
    told = Coloured(denoiser=plane, correlation=blurred_noise(1.0))
    errors = []
    with torch.no_grad():
        for f, level in ((plane, 0.1), (plane, 0.17), (told, 0.1)):
            estimate = Volume(Tiled(f, 64, 16))(noisy, level)
            errors.append(float((estimate[0, 0] - torch.from_numpy(clean)).square().mean()))
    assert 10 * np.log10(min(errors[:2]) / errors[2]) > 0.3
