from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer

import napari_tweedie as nt
from napari_tweedie.recipe import Recipe
from napari_tweedie.recipe.provenance import stored_recipe
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.steps import Steps
from napari_tweedie.widgets.layers.input import METADATA

Press = Callable[[Panel], str]
SMOOTH = Recipe(denoiser="total-variation", noise={"sigma": 8.0})
SHARP = Recipe(job="restore", degradation={"name": "psf-blur", "psf": {"name": "beads"}}, solver="wiener")
FINER = Recipe(job="restore", degradation={"name": "downsample", "factor": 2}, solver="tikhonov")
PSF = np.ones((3, 3), np.float32) / 9


@pytest.fixture
def dock(viewer: Viewer, scene: np.ndarray, rng: np.random.Generator) -> Steps:
    noisy = (200 * scene + rng.normal(0, 8, scene.shape)).astype(np.float32)
    viewer.add_image(noisy, name="cells", scale=(0.5, 0.5), units=("um", "um"), axis_labels=("y", "x"))
    dock = Steps(viewer)
    viewer.window.add_dock_widget(dock, name="Steps")
    return dock


def titles(dock: Steps) -> list[str]:
    return [dock.list.list.item(row).text() for row in range(dock.list.list.count())]


def test_steps_run_in_their_order_and_the_result_lies_where_the_layer_does(dock: Steps, viewer: Viewer, press: Press) -> None:
    assert "Add a step" in dock.bar.run.toolTip()
    for recipe in (FINER, SHARP, SMOOTH):
        dock.list.add(recipe)
    assert titles(dock) == ["restore: downsample, tikhonov", "restore: psf-blur, wiener", "denoise: total-variation"]
    dock.list.list.setCurrentRow(2)
    dock.list.up.click()
    dock.list.up.click()
    dock.list.list.setCurrentRow(1)
    dock.list.down.click()
    assert [step.job for step in dock.list.recipe().steps] == ["denoise", "restore", "restore"]
    assert "beads" in dock.bar.run.toolTip()
    viewer.add_image(PSF, name="beads")
    dock.source.layer.set_value(viewer.layers["cells"])
    told = press(dock)
    assert "took for noise what step 1 left" in told
    made = viewer.layers["cells · enlarged"]
    by_hand = nt.run([SMOOTH, SHARP, FINER], viewer.layers["cells"], psf=PSF)
    np.testing.assert_array_equal(made.data, by_hand.image)
    np.testing.assert_allclose(made.scale, 0.25)
    assert [step["recipe"]["job"] for step in made.metadata[METADATA]["steps"]] == ["denoise", "restore", "restore"]


def test_steps_are_stored_loaded_and_removed(dock: Steps, tmp_path: Path) -> None:
    for action in dock.list.ready.menu().actions()[:2]:
        action.trigger()
    dock.list.add(SMOOTH)
    dock.list.save_to(tmp_path / "steps.json")
    stored = Recipe(**stored_recipe(tmp_path / "steps.json")["recipe"])
    assert [step.job for step in stored.steps] == ["outliers", "average", "denoise"]
    assert "have no t" in dock.bar.run.toolTip() or dock.bar.run.isEnabled()
    dock.list.clear()
    dock.list.add_file(tmp_path / "steps.json")
    dock.list.list.setCurrentRow(1)
    dock.list.remove.click()
    assert titles(dock) == ["outliers", "denoise: total-variation"]


def test_another_dock_adds_what_it_says(dock: Steps, viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Denoise(viewer)
    panel.choosers["denoiser"].choose("unet-small")
    monkeypatch.setattr("napari_tweedie.widgets.parts.recipe_button.open_dock", lambda viewer, title: dock)
    panel.recipes.add_to_steps()
    assert titles(dock) == ["denoise: unet-small"]
    panel.recipes.load({"recipe": Recipe.chain(SMOOTH, FINER).model_dump(mode="json")}, "a file")
    assert "has 2 steps: load it in the dock Steps" in panel.bar.status.toolTip()


def test_a_result_of_several_steps_fills_the_dock(dock: Steps, viewer: Viewer, press: Press) -> None:
    dock.list.add(SMOOTH)
    dock.list.add(FINER)
    press(dock)
    made = viewer.layers["cells · enlarged"]
    dock.list.clear()
    viewer.layers.selection = {made}
    dock.recipes.load_layer()
    assert len(titles(dock)) == 2
    assert dock.source.image() is viewer.layers["cells"]


def test_a_cancelled_run_keeps_nothing(dock: Steps, viewer: Viewer, finish: Press) -> None:
    for _ in range(3):
        dock.list.add(Recipe(denoiser="unet-small"))
    dock.run()
    dock.bar.run.click()
    assert "nothing was kept" in finish(dock)
    assert [layer.name for layer in viewer.layers] == ["cells"]


def test_a_preview_runs_all_steps_on_what_is_seen(dock: Steps, viewer: Viewer, finish: Press, qtbot) -> None:  # type: ignore[no-untyped-def]
    layer = viewer.layers["cells"]
    for recipe in (Recipe(denoiser="total-variation"), FINER):
        dock.list.add(recipe)
    viewer.scene.camera.zoom *= 2.5
    qtbot.waitUntil(lambda: layer.corner_pixels[1][0] < layer.data.shape[0] - 2, timeout=5000)
    dock.bar.preview.click()
    finish(dock)
    made = viewer.layers["cells · preview"]
    crop = made.metadata[METADATA]["crop"]
    seen = tuple(slice(a, b) for a, b in zip(crop["start"], crop["stop"], strict=True))
    assert layer.data[seen].size < layer.data.size
    noise = nt.measure_noise(layer)[0].noise  # of the whole layer, not of the part that is seen
    by_hand = nt.run([Recipe(denoiser="total-variation", noise=noise), FINER], layer.data[seen])
    np.testing.assert_allclose(made.data, by_hand.image, rtol=1e-5)
    np.testing.assert_allclose(made.scale, 0.25)


def test_a_preview_takes_the_mean_over_all_frames(dock: Steps, viewer: Viewer, finish: Press) -> None:
    stack = np.random.default_rng(0).normal(100, 5, (6, 32, 32)).astype(np.float32)
    viewer.add_image(stack, name="frames", axis_labels=("t", "y", "x"))
    dock.source.layer.set_value(viewer.layers["frames"])
    dock.list.add(Recipe(job="average", along="t"))
    dock.list.add(Recipe(job="outliers"))
    dock.bar.preview.click()
    finish(dock)
    made = viewer.layers["frames · preview"]
    np.testing.assert_allclose(made.data[0], stack.mean(0), rtol=1e-5)
