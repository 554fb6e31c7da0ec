"""Does a recipe that is passed on do the same again?"""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from napari_tweedie.cli import app
from napari_tweedie.engine import last, run
from napari_tweedie.images.files import read, write
from napari_tweedie.recipe import Recipe
from napari_tweedie.recipe.export import as_command_line, as_python, essentials
from napari_tweedie.recipe.provenance import differences
from napari_tweedie.recipe.schema import schema

pytestmark = pytest.mark.slow

RECIPES = [
    Recipe(),
    Recipe(job="degrade", degradation={"name": "downsample", "factor": 4}, noise={"name": "poisson", "gain": 2.0}, seed=5),
    Recipe(
        job="restore",
        degradation={"name": "psf-blur", "psf": {"name": "beads.tif"}, "boundary": "circular"},
        solver={"name": "wiener", "balance": 0.5},
        noise={"sigma": 0.05},
        tile=64,
    ),
    Recipe(job="restore", degradation={"name": "composition", "outer": {"name": "downsample", "factor": 2}}, solver="tikhonov"),
]

OLD = """
{"version": 1, "job": "restore", "denoiser": {"name": "unet", "precision": "auto"},
 "degradation": {"name": "gaussian-blur", "boundary": "pad", "std": 2.5, "axial_std": 0.0},
 "noise": {"name": "gaussian", "sigma": 3.0}, "solver": {"name": "pnp-admm", "iterations": 7},
 "axes": "tyx", "volume": false, "seed": 5, "device": "auto", "tile": 0}
"""


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    write(tmp_path / "image.tif", rng.random((32, 48)).astype(np.float32), "yx")
    write(tmp_path / "beads.tif", np.ones((3, 3), np.float32), "yx")
    return tmp_path


