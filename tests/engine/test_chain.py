from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_tweedie as nt
from napari_tweedie.cli import app
from napari_tweedie.engine import Cancelled, Progress, last, measure, run
from napari_tweedie.files.batch import run_batch
from napari_tweedie.recipe import Recipe

PRIOR = {"name": "gaussian", "std": 0.25}
"""White pixels, of which the best denoiser and what it leaves are known: 1 / (1 / 0.25² + 1 / σ²), in ranges of the image."""
TV = {"job": "denoise", "denoiser": "total-variation"}
DEBLUR = {"job": "restore", "degradation": {"name": "gaussian-blur", "std": 1.0}, "solver": "wiener"}


@pytest.fixture
def blurred(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    made = {"job": "degrade", "degradation": {"name": "gaussian-blur", "std": 1.0}, "noise": {"sigma": 0.0}}
    return np.asarray(nt.run(made, 200 * scene).image + rng.normal(0, 6, scene.shape))


def test_the_noise_that_a_denoiser_leaves_is_the_posterior_standard_deviation(rng: np.random.Generator) -> None:
    image = rng.normal(100, 20, (256, 256)) + rng.normal(0, 10, (256, 256))
    first = Recipe(denoiser=PRIOR, noise={"sigma": 10.0}, axes="yx")
    result = nt.run([first, DEBLUR], image)
    left = result.provenance["steps"][0]["noise_left"]
    prior = 0.25 * measure(first, image)[0].intensity.scale
    assert left == pytest.approx((1 / prior**2 + 1 / 10**2) ** -0.5, rel=0.02)
    assert result.provenance["steps"][1]["noise_levels"] == [left]
    assert any(f"took for noise what step 1 left, {left:.3g}" in note for note in result.notes)


def test_the_noise_that_a_restoration_leaves_is_what_of_it_reaches_the_result(rng: np.random.Generator) -> None:
    flat = np.full((192, 192), 100.0) + rng.normal(0, 5, (192, 192))
    blur = {"name": "gaussian-blur", "std": 1.5}
    first = {"job": "restore", "degradation": blur, "solver": {"name": "tikhonov", "weight": 0.1}, "noise": {"sigma": 5.0}}
    result = nt.run([first, TV], flat)
    assert result.provenance["steps"][0]["noise_left"] == pytest.approx(nt.run(first, flat).image.std(), rel=0.1)


def test_a_chain_gives_what_its_steps_give_by_hand(blurred: np.ndarray) -> None:
    chain = nt.run([TV, DEBLUR], blurred)
    by_hand = nt.run(TV, blurred)
    left = chain.provenance["steps"][0]["noise_left"]
    again = nt.run({**DEBLUR, "noise": {"sigma": left}, "outliers": "keep"}, by_hand.image)
    np.testing.assert_array_equal(chain.image, again.image)


def test_a_chain_replays_from_its_own_metadata(blurred: np.ndarray) -> None:
    result = nt.run([{"job": "outliers"}, TV, DEBLUR], blurred)
    recipe = Recipe.model_validate(result.provenance["recipe"])
    assert [step.job for step in recipe.steps] == ["outliers", "denoise", "restore"]
    np.testing.assert_array_equal(nt.run(recipe, blurred).image, result.image)


def test_noise_that_is_given_is_not_replaced(blurred: np.ndarray) -> None:
    result = nt.run([TV, {**DEBLUR, "noise": {"sigma": 4.0}}], blurred)
    assert result.provenance["steps"][1]["noise_levels"] == [4.0]


def test_zoom_and_pixel_size_follow_through_the_steps(blurred: np.ndarray) -> None:
    finer = {"job": "restore", "degradation": {"name": "downsample", "factor": 2}, "solver": {"name": "hqs", "iterations": 2},
             "denoiser": "total-variation"}  # fmt: skip
    seen = {"job": "restore", "degradation": {"name": "downsample", "factor": 2}, "solver": "tikhonov"}
    recipe = Recipe.chain(Recipe(**finer), Recipe(**seen)).model_copy(update={"spacing": (0.4, 0.4), "unit": "micrometer"})
    result = nt.run(recipe, blurred[:32, :48])
    assert result.image.shape == (128, 192)
    assert result.zoom == (4.0, 4.0)
    sizes = [step["recipe"]["spacing"] for step in result.provenance["steps"]]
    assert sizes == [[0.4, 0.4], [0.2, 0.2]]


def test_the_mean_of_frames_has_the_noise_of_a_mean(scene: np.ndarray, rng: np.random.Generator) -> None:
    frames = 200 * scene + rng.normal(0, 12, (9, *scene.shape))
    frames[0, :4] = np.nan
    recipe = Recipe.chain(Recipe(job="average"), Recipe(**TV)).model_copy(update={"axes": "tyx"})
    result = nt.run(recipe, frames)
    assert result.image.shape == (1, *scene.shape)
    mean = nt.run(Recipe(job="average", axes="tyx"), frames).image
    np.testing.assert_allclose(mean[0], np.nanmean(frames, 0), rtol=1e-5)
    assert result.provenance["steps"][1]["noise_levels"][0] == pytest.approx(4, rel=0.25)


def test_an_average_needs_the_axis_it_is_over(scene: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no t"):
        nt.run({"job": "average"}, scene)


def test_only_outliers_are_changed_where_they_alone_are_removed(rng: np.random.Generator) -> None:
    image = rng.normal(100, 3, (96, 96))
    image[[20, 50], [30, 60]] = 900
    result = nt.run({"job": "outliers"}, image).image
    changed = np.argwhere(~np.isclose(result, image, atol=0.01))
    assert changed.tolist() == [[20, 30], [50, 60]]
    assert result.max() < 130


def test_arrays_go_to_the_steps_that_name_them(blurred: np.ndarray, scene: np.ndarray) -> None:
    psf = np.ones((3, 3)) / 9
    mask = np.zeros(scene.shape, np.uint8)
    mask[10:14] = 1
    fill = Recipe(job="restore", degradation={"name": "mask", "mask": mask}, solver="tikhonov")
    both = Recipe.chain(fill, Recipe(job="restore", degradation={"name": "psf-blur", "psf": psf}, solver="wiener"))
    stored = Recipe.model_validate(both.model_dump(mode="json"))
    named = nt.run(stored, blurred, mask=mask, psf_2=psf)
    np.testing.assert_array_equal(named.image, nt.run(both, blurred).image)
    with pytest.raises(ValueError, match="needs an array"):
        nt.run(stored, blurred, mask=mask)
    with pytest.raises(ValueError, match="none of the 2 steps takes sampling"):
        nt.run(stored, blurred, mask=mask, psf=psf, sampling=mask)


def test_what_makes_no_image_is_the_last_step() -> None:
    with pytest.raises(ValueError, match="'inspect' can only be the last step"):
        Recipe.chain(Recipe(job="inspect"), Recipe())


def test_a_chain_of_chains_is_one_chain() -> None:
    inner = Recipe.chain(Recipe(job="outliers"), Recipe())
    assert [step.job for step in Recipe.chain(inner, inner).steps] == ["outliers", "denoise"] * 2


def test_progress_is_that_of_all_steps_and_a_chain_stops_within(blurred: np.ndarray) -> None:
    recipe = Recipe.chain(Recipe(**TV), Recipe(**TV), Recipe(**DEBLUR))
    shares = [step.share for step in run(recipe, blurred) if isinstance(step, Progress)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    steps = run(recipe, blurred, cancelled=lambda: True)
    with pytest.raises(Cancelled):
        last(steps)


def test_files_of_recipes_run_one_after_the_other(blurred: np.ndarray, tmp_path: Path) -> None:
    nt.write(tmp_path / "in.tif", blurred.astype(np.float32), "yx", (0.5, 0.5), "micrometer")
    paths = []
    for name, recipe in (("a", TV), ("b", DEBLUR)):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(Recipe(**recipe).model_dump_json())
    (tmp_path / "ab.json").write_text(f"[{paths[0].read_text()}, {paths[1].read_text()}]")
    source, out, again, listed = (str(tmp_path / f"{name}.tif") for name in ("in", "out", "again", "listed"))
    runner = CliRunner()
    for words in (
        ["run", str(paths[0]), source, out, "--then", str(paths[1])],
        ["run", out, source, again],
        ["run", str(tmp_path / "ab.json"), source, listed],
    ):
        assert runner.invoke(app, words).exit_code == 0, words
    made = nt.run([TV, DEBLUR], blurred.astype(np.float32)).image
    for path in (out, again, listed):
        np.testing.assert_array_equal(nt.read(path).data, made)
    assert nt.read(out).spacing == (0.5, 0.5)


def test_a_batch_runs_chains(blurred: np.ndarray, tmp_path: Path) -> None:
    nt.write(tmp_path / "in.tif", blurred.astype(np.float32), "yx")
    chain = Recipe.chain(Recipe(**TV), Recipe(**DEBLUR))
    outcomes = last(run_batch([tmp_path / "in.tif"], {"both": chain}, tmp_path / "out"))  # type: ignore[arg-type]
    assert outcomes[0].status == "done"  # type: ignore[attr-defined]
    made = nt.run(chain, blurred.astype(np.float32)).image
    np.testing.assert_array_equal(nt.read(tmp_path / "out" / "in_both.tif").data, made)


def test_an_image_whose_middle_is_missing_is_measured_again(rng: np.random.Generator) -> None:
    frames = rng.normal(100, 5, (3, 16, 16))
    frames[1] = np.nan
    step = {"denoiser": "tikhonov", "axes": "tyx", "device": "cpu"}
    result = nt.run([step, step], frames)
    assert np.isfinite(result.image[[0, 2]]).all()
    assert any("the middle of the image holds no numbers" in note for note in result.notes)
