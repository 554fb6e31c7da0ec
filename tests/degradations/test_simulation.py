"""Measurements are simulated and restored by the engine, with every degradation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_tweedie import degradations
from napari_tweedie.cli import app
from napari_tweedie.engine import last, measure, run
from napari_tweedie.images.files import read, write
from napari_tweedie.recipe import Recipe

pytestmark = pytest.mark.slow

INPUTS = {"mask": {"mask": np.eye(64, 96)}, "psf-blur": {"psf": np.ones((3, 5))}}
UNLIKE_IMAGES = {
    "fourier-mask": {"acceleration": 2.5},
    "radon": {"angles": 45},
    "random-projection": {"ratio": 0.5, "height": 64, "width": 96},
}


def rms(image: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(image))))


@pytest.mark.parametrize("name", [name for name in degradations.names() if name != "one-bit"])
def test_a_simulated_measurement_is_the_operator_of_the_image_plus_noise(name: str, scene: np.ndarray) -> None:
    operator = degradations.load(name, **INPUTS.get(name, {}))
    clean = 1000 + 300 * scene
    recipe = Recipe(job="degrade", degradation=operator, noise={"sigma": 5.0})
    measured = last(run(recipe, clean)).images["degraded"]
    expected = operator(operator.extend(torch.from_numpy(clean.astype(np.float32))[None, None]))[0].numpy()
    assert measured.shape == (expected.shape if operator.components() > 1 else expected.shape[1:])
    counted = np.ones(expected.shape, bool)
    if not operator.is_image:
        counted = np.broadcast_to(operator.observed(torch.from_numpy(expected)[None])[0].numpy(), expected.shape)
    noise = measured.reshape(expected.shape) - expected
    assert rms(noise[counted]) == pytest.approx(5, rel=0.1)
    assert not noise[~counted].any()


@pytest.mark.parametrize("name", UNLIKE_IMAGES)
def test_measurements_unlike_the_image_are_restored_in_its_units(name: str, scene: np.ndarray) -> None:
    recipe = {"degradation": {"name": name, **UNLIKE_IMAGES[name]}, "noise": {"sigma": 2.0}, "axes": "yx"}
    clean = 1000 + 300 * scene
    measured = last(run(Recipe(job="degrade", **recipe), clean)).images["degraded"]
    if measured.ndim == 3:
        recipe["axes"] = "qyx"
    result = last(run(Recipe(job="restore", solver="hqs", **recipe), measured))
    operator = degradations.load(name, **UNLIKE_IMAGES[name])
    start = operator.start(torch.from_numpy(measured.reshape(1, -1, *measured.shape[-2:])))[0, 0].numpy()
    seen = operator.extend(torch.from_numpy(clean)[None, None])[0, 0].numpy()
    restored = result.image
    rows, columns = np.indices(seen.shape)
    inside = np.hypot(rows - 32, columns - 32) < 30 if name == "radon" else np.ones(seen.shape, bool)
    assert restored.shape == seen.shape
    assert rms((restored - seen)[inside]) < 0.5 * rms((start - seen)[inside])
    assert restored[inside].mean() == pytest.approx(seen[inside].mean(), rel=0.01)
    assert len(result.zoom) == 2


def test_stacks_of_spectra_keep_their_other_axes(scene: np.ndarray) -> None:
    stack = np.stack([scene, scene[::-1]])
    recipe = Recipe(job="degrade", degradation="fourier-mask", axes="tyx")
    measured = last(run(recipe, stack)).images["degraded"]
    assert measured.shape == (2, 2, 64, 96)  # real and imaginary part, time, y, x
    alone = last(run(recipe.model_copy(update={"axes": "yx"}), stack[1])).images["degraded"]
    np.testing.assert_allclose(measured[:, 1], alone, atol=1e-5)
    back = Recipe(job="restore", degradation="fourier-mask", axes="qtyx", noise={"sigma": 0.01}, solver="wiener")
    assert last(run(back, measured)).image.shape == stack.shape


def test_photon_noise_is_simulated_and_its_level_used(scene: np.ndarray) -> None:
    recipe = Recipe(job="degrade", noise={"name": "poisson", "gain": 2.0, "offset": 100.0})
    clean = 100 + 50 * scene
    measured = last(run(recipe, clean)).images["degraded"]
    spread = np.sqrt(2 * (clean.mean() - 100))
    assert rms(measured - clean) == pytest.approx(spread, rel=0.05)
    (channel,) = measure(recipe.model_copy(update={"job": "denoise"}), measured)
    assert channel.sigma == pytest.approx(spread, rel=0.05)


def test_compositions_are_simulated_and_restored_with_their_arrays(scene: np.ndarray, rng: np.random.Generator) -> None:
    stack = np.stack([scene, scene[::-1]])
    parts = {"outer": {"name": "mask", "mask": {"name": "holes"}}, "inner": {"name": "gaussian-blur", "std": 1.0}}
    recipe = {"degradation": {"name": "composition", **parts}, "noise": {"sigma": 0.01}}
    missing = rng.random(stack.shape) < 0.3
    measured = last(run(Recipe(job="degrade", **recipe), stack, mask=missing)).images["degraded"]
    restored = last(run(Recipe(job="restore", **recipe), np.where(missing, np.nan, measured), mask=missing)).image
    assert rms(restored - stack) < 0.05


@pytest.mark.parametrize(
    ("shape", "recipe", "message"),
    [
        ((3, 8, 8), {"degradation": "fourier-mask", "noise": {"sigma": 1}}, r"has 2 components .* shape \(3, 8, 8\)"),
        ((8, 60), {"degradation": "radon", "noise": {"name": "poisson"}}, "cannot be estimated: give it"),
        ((8, 8, 3), {"degradation": "radon", "axes": "yxs"}, "takes no colour"),
        ((4, 8, 8), {"degradation": "radon", "axes": "zyx", "volume": True}, "does not work on 3-D"),
    ],
)
def test_what_does_not_fit_is_named(shape: tuple[int, ...], recipe: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        last(run(Recipe(job="restore", **recipe), np.ones(shape)))


def test_files_hold_the_components_as_their_first_axis(tmp_path: Path, scene: np.ndarray) -> None:
    image, spectrum, restored = (tmp_path / f"{name}.tif" for name in ("image", "spectrum", "restored"))
    write(image, scene.astype(np.float32), "yx", (0.2, 0.1), "micrometer")
    rounded = ("--set", "noise.name=quantised", "--set", "noise.step=0.01")
    for arguments in (
        ("degrade", image, spectrum, "--degradation", "fourier-mask", *rounded),
        ("restore", spectrum, restored, "--degradation", "fourier-mask", "--sigma", "0.01", "--set", "solver=wiener"),
    ):
        ended = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert ended.exit_code == 0, ended.output
    assert (read(spectrum).axes, read(spectrum).data.shape) == ("qyx", (2, 64, 96))
    assert (read(restored).axes, read(restored).data.shape, read(restored).spacing) == ("yx", (64, 96), (0.2, 0.1))