@pytest.mark.parametrize("recipe", RECIPES[1:3])
def test_python_and_command_line_do_what_the_recipe_does(recipe: Recipe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    arrays = {name: np.ones((3, 3), np.float32) for name in recipe.degradation.arrays()}
    (expected,) = last(run(recipe, read(folder / "image.tif").data, **arrays)).images.values()
    exec(as_python(recipe, result="a.tif"), {})
    program, *arguments = shlex.split(as_command_line(recipe, result="b.tif"))
    assert program == "napari-tweedie"
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    for name in ("a.tif", "b.tif"):
        np.testing.assert_array_equal(read(folder / name).data, expected)


def test_a_copied_command_names_a_solver_that_was_chosen_and_leaves_open_what_was() -> None:
    mask = {"name": "mask", "mask": {"name": "marks.tif"}}
    assert "--set solver=hqs" in as_command_line(Recipe(job="restore", degradation=mask, solver="hqs"))
    assert "solver" not in as_command_line(Recipe(job="restore", degradation=mask))


def test_what_the_command_line_does_not_take_is_passed_on_as_python(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    marks = np.zeros((32, 48), np.uint8)
    marks[5:20, 5:30] = 1
    write(folder / "marks.tif", marks, "yx")
    recipe = Recipe(job="blend", blending={"region": {"name": "marks"}})
    with pytest.raises(ValueError, match="job 'blend' and the array 'region'"):
        as_command_line(recipe)
    exec(as_python(recipe, result="blended.tif"), {})
    (expected,) = last(run(recipe, read(folder / "image.tif").data, region=marks)).images.values()
    np.testing.assert_array_equal(read(folder / "blended.tif").data, expected)


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_at_its_default_is_not_said(recipe: Recipe) -> None:
    said = essentials(recipe)
    assert "version" not in said
    again = Recipe(**said)
    assert again.model_dump_json() == recipe.model_dump_json()


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_schema_accepts_recipes(recipe: Recipe) -> None:
    Draft202012Validator(schema()).validate(json.loads(recipe.model_dump_json()))


@pytest.mark.parametrize(
    "wrong", [{"job": "paint"}, {"solver": "magic"}, {"solver": {"name": "hqs", "iterations": -1}}, {"unknown": 1}]
)
def test_the_schema_refuses_what_is_no_recipe(wrong: dict[str, object]) -> None:
    assert not Draft202012Validator(schema()).is_valid(wrong)


def test_the_published_schema_is_current() -> None:
    """Run ``napari-tweedie schema > docs/recipe.schema.json`` after changing a parameter."""
    published = Path(__file__).parents[2] / "docs" / "recipe.schema.json"
    assert json.loads(published.read_text()) == schema()


def test_recipes_of_the_first_version_load() -> None:
    recipe = Recipe.model_validate_json(OLD)
    assert recipe.degradation.std == 2.5  # type: ignore[attr-defined]
    assert recipe.solver.iterations == 7  # type: ignore[attr-defined]
    assert (recipe.noise.sigma, recipe.axes, recipe.seed) == (3.0, "tyx", 5)  # type: ignore[attr-defined]


def test_a_replay_by_other_software_or_arrays_is_told_of() -> None:
    psf = np.ones((3, 3))
    recipe = Recipe(job="restore", degradation={"name": "psf-blur", "psf": psf})
    provenance = last(run(recipe, np.random.default_rng(0).random((16, 16)))).provenance
    assert differences(provenance, recipe) == []
    changed = {**provenance, "version": "0.0.1", "denoiser": {"weights": "0" * 64}}
    other = recipe.with_inputs(psf=2 * psf)
    told = differences(changed, other)
    assert len(told) == 3
    assert "version 0.0.1" in told[0]
    assert "other weights" in told[1]
    assert "'psf' is not the one" in told[2]


BLUR = {"name": "gaussian-blur", "std": 0.8}
NETWORK = {"name": "unet-small", "precision": "float32"}
RESULTS = {
    "denoised": {},
    "denoised, photon noise": {"noise": {"name": "poisson", "gain": 1.0, "offset": 90.0, "read_noise": 1.0}},
    "standard deviation": {"probes": 2},
    "restored": {"job": "restore", "degradation": BLUR, "solver": {"name": "hqs", "iterations": 2}},
    "posterior": {"job": "sample", "sampler": {"name": "moment-matched", "samples": 2}},
    "samples": {"job": "sample", "degradation": BLUR, "sampler": {"name": "split-gibbs", "samples": 2, "iterations": 3}},
    "decomposition": {"job": "decompose", "decomposition": {"levels": 2}},
    "degraded": {"job": "degrade", "degradation": BLUR, "noise": {"sigma": 5.0}, "seed": 3},
    "score": {"job": "inspect", "inspection": "score"},
    "adaptive basis": {"job": "inspect", "inspection": {"name": "adaptive-basis", "count": 2}},
    "synthesised": {"job": "synthesise"},
    "blended": {"job": "blend", "blending": {"region": {"name": "marks"}}},
}  # fmt: skip
"""Every kind of result, by what its recipe says beyond the defaults."""


@pytest.fixture
def cells(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    return (100 + 100 * scene[:32, :40] + rng.normal(0, 8, (32, 40))).astype(np.float32)


@pytest.mark.parametrize("kind", RESULTS)
def test_every_kind_of_result_replays_from_its_own_metadata(kind: str, cells: np.ndarray) -> None:
    recipe = Recipe(**{"denoiser": NETWORK, "noise": {"sigma": 8.0}, **RESULTS[kind]})
    marks = np.zeros(cells.shape, np.uint8)
    marks[5:20, 5:30] = 1
    arrays = {"region": marks} if kind == "blended" else {}
    result = last(run(recipe, cells, **arrays))
    stored = Recipe.model_validate(json.loads(json.dumps(result.provenance["recipe"])))
    again = last(run(stored, cells, **arrays))
    assert result.images
    assert again.images.keys() == result.images.keys()
    for name, image in result.images.items():
        assert np.ptp(image) > 0
        np.testing.assert_array_equal(again.images[name], image)


@pytest.mark.parametrize("denoiser", ["unet-small", {"name": "combined", "parts": ["unet-small", "heat"]}])
def test_a_precision_that_was_measured_is_not_measured_again(
    denoiser: Any, cells: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine the second measurement may come out otherwise."""
    found = [torch.bfloat16, torch.float32]
    for precision, other in (found, found[::-1]):
        monkeypatch.setattr("napari_tweedie.core.device.fastest_precision", lambda device, its=precision: its)
        result = last(run(Recipe(denoiser=denoiser, noise={"sigma": 8.0}, device="cpu"), cells))
        monkeypatch.setattr("napari_tweedie.core.device.fastest_precision", lambda device, its=other: its)
        again = last(run(Recipe.model_validate(result.provenance["recipe"]), cells))
        np.testing.assert_array_equal(again.image, result.image)


@pytest.mark.parametrize("kind", ["denoised", "restored", "decomposition"])
def test_another_precision_gives_the_same_to_about_a_thousandth_of_the_range(kind: str, cells: np.ndarray) -> None:
    """In the root mean square; single pixels of bfloat16 differ by up to four times as much."""
    recipe = Recipe(**{"denoiser": NETWORK, "noise": {"sigma": 8.0}, **RESULTS[kind]})
    other = recipe.model_copy(update={"denoiser": recipe.denoiser.model_copy(update={"precision": "bfloat16"})})
    result, again = last(run(recipe, cells)), last(run(other, cells))
    for name, image in result.images.items():
        difference = np.sqrt(np.square(again.images[name] - image).mean())
        assert 0 < difference < 1.3e-3 * np.ptp(cells)
