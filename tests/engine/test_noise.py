"""Is the noise that a recipe states, or leaves to be estimated, the noise that a run removes?"""

import json

import numpy as np
import pytest

from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe


def denoised(image: object, **recipe: object) -> np.ndarray:
    return last(run(Recipe(**recipe), image)).images["denoised"]


def rms(image: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(image))))


@pytest.mark.slow
@pytest.mark.parametrize("peak", [2, 10, 50])
def test_photon_noise_is_removed_without_darkening(peak: int, scene: np.ndarray, rng: np.random.Generator) -> None:
    """The mean of each sixth of the image is that of its 16 measurements to 1 % (root mean square)."""
    gain, read_noise = 3.0, 1.5
    clean = gain * peak * scene + 100
    noisy = gain * rng.poisson(peak * scene, (16, *scene.shape)) + 100 + rng.normal(0, read_noise, (16, *scene.shape))
    noise = {"name": "poisson", "gain": gain, "offset": 100, "read_noise": read_noise}
    result = denoised(noisy, axes="tyx", noise=noise)
    light, counted, expected = (sixths(image) - 100 for image in (result.mean(0), noisy.mean(0), clean))
    assert rms(light / counted - 1) < 0.01
    assert rms(light / expected - 1) < 0.02
    assert light.mean() == pytest.approx(counted.mean(), rel=1e-3)
    assert rms(result - clean) < 0.4 * rms(noisy - clean)


def sixths(image: np.ndarray) -> np.ndarray:
    return image.reshape(2, 32, 3, 32).mean((1, 3))


def test_the_noise_model_is_estimated_and_reported(scene: np.ndarray, rng: np.random.Generator) -> None:
    lit = np.kron(np.where(scene > 0.3, scene, 0.0), np.ones((3, 3)))
    noisy = 3 * rng.poisson(20 * lit) + 100 + rng.normal(0, 4.0, lit.shape)
    result = last(run(Recipe(noise="poisson"), noisy))
    (noise,) = result.provenance["noise"]
    assert (noise["gain"], noise["read_noise"]) == (pytest.approx(3, rel=0.1), pytest.approx(4, rel=0.1))
    assert noise["offset"] == pytest.approx(100, abs=1)
    assert len(noise["fit"]["means"]) == len(noise["fit"]["variances"]) > 5
    assert result.provenance["noise_levels"] == [pytest.approx(np.std(noisy - 3 * 20 * lit), rel=0.1)]
    assert rms(result.images["denoised"] - 100 - 60 * lit) < 0.5 * rms(noisy - 100 - 60 * lit)
    json.dumps(result.provenance)


def test_an_open_noise_model_of_a_measurement_without_pixels_is_asked_for(scene: np.ndarray) -> None:
    recipe = Recipe(job="restore", degradation="fourier-mask", noise={"name": "poisson", "gain": 1.0})
    with pytest.raises(ValueError, match="cannot be estimated: give it"):
        last(run(recipe, np.stack([scene, scene])))


def test_a_run_tells_what_it_found(scene: np.ndarray, rng: np.random.Generator) -> None:
    noisy = np.tile(scene, (2, 2)) + rng.normal(0, 0.1, (128, 192))
    (note,) = last(run(Recipe(denoiser="unet-small"), noisy)).notes
    assert note.startswith("Gaussian noise")


@pytest.mark.parametrize(
    ("given", "word"),
    [({"sigma": 0.1}, ""), ({"sigma": 0.2}, "too high"), ({"sigma": 0.05}, "too low"), ({"name": "gaussian"}, "")],
)
def test_a_given_noise_level_is_judged(given: dict[str, object], word: str, scene: np.ndarray, rng: np.random.Generator) -> None:
    noisy = np.tile(scene, (2, 2)) + rng.normal(0, 0.1, (128, 192))
    notes = last(run(Recipe(denoiser="unet-small", noise=given), noisy)).notes
    advice = [note for note in notes if "Automatic would take" in note]
    assert len(advice) == bool(word)
    assert all(word in note for note in advice)


