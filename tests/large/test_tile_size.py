"""Are pixels the same whatever memory is free, and is it said before the work where they cannot be?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_tweedie.core import device as devices
from napari_tweedie.core.results import Progress, last
from napari_tweedie.engine import run
from napari_tweedie.images.arrays import fetched
from napari_tweedie.images.files import read, write
from napari_tweedie.large.run_file import run_file
from napari_tweedie.recipe import Recipe
from napari_tweedie.recipe.provenance import recipe_in, stored_recipe

RECIPE = Recipe(denoiser="heat", noise={"sigma": 8.0}, device="cpu")
"""Heat gives a tile, which counts as an image of its own, a time of its own: a different tile is seen in the pixels."""
ROOM = 1500 * 256**2
"""Memory of a tile of 256 pixels a side."""
PLENTY, ENOUGH, SHORT = 10**13, 2 * ROOM, 10**6


@pytest.fixture
def image(tmp_path: Path, rng: np.random.Generator) -> Path:
    y, x = np.mgrid[:300, :280]
    clean = 100 + 40 * np.sin(y / 9) * np.sin(x * x / 3000)
    write(tmp_path / "in.tif", (clean + rng.normal(0, 8, clean.shape)).astype(np.float32), "yx")
    return tmp_path / "in.tif"


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set how many bytes of memory are free."""
    monkeypatch.setattr("napari_tweedie.recipe.tile_size.ROOM", ROOM)
    return lambda count: monkeypatch.setattr(devices, "free_memory", lambda device: count)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(fetched(read(path).data))


def test_a_file_run_has_the_same_pixels_with_any_memory_that_is_enough_and_when_it_goes_on_with_less(
    image: Path, free: Any
) -> None:
    folder = image.parent
    free(PLENTY)
    list(run_file(RECIPE, image, folder / "plenty.zarr"))
    next(run_file(RECIPE, image, folder / "resumed.zarr"))
    free(ENOUGH)
    list(run_file(RECIPE, image, folder / "enough.zarr"))
    free(SHORT)
    list(run_file(RECIPE, image, folder / "resumed.zarr"))
    assert read(folder / "plenty.zarr").metadata["recipe"]["tile"] == 256
    for name in ("enough.zarr", "resumed.zarr"):
        np.testing.assert_array_equal(pixels(folder / name), pixels(folder / "plenty.zarr"))


def test_memory_that_is_short_is_told_before_the_work_and_its_result_replays_to_the_same_pixels(image: Path, free: Any) -> None:
    folder = image.parent
    free(SHORT)
    first, *_ = run_file(RECIPE, image, folder / "short.zarr")
    assert first.share == 0
    assert "tiles have 128 instead of 256 pixels" in first.stage
    stored = stored_recipe(folder / "short.zarr")
    assert first.stage in stored["notes"]
    free(PLENTY)
    list(run_file(Recipe(**stored["recipe"]), image, folder / "again.zarr"))
    list(run_file(RECIPE, image, folder / "plenty.zarr"))
    np.testing.assert_array_equal(pixels(folder / "again.zarr"), pixels(folder / "short.zarr"))
    assert np.abs(pixels(folder / "plenty.zarr") - pixels(folder / "short.zarr")).max() > 1e-3


def test_an_image_in_memory_has_the_same_pixels_with_any_memory_that_is_enough(image: Path, free: Any) -> None:
    results = {}
    for count in (PLENTY, ENOUGH, SHORT):
        free(count)
        results[count] = last(run(RECIPE, pixels(image)))
    np.testing.assert_array_equal(results[ENOUGH].image, results[PLENTY].image)
    assert not any("memory" in note for note in results[ENOUGH].notes)
    assert any("tiles have 128 instead of 256 pixels" in note for note in results[SHORT].notes)
    again = last(run(Recipe(**results[SHORT].provenance["recipe"]), pixels(image)))
    np.testing.assert_array_equal(again.image, results[SHORT].image)
    free(SHORT)
    steps = [step for step in run(RECIPE, pixels(image)) if isinstance(step, Progress)]
    assert "tiles have 128" in steps[0].stage


def test_an_image_smaller_than_the_tiles_does_not_need_their_memory(image: Path, free: Any) -> None:
    free(SHORT)
    result = last(run(RECIPE, pixels(image)[:100, :90]))
    assert result.provenance["recipe"]["tile"] == 256
    assert not any("memory" in note for note in result.notes)


def test_regions_in_which_memory_runs_short_are_told_of(image: Path, free: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    free(PLENTY)
    heat = type(RECIPE.denoiser)
    honest = heat.__call__

    def greedy(self: Any, x: Any, sigma: Any) -> Any:
        if x.numel() > 200**2:
            raise MemoryError
        return honest(self, x, sigma)

    monkeypatch.setattr(heat, "__call__", greedy)
    target = image.parent / "out.zarr"
    list(run_file(RECIPE, image, target))
    assert sum("Memory ran short" in note for note in read(target).metadata["notes"]) == 1


def test_results_of_before_replay_in_the_tiles_that_the_memory_had_allowed() -> None:
    made = {"recipe": Recipe().model_dump(mode="json"), "tile": 384}
    assert Recipe(**recipe_in(made)).tile == 384
    assert made["recipe"]["tile"] == 0
    chain = Recipe.chain(Recipe(tile=64), Recipe(job="restore", degradation="gaussian-blur"))
    steps = [{"tile": 64}, {"tile": 640}]
    again = Recipe(**recipe_in({"recipe": chain.model_dump(mode="json"), "steps": steps, "tile": 640}))
    assert [step.tile for step in again.steps] == [64, 640]


@pytest.mark.parametrize(
    "made", [{"recipe": None}, {"recipe": {}, "tile": "wide"}, {"recipe": {"first": [3]}, "steps": [None, 1]}]
)
def test_provenance_of_another_form_is_passed_on_as_it_is(made: dict[str, Any]) -> None:
    assert recipe_in(made) == made["recipe"]


def test_a_recipe_of_several_steps_holds_what_each_was_run_with(image: Path, free: Any) -> None:
    free(PLENTY)
    result = last(run(Recipe.chain(RECIPE, Recipe(denoiser="unet-small", device="cpu")), pixels(image)[:64, :64]))
    stored = Recipe(**result.provenance["recipe"])
    assert [step.tile for step in stored.steps] == [256, 384]
    assert stored.denoiser.precision in ("float32", "bfloat16")
    np.testing.assert_array_equal(last(run(stored, pixels(image)[:64, :64])).image, result.image)
