"""Is multiplicative noise told from noise of photons, and removed?"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import data

import napari_tweedie as nt
from napari_tweedie.analysis.speckle import looks_of, speckle_law
from napari_tweedie.degradations.noise import Gaussian, Speckle
from napari_tweedie.images.speckle import spread_of_logarithm

SIDE = 160
Y, X = np.mgrid[:SIDE, :SIDE]
BLOBS = gaussian_filter(np.random.default_rng(3).normal(size=(SIDE, SIDE)), 6)
SPOTS = 12 + 180 * gaussian_filter((BLOBS > 0.02).astype(float), 0.7) + 600 * np.abs(BLOBS)
SMOOTH = 20 + 100 * np.exp(-((np.hypot(Y - 60, X - 90) / 40) ** 2)) + 60 * (X > 120)


def speckled(clean: np.ndarray, looks: float, seed: int = 0) -> np.ndarray:
    return (clean * np.random.default_rng(seed).gamma(looks, 1 / looks, clean.shape)).astype(np.float32)


def correlated(clean: np.ndarray, looks: int) -> np.ndarray:
    """Return an image with the speckle of a field that a scanner's point-spread function blurs."""
    field = gaussian_filter(np.random.default_rng(0).normal(size=(looks, 2, *clean.shape)), (0, 0, 0.9, 0.9))
    return (clean * (field**2).mean((0, 1)) / (field**2).mean()).astype(np.float32)


def error(image: np.ndarray, clean: np.ndarray) -> float:
    return float(np.mean((image - clean) ** 2))


@pytest.mark.parametrize("looks", [1.0, 4.0, 10.0, 50.0])
def test_looks_are_found(looks: float) -> None:
    (channel,) = nt.measure_noise(speckled(SMOOTH, looks))
    assert isinstance(channel.noise, Speckle)
    assert channel.noise.looks == pytest.approx(looks, rel=0.15)
    assert not channel.noise.correlated
    assert "Speckle" in channel.decision


@pytest.mark.parametrize("pedestal", [0.0, 100.0, 1000.0])
@pytest.mark.parametrize("photons", [2.0, 20.0, 200.0, 2000.0])
def test_photons_are_not_taken_for_speckle(photons: float, pedestal: float) -> None:
    for clean in (SPOTS, SMOOTH, data.camera()[100 : 100 + SIDE, 100 : 100 + SIDE].astype(float)):
        random = np.random.default_rng(0)
        assert speckle_law([10 * random.poisson(photons * clean / 255) + pedestal + random.normal(size=clean.shape)]) is None


@pytest.mark.parametrize("sigma", [0.0, 5.0, 25.0])
def test_noise_that_does_not_follow_the_signal_and_texture_are_not_taken_for_speckle(sigma: float) -> None:
    textures = [getattr(data, name)()[:SIDE, :SIDE].astype(float) for name in ("grass", "gravel", "brick", "camera")]
    for clean in (SPOTS, SMOOTH, *textures):
        assert speckle_law([np.rint(clean + sigma * np.random.default_rng(0).normal(size=clean.shape))]) is None


def test_looks_follow_from_the_spread_of_the_logarithm() -> None:
    for looks in (0.7, 1.0, 12.0, 300.0):
        assert looks_of(spread_of_logarithm(looks)) == pytest.approx(looks)


@pytest.mark.parametrize("looks", [4.0, 10.0])
def test_untouched_it_is_removed_better_than_by_any_one_level(looks: float) -> None:
    noisy, known = speckled(SPOTS, looks), {"denoiser": "unet-small"}
    untouched = nt.denoise(noisy, **known)
    given = nt.denoise(noisy, noise=Speckle(looks=looks), **known)
    single = [nt.denoise(noisy, noise=Gaussian(sigma=share * SPOTS.mean() / looks**0.5), **known) for share in (0.5, 1, 1.5)]
    assert error(untouched.image, SPOTS) < min(error(each.image, SPOTS) for each in single)
    assert error(untouched.image, SPOTS) < 1.12 * error(given.image, SPOTS)  # half a dB
    assert untouched.image.mean() == pytest.approx(SPOTS.mean(), rel=0.01)
    assert untouched.outliers is None
    again = nt.run(nt.Recipe.model_validate(untouched.provenance["recipe"]), noisy)
    np.testing.assert_array_equal(again.image, untouched.image)


@pytest.mark.parametrize("looks", [1, 8])
def test_speckle_that_neighbours_share_is_removed_by_its_correlation(looks: int) -> None:
    noisy = correlated(SMOOTH, looks)
    untouched = nt.denoise(noisy, denoiser="unet-small")
    white = nt.denoise(noisy, denoiser="unet-small", noise={"name": "speckle", "looks": looks})
    noise = untouched.provenance["noise"][0]
    assert (noise["name"], noise["correlated"]) == ("speckle", True)
    assert noise["looks"] == pytest.approx(looks, rel=0.3)
    assert error(untouched.image, SMOOTH) < 0.5 * error(white.image, SMOOTH)


def test_the_standard_deviation_follows_the_signal() -> None:
    noisy = speckled(SMOOTH, 10)
    result = nt.run(nt.Recipe(denoiser="unet-small", probes=2), noisy)
    std, left = result.images["std"], np.abs(result.images["denoised"] - SMOOTH)
    assert 0.7 < np.mean(left < 1.645 * std) < 0.99


def test_restorations_weigh_the_data_by_the_signal() -> None:
    noisy = speckled(gaussian_filter(SPOTS, 1.5), 20)
    known = {"std": 1.5, "denoiser": "unet-small", "solver": {"name": "hqs", "iterations": 4}}
    untouched = nt.restore(noisy, "gaussian-blur", **known)
    single = [nt.restore(noisy, "gaussian-blur", noise=Gaussian(sigma=sigma), **known) for sigma in (5.0, 10.0, 20.0)]
    assert error(untouched.image, SPOTS) < min(error(each.image, SPOTS) for each in single)


def test_simulated_speckle_has_the_moments_of_its_looks() -> None:
    clean = torch.full((1, 1, 400, 400), 50.0)
    noisy = Speckle(looks=5.0, floor=2.0).add(clean, torch.Generator().manual_seed(0))
    assert float(noisy.mean()) == pytest.approx(50, rel=0.01)
    assert float(noisy.var()) == pytest.approx(50**2 / 5 + 4, rel=0.02)
    assert Speckle(looks=5.0, floor=2.0).level(50.0) == pytest.approx((500 + 4) ** 0.5)


def test_what_is_known_of_speckle_is_restored_from_its_report() -> None:
    from napari_tweedie.engine.channel import Channel

    (channel,) = nt.measure_noise(speckled(SMOOTH, 10))
    again = Channel.restored((channel.intensity.offset, channel.intensity.scale), channel.sigma, channel.report(), True)
    values = np.linspace(0, 200, 50)
    np.testing.assert_array_equal(again.intensity.forward(values), channel.intensity.forward(values))


def test_edges_beside_dark_parts_do_not_hide_it() -> None:
    clean = np.maximum(data.camera()[::2, ::2].astype(float), 1)
    found = speckle_law([speckled(clean, 2)])
    assert found is not None
    assert found[0] == pytest.approx(2, rel=0.2)
