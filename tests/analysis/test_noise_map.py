"""Is noise that differs between parts of an image found there, and nothing else taken for it?"""

import json

import numpy as np
import pytest
import torch
from skimage import data, transform

import napari_tweedie as nt
from napari_tweedie.analysis.noise_kind import identify_noise
from napari_tweedie.analysis.noise_map import NoiseMap
from napari_tweedie.analysis.special_noise import in_places
from napari_tweedie.degradations.noise import Gaussian, Poisson

SIDE = 160
Y, X = np.mgrid[:SIDE, :SIDE]
RADIUS = np.hypot(Y - SIDE / 2, X - SIDE / 2) / SIDE
LEVELS = {
    "halves": np.where(X < SIDE / 2, 10.0, 40.0),
    "g-factor": 8 + 30 * np.exp(-((RADIUS / 0.3) ** 2)),
    "vignetting": 10 * (1 + 4 * RADIUS**2),
    "tiles": np.array([[10.0, 25], [40, 15]])[2 * Y // SIDE, 2 * X // SIDE],
    "stripes": np.where((Y // 32) % 2 == 0, 10.0, 25.0),
}


def cells() -> np.ndarray:
    return 255 * transform.resize(data.cell(), (SIDE, SIDE), anti_aliasing=True)


def camera() -> np.ndarray:
    return data.camera()[60 : 60 + SIDE, 150 : 150 + SIDE].astype(float)


def scenes() -> dict[str, np.ndarray]:
    texture = {name: getattr(data, name)()[:SIDE, :SIDE].astype(float) for name in ("grass", "gravel", "brick")}
    return {"cells": cells(), "camera": camera(), "coins": data.coins()[:SIDE, :SIDE].astype(float), **texture}


def noisy(clean: np.ndarray, level: np.ndarray | float, seed: int = 0) -> np.ndarray:
    return clean + level * np.random.default_rng(seed).normal(size=clean.shape)


@pytest.mark.parametrize("name", sorted(LEVELS))
@pytest.mark.parametrize("clean", [cells(), camera()], ids=["cells", "camera"])
def test_levels_of_places_are_found(name: str, clean: np.ndarray) -> None:
    true = LEVELS[name]
    found = NoiseMap.measured([noisy(clean, true)])
    assert found
    error = np.log(found.level * found.relative.over(clean.shape) / true)
    assert np.median(np.abs(error)) < 0.15
    assert found.level == pytest.approx(np.sqrt(np.mean(true**2)), rel=0.15)


@pytest.mark.parametrize("name", sorted(scenes()))
@pytest.mark.parametrize("sigma", [0.0, 5.0, 15.0, 50.0])
def test_even_noise_and_texture_are_not_taken_for_noise_that_differs(name: str, sigma: float) -> None:
    image = np.rint(noisy(scenes()[name], sigma))
    assert not NoiseMap.measured([image])
    assert not NoiseMap.measured([np.clip(image, 0, 255)])


@pytest.mark.parametrize("photons", [2.0, 20.0, 200.0])
def test_photon_noise_follows_the_light_not_the_place(photons: float) -> None:
    for clean in scenes().values():
        image = 100.0 + np.random.default_rng(0).poisson(photons * clean / 255)
        assert not in_places(identify_noise([image]), [image]).places


def test_photon_noise_may_differ_from_place_to_place_besides() -> None:
    light, factor = 200 * camera() / 255, np.where(X < SIDE / 2, 1.0, 2.0)
    image = 10 * (light + factor * (np.random.default_rng(0).poisson(light) - light)) + 100
    found = in_places(identify_noise([image]), [image])
    assert isinstance(found.noise, Poisson)
    over = found.places.over(image.shape)
    assert np.median(over[:, X[0] > 90]) / np.median(over[:, X[0] < 70]) == pytest.approx(2, rel=0.25)
    assert "times that" in found.sentence()


def test_planes_of_a_stack_have_one_map() -> None:
    stack = [noisy(np.roll(camera(), 9 * n, 1), LEVELS["halves"], n) for n in range(4)]
    one, several = NoiseMap.measured(stack[:1]), NoiseMap.measured(stack)
    errors = [np.std(np.log(each.level * each.relative.over((SIDE, SIDE)) / LEVELS["halves"])) for each in (one, several)]
    assert errors[1] <= errors[0]


def test_a_map_is_written_down_and_cut_without_a_change() -> None:
    found = NoiseMap.measured([noisy(cells(), LEVELS["vignetting"])]).relative
    again = NoiseMap.restored(json.loads(json.dumps(found.describe())))
    np.testing.assert_allclose(again.over((SIDE, SIDE)), found.over((SIDE, SIDE)), rtol=1e-6)
    np.testing.assert_array_equal(found.beginning(24, 50).over((40, 30)), found.over((SIDE, SIDE))[24:64, 50:80])
    assert np.sqrt(np.mean(found.over((SIDE, SIDE)) ** 2)) == pytest.approx(1, abs=0.02)


def error(image: np.ndarray, clean: np.ndarray) -> float:
    return float(np.mean((image - clean) ** 2))


@pytest.mark.parametrize("name", ["halves", "g-factor"])
def test_untouched_it_is_removed_as_if_the_levels_were_known(name: str) -> None:
    clean, true = cells(), LEVELS[name]
    image = noisy(clean, true).astype(np.float32)
    result = nt.denoise(image, denoiser="unet-small")
    network = nt.denoisers.load("unet-small")
    by_hand = [nt.denoise(image, denoiser="unet-small", noise=Gaussian(sigma=level)) for level in (10, 18, 25, 40)]
    known = np.asarray(network(*(torch.from_numpy(each[None, None] / 255).float() for each in (image, true))))[0, 0] * 255
    assert error(result.image, clean) < 1.12 * error(known, clean)  # half a dB
    assert error(result.image, clean) < min(error(each.image, clean) for each in by_hand)
    assert "it differs between parts of the image, " in result.notes[0]
    assert result.outliers is None
    again = nt.run(nt.Recipe.model_validate(result.provenance["recipe"]), image)
    np.testing.assert_array_equal(again.image, result.image)


def test_denoisers_of_one_level_take_a_map_too() -> None:
    clean, true = cells(), LEVELS["halves"]
    image = noisy(clean, true).astype(np.float32)
    single = nt.denoise(image, denoiser="wavelet", noise=Gaussian(sigma=float(np.sqrt(np.mean(true**2))))).image
    assert error(nt.denoise(image, denoiser="wavelet").image, clean) < 0.5 * error(single, clean)


def test_the_standard_deviation_follows_the_places() -> None:
    clean, true = cells(), LEVELS["halves"]
    image = noisy(clean, true).astype(np.float32)
    result = nt.run(nt.Recipe(denoiser="unet-small", probes=2), image)
    found, left = result.images["std"], np.abs(result.images["denoised"] - clean)
    for side in (X < 70, X > 90):
        assert 0.4 < found[side].mean() / np.sqrt(np.mean(left[side] ** 2)) < 2.5
    assert found[:, 90:].mean() > 1.3 * found[:, :70].mean()


def test_restorations_weigh_the_data_by_place() -> None:
    from scipy.ndimage import gaussian_filter

    clean = camera()
    image = noisy(gaussian_filter(clean, 1.5, mode="reflect"), LEVELS["halves"] / 4).astype(np.float32)
    known = {"std": 1.5, "denoiser": "unet-small", "solver": {"name": "hqs", "iterations": 4}}
    untouched = nt.restore(image, "gaussian-blur", **known)
    assert untouched.provenance["noise"][0]["places"]
    single = [nt.restore(image, "gaussian-blur", noise=Gaussian(sigma=level), **known).image for level in (2.5, 7.3, 10.0)]
    assert error(untouched.image, clean) < min(error(each, clean) for each in single)
