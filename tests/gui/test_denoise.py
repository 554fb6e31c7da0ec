from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.layers.input import METADATA

LIMIT = 60_000


@pytest.fixture
def exact(denoise: Denoise) -> Denoise:
    denoise.choosers["denoiser"].choose("gaussian")
    return denoise


@pytest.fixture
def look(qtbot: QtBot) -> Callable[[Denoise], Image]:
    """Ask for a lazy layer and wait for it."""

    def wait(dock: Denoise) -> Image:
        count = len(dock.viewer.layers)
        dock.lazy.setChecked(True)
        dock.bar.run.click()
        qtbot.waitUntil(lambda: len(dock.viewer.layers) > count, timeout=LIMIT)
        return dock.viewer.layers[-1]

    return wait


def test_the_standard_deviation_comes_as_a_layer_of_its_own(
    viewer: Viewer, exact: Denoise, press: Callable[[Panel], str], rng: np.random.Generator
) -> None:
    viewer.add_image(1000 + 50 * rng.standard_normal((64, 48)), name="cells", scale=(2, 2))
    exact.noise.fill({"name": "gaussian", "sigma": 30.0})
    exact.std.setChecked(True)
    press(exact)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · std", "cells · denoised"]
    std = viewer.layers["cells · std"]
    recipe = Recipe.model_validate(std.metadata[METADATA]["recipe"])
    np.testing.assert_array_equal(std.data, last(run(recipe, viewer.layers["cells"].data)).images["std"])
    assert 0 < std.data.mean() < 30
    assert std.colormap.name == "magma"
    assert (std.visible, std.colorbar.visible) == (False, False)
    std.visible = True
    assert std.colorbar.visible
    std.visible = False
    exact.after_run.swap.click()
    assert not viewer.layers["cells · denoised"].visible
    exact.after_run.remove.click()
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert exact.after_run.isHidden()
    assert tuple(std.scale) == (2, 2)
    exact.std.setChecked(False)
    assert exact.recipe().probes == 0


def test_colour_has_no_standard_deviation_and_run_says_so(viewer: Viewer, exact: Denoise) -> None:
    viewer.add_image(np.zeros((16, 16, 3), np.uint8), rgb=True)
    exact.std.setChecked(True)
    assert "split the layer" in exact.bar.run.toolTip()
    exact.lazy.setChecked(True)
    assert exact.bar.run.isEnabled()


def test_a_lazy_layer_computes_what_is_shown(
    viewer: Viewer, exact: Denoise, look: Callable[[Denoise], Image], qtbot: QtBot
) -> None:
    read: list[int] = []

    def plane(block_id: tuple[int, ...]) -> np.ndarray:
        read.append(block_id[0])
        return 100 + 9 * np.random.default_rng(block_id[0]).standard_normal((1, 64, 48)).astype(np.float32)

    chunks = ((1,) * 2**20, (64,), (48,))
    stack = da.map_blocks(plane, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    viewer.add_image(stack, name="cells", contrast_limits=(60, 140), scale=(1, 0.5, 0.5), colormap="magma")
    viewer.dims.set_point(0, 123)
    qtbot.waitUntil(lambda: bool(exact.noise.levels), timeout=LIMIT)
    result = look(exact)
    assert result.name == "cells · denoised on demand"
    assert "napari waits" in exact.bar.status.toolTip()
    assert (result.data.shape, result.data.dtype) == (stack.shape, np.float32)
    assert (result.colormap.name, tuple(result.scale), result.contrast_limits) == ("magma", (1, 0.5, 0.5), [60, 140])
    assert len(set(read)) < 200  # of a million: what noise, frames and light held back are measured on
    made = result.metadata[METADATA]
    assert (made["input"], made["recipe"]["job"], made["lazy"]) == ("cells", "denoise", True)
    assert exact.source.image().name == "cells"
    viewer.dims.set_point(0, 7)
    shown = result._slice.image.view
    assert shown.std() < 0.9 * np.asarray(stack[7]).std()
    np.testing.assert_array_equal(shown, result.data[7].compute())


def test_a_multiscale_layer_stays_multiscale(
    viewer: Viewer, exact: Denoise, look: Callable[[Denoise], Image], rng: np.random.Generator
) -> None:
    fine = 100 + 9 * rng.standard_normal((128, 128)).astype(np.float32)
    coarse = fine.reshape(64, 2, 64, 2).mean((1, 3))
    layer = viewer.add_image([fine, coarse], name="cells", translate=(3, 4))
    result = look(exact)
    assert result.multiscale
    assert [level.shape for level in result.data] == [(128, 128), (64, 64)]
    np.testing.assert_allclose(result.data_to_world((5, 6)), layer.data_to_world((5, 6)))


def test_an_error_while_looking_is_told_once_and_leaves_the_layer_empty(
    messages: Callable[[], list[str]], viewer: Viewer, exact: Denoise, look: Callable[[Denoise], Image]
) -> None:
    stack = np.full((5, 32, 32), np.nan, np.float32)
    viewer.add_image(stack, name="cells", contrast_limits=(0, 1))
    result = look(exact)
    for number in range(5):
        viewer.dims.set_point(0, number)
    assert np.isnan(result.data[2].compute()).all()
    assert len([message for message in messages() if "no numbers" in message]) == 1


def test_how_neighbours_come_together_is_a_choice_where_they_help(
    viewer: Viewer, denoise: Denoise, press: Callable[[Panel], str], rng: np.random.Generator
) -> None:
    field = denoise.fusion.editors["fusion"].widget
    viewer.add_image(1000 + 50 * rng.standard_normal((32, 32)), name="cells")
    assert field.isHidden()
    viewer.add_image(1000 + 50 * rng.standard_normal((3, 32, 32)), name="film", axis_labels=("t", "y", "x"))
    assert not field.isHidden()
    denoise.choosers["denoiser"].choose("gaussian")
    field.setCurrentText("learnt")
    assert "was not learnt for this denoiser" in denoise.obstacle()
    assert not denoise.bar.run.isEnabled()
    field.setCurrentText("averaged")
    assert denoise.recipe().fusion == "averaged"
    assert not denoise.obstacle()
    denoise.choosers["denoiser"].choose("unet-small")
    denoise.fill(denoise.recipe(fusion="learnt"))
    assert field.currentText() == "learnt"