def test_photon_noise_that_is_taken_for_gaussian_is_told(scene: np.ndarray, rng: np.random.Generator) -> None:
    noisy = rng.poisson(40 * np.tile(scene, (2, 2)))
    (note,) = last(run(Recipe(denoiser="unet-small", noise="gaussian"), noisy)).notes
    assert "no single level suits" in note
    assert "Photon noise" in note


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gaussian", "poisson"])
def test_correlated_noise_is_removed_once_it_is_told_of(model: str, scene: np.ndarray, rng: np.random.Generator) -> None:
    """A frame that its detector enlarged twice; taken for white, its noise is hardly seen."""
    clean = 100 + 60 * np.kron(scene, np.ones((2, 2)))
    noisy = np.kron(100 + rng.poisson(60 * scene), np.ones((2, 2)))
    white, told = (last(run(Recipe(noise={"name": model, "correlated": flag}), noisy)) for flag in (False, True))
    assert rms(white.images["denoised"] - clean) > 0.8 * rms(noisy - clean)
    assert rms(told.images["denoised"] - clean) < 0.6 * rms(noisy - clean)
    (noise,) = told.provenance["noise"]
    assert noise["correlated"]
    assert told.images["denoised"].mean() == pytest.approx(noisy.mean(), rel=0.01)


@pytest.mark.parametrize("field", ["dark", "flat", "empty", "counts", "noiseless"])
def test_photon_noise_of_any_field_gives_numbers(field: str, rng: np.random.Generator) -> None:
    image = {
        "dark": np.rint(rng.normal(100, 2.0, (64, 64))),
        "flat": rng.poisson(50, (64, 64)),
        "empty": np.zeros((64, 64), np.uint16),
        "counts": rng.poisson(0.05, (64, 64)),
        "noiseless": np.arange(64.0)[None] * np.ones((64, 1)),
    }[field]
    result = last(run(Recipe(denoiser="unet-small", noise="poisson"), image))
    assert np.isfinite(result.images["denoised"]).all()
    assert abs(result.images["denoised"].mean() - image.mean()) <= 0.01 * np.ptp(image) + 1e-9
    json.dumps(result.provenance, allow_nan=False)


@pytest.mark.parametrize("job", ["denoise", "restore"])
def test_strength_multiplies_the_noise_that_is_removed(job: str, scene: np.ndarray, rng: np.random.Generator) -> None:
    noisy = 100 * scene + rng.normal(0, 8, scene.shape)

    def made(strength: float, sigma: float) -> np.ndarray:
        recipe = Recipe(job=job, denoiser="gaussian", solver="hqs", noise={"sigma": sigma}, strength=strength)
        return last(run(recipe, noisy)).image

    np.testing.assert_allclose(made(2.0, 8.0), made(1.0, 16.0), rtol=1e-5)
    assert np.abs(made(1.0, 8.0) - made(2.0, 8.0)).max() > 1


def test_photon_noise_has_a_strength_too(scene: np.ndarray, rng: np.random.Generator) -> None:
    noisy = 3.0 * rng.poisson(20 * scene)
    smooth = [np.abs(np.diff(denoised(noisy, denoiser="gaussian", strength=strength))).mean() for strength in (0.3, 1.0, 2.0)]
    assert smooth[0] > 1.1 * smooth[1] > 1.2 * smooth[2]


@pytest.mark.parametrize("job", ["denoise", "restore"])
def test_offsets_of_rows_are_taken_off_unless_they_are_kept(job: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 8, (96, 1))
    image = (100 + rng.normal(0, 8, (96, 128)) + rows).astype(np.float32)
    degradation = {"degradation": {"name": "gaussian-blur", "std": 0.8}} if job == "restore" else {}
    left = {}
    for lines in ("auto", "keep"):
        recipe = Recipe(job=job, denoiser={"name": "tikhonov"}, noise={"name": "auto", "lines": lines}, **degradation)
        result = last(run(recipe, image))
        left[lines] = result.image.mean(1).std()
        assert ("rows are shifted by" in str(result.provenance["noise"])) == (lines == "auto")
    assert left["auto"] < 0.5 * left["keep"]


def test_the_first_band_holds_the_noise_that_denoising_removes_also_where_it_correlates(
    scene: np.ndarray, rng: np.random.Generator
) -> None:
    noise = rng.standard_normal(scene.shape)
    noise = noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)
    image = (100 * scene + 6 * noise).astype(np.float32)
    parameters = {"denoiser": {"name": "tikhonov"}, "noise": {"name": "gaussian", "correlated": True}}
    bands = last(run(Recipe(job="decompose", **parameters), image)).images
    clean = denoised(image, **parameters)
    np.testing.assert_allclose(image - bands["band 1"], clean, atol=0.05)
    assert rms(clean - denoised(image, denoiser={"name": "tikhonov"}, noise={"name": "gaussian"})) > 0.1
