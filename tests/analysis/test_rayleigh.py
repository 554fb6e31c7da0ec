"""Is the noise of magnitudes told by their background, and no other noise taken for it?"""

import numpy as np
import pytest
from skimage import data, transform

import napari_tweedie as nt
from napari_tweedie.analysis.rayleigh import rayleigh_level
from napari_tweedie.degradations.noise import Rician

SIDE = 128
HEAD = 100 * transform.resize(data.shepp_logan_phantom(), (SIDE, SIDE), anti_aliasing=True)


def magnitudes(sigma: float, clean: np.ndarray = HEAD) -> np.ndarray:
    real, imaginary = sigma * np.random.default_rng(0).normal(size=(2, *clean.shape))
    return np.hypot(clean + real, imaginary)


@pytest.mark.parametrize(("sigma", "rounded"), [(2.0, False), (5.0, False), (5.0, True), (10.0, True)])
def test_the_background_of_magnitudes_tells_their_noise(sigma: float, rounded: bool) -> None:
    image = np.rint(magnitudes(sigma)).astype(np.uint8) if rounded else magnitudes(sigma)
    assert rayleigh_level([image]) == pytest.approx(sigma, rel=0.03)


def other_noises() -> dict[str, np.ndarray]:
    """Return images whose background is not that of magnitudes, some of them nearly."""
    random = np.random.default_rng(0)
    white = 5 * random.normal(size=HEAD.shape)
    cut_out = np.where(HEAD > 0, magnitudes(5.0), 0)
    several_coils = np.sqrt(sum(magnitudes(5.0, HEAD / 2)[::step, ::step] ** 2 for step in (1, -1)))
    return {
        "gaussian": HEAD + white,
        "gaussian on an offset": HEAD + white + 9.565,
        "cut off at zero": np.clip(HEAD + white, 0, None),
        "photons": random.poisson(HEAD + 3.66).astype(float),
        "few photons": random.poisson(HEAD / 10 + 3.66).astype(float),
        "photons of several grey levels": 7.0 * random.poisson(HEAD / 5 + 3.66),
        "speckle": (HEAD + 3) * magnitudes(1.0, np.zeros_like(HEAD)),
        "cut out": cut_out,
        "several coils": several_coils,
        "no background": magnitudes(5.0, HEAD + 40),
        "nothing": np.zeros_like(HEAD),
    }


@pytest.mark.parametrize("name", sorted(other_noises()))
def test_other_noise_is_not_taken_for_that_of_magnitudes(name: str) -> None:
    assert rayleigh_level([other_noises()[name]]) is None


@pytest.mark.parametrize("sigma", [5.0, 10.0])
def test_denoised_untouched_dark_regions_are_dark_and_the_error_falls(sigma: float) -> None:
    noisy = magnitudes(sigma).astype(np.float32)
    untouched = nt.denoise(noisy, denoiser="total-variation")
    gaussian = nt.denoise(noisy, denoiser="total-variation", noise={"name": "gaussian", "sigma": sigma})
    dark = HEAD < 1e-6
    assert (noisy - HEAD)[dark].mean() == pytest.approx(1.2533 * sigma, rel=0.02)  # Rayleigh's mean
    assert (gaussian.image - HEAD)[dark].mean() > sigma
    assert (untouched.image - HEAD)[dark].mean() < 0.35 * sigma
    assert np.mean((untouched.image - HEAD) ** 2) < 0.4 * np.mean((gaussian.image - HEAD) ** 2)
    assert untouched.image.min() >= 0
    assert any("Noise of magnitudes" in note for note in untouched.notes)


def test_the_result_replays_from_its_provenance() -> None:
    noisy = magnitudes(5.0).astype(np.float32)
    first = nt.denoise(noisy, denoiser="total-variation")
    assert first.provenance["noise"][0]["name"] == "rician"
    again = nt.run(nt.Recipe.model_validate(first.provenance["recipe"]), noisy)
    np.testing.assert_array_equal(again.image, first.image)


def test_restored_magnitudes_lose_what_their_noise_adds() -> None:
    from scipy.ndimage import gaussian_filter

    noisy = magnitudes(5.0, gaussian_filter(HEAD, 1.2)).astype(np.float32)
    known = {"std": 1.2, "denoiser": "total-variation", "solver": {"name": "hqs", "iterations": 3}}
    dark = gaussian_filter(HEAD, 4) < 0.01
    plain = nt.restore(noisy, "gaussian-blur", noise={"name": "gaussian", "sigma": 5.0}, **known).image
    untouched = nt.restore(noisy, "gaussian-blur", noise=Rician(sigma=5.0), **known).image
    assert plain[dark].mean() > 5.0
    assert untouched[dark].mean() < 0.4 * plain[dark].mean()
    assert np.mean((untouched - HEAD) ** 2) < np.mean((plain - HEAD) ** 2)
