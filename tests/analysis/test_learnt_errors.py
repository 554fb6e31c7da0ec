"""The standard deviation of errors that was learnt, against errors."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import denoisers
from napari_tweedie.analysis.learnt_errors import Learnt, error_std, learnt
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.denoisers.tiling import Tiled, Volume
from napari_tweedie.training.noises import correlation_of


def discs(seed: int, side: int = 96) -> torch.Tensor:
    """Discs of all kinds of grey levels on even ground, blurred a little."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    image = np.full((side, side), 0.1)
    for cy, cx, radius in rng.uniform((0, 0, 4), (side, side, 20), (10, 3)):
        image[np.hypot(y - cy, x - cx) < radius] = rng.uniform(0.2, 1)
    return torch.from_numpy(gaussian_filter(image, 0.8).astype(np.float32))[None, None]


@pytest.mark.parametrize("name", ["unet", "unet-small", "csc", "deep-ksvd", "lidia"])
@pytest.mark.parametrize("sigma", [0.02, 0.15])
def test_errors_are_as_large_as_they_are_told_to_be(name: str, sigma: float, generator: torch.Generator) -> None:
    """Where it is small, and where it is large: pixels are sorted by it. Little noise on plain ground errs less than learnt."""
    denoiser, errors, told = denoisers.load(name), [], []
    with torch.no_grad():
        for seed in range(6):
            truth = discs(seed)
            noisy = truth + sigma * torch.randn(truth.shape, generator=generator)
            clean = denoiser(noisy, sigma)
            std = error_std(Tiled(denoiser, 96, denoiser.halo), Learnt(name), noisy, clean, sigma)
            errors.append((clean - truth).flatten())
            told.append(std.flatten())
    error, std = torch.cat(errors), torch.cat(told)
    for part in std.argsort().chunk(3):
        assert 0.5 < float(error[part].square().mean().sqrt() / std[part].square().mean().sqrt()) < 1.5
    assert float(np.corrcoef(error.abs(), std)[0, 1]) > 0.3


@pytest.mark.parametrize("name", ["unet-small", "lidia"])
def test_where_noise_correlates_nine_errors_in_ten_lie_within_its_interval(name: str) -> None:
    """Noise blurred by 0.8 pixels; taken for white noise, half of them would."""
    frequency = np.fft.fftfreq(96)
    power = np.exp(-((2 * np.pi * 0.8) ** 2) * (frequency[:, None] ** 2 + frequency**2))
    correlation = correlation_of(power)
    denoiser, held, white = matched(denoisers.load(name), correlation), [], []
    for seed in range(3):
        truth, spread = discs(seed), np.sqrt(power / power.mean())
        noise = np.fft.ifft2(np.fft.fft2(np.random.default_rng(seed).standard_normal((96, 96))) * spread).real
        noisy = truth + 0.1 * torch.from_numpy(noise).float()
        with torch.no_grad():
            clean = denoiser(noisy, 0.1)
            for shares, whose in ((held, learnt(denoiser)), (white, Learnt(name))):
                assert whose is not None
                std = error_std(Tiled(denoiser, 96, denoiser.halo), whose, noisy, clean, 0.1)
                shares.append(float(((clean - truth).abs() <= 1.645 * std).float().mean()))
    assert 0.85 < np.mean(held) < 0.98
    assert np.mean(white) < np.mean(held) - 0.1


def test_the_border_of_a_tile_does_not_show(generator: torch.Generator) -> None:
    denoiser, noisy = denoisers.load("unet-small", precision="float32"), discs(0, 200)
    noisy = noisy + 0.1 * torch.randn(noisy.shape, generator=generator)
    with torch.no_grad():
        clean = denoiser(noisy, 0.1)
        whole, tiles = (
            error_std(Tiled(denoiser, size, denoiser.halo), Learnt("unet-small"), noisy, clean, 0.1) for size in (200, 64)
        )
    torch.testing.assert_close(tiles, whole, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("aspect", [1.0, 3.0])
def test_of_a_volume_it_is_that_of_the_mean_of_three_directions(aspect: float, generator: torch.Generator) -> None:
    """Which errs less than any one of them; balls, and planes further apart than pixels."""
    z, y, x = np.mgrid[:16, :48, :48]
    rng, image = np.random.default_rng(0), np.full((16, 48, 48), 0.1)
    for cz, cy, cx, radius in rng.uniform((0, 0, 0, 4), (16, 48, 48, 9), (8, 4)):
        image[np.sqrt((aspect * (z - cz)) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) < radius] = rng.uniform(0.3, 1)
    truth = torch.from_numpy(gaussian_filter(image, (0.8 / aspect, 0.8, 0.8)).astype(np.float32))[None, None]
    noisy = truth + 0.1 * torch.randn(truth.shape, generator=generator)
    planes = Tiled(denoisers.load("unet-small"), 48, 48)
    with torch.no_grad():
        volume = Volume(planes, aspect)
        clean = volume(noisy, 0.1)
        std = error_std(volume, Learnt("unet-small"), noisy, clean, 0.1)
        alone = error_std(Volume(planes, float("inf")), Learnt("unet-small"), noisy, clean, 0.1)
    error = (clean - truth)[0, 0]
    assert 0.75 < float(error.square().mean().sqrt() / std.square().mean().sqrt()) < 1.3
    assert aspect > 1 or float(std.square().mean()) < float(alone.square().mean())


def test_units_are_those_of_the_image_however_large_or_small(generator: torch.Generator) -> None:
    denoiser, noisy = denoisers.load("unet-small", precision="float32"), discs(3)
    noisy = noisy + 0.1 * torch.randn(noisy.shape, generator=generator)
    with torch.no_grad():
        one, tiny, huge = (
            error_std(Tiled(denoiser, 96, 48), Learnt("unet-small"), unit * noisy, unit * denoiser(noisy, 0.1), 0.1 * unit) / unit
            for unit in (1.0, 1e-20, 1e20)
        )
    torch.testing.assert_close(tiny, one, rtol=1e-3, atol=0)
    torch.testing.assert_close(huge, one, rtol=1e-3, atol=0)


def test_a_noise_level_of_zero_is_refused() -> None:
    image = torch.zeros(1, 1, 8, 8)
    with pytest.raises(ValueError, match=r"sigma must be > 0 \(got 0"):
        error_std(Tiled(denoisers.load("unet-small"), 8, 8), Learnt("unet-small"), image, image, 0.0)
