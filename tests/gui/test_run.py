import warnings
from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.denoisers.network import Unet
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.layers.input import METADATA

Press = Callable[[Panel], str]
Messages = Callable[[], list[str]]
LIMIT = 60_000


def test_denoising_adds_a_layer_closer_to_the_truth_and_keeps_the_input(
    viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray, scene: np.ndarray
) -> None:
    layer = viewer.add_image(noisy.copy(), name="cells", contrast_limits=(900, 1500), colormap="magma", gamma=0.8)
    status = press(denoise)
    result = viewer.layers["cells · denoised"]
    truth = 1000 + 400 * scene
    assert np.std(result.data - truth) < 0.6 * np.std(noisy - truth)
    assert np.mean(result.data) == pytest.approx(np.mean(noisy), rel=0.005)
    assert result.data.dtype == np.float32
    assert (result.colormap.name, result.gamma) == ("magma", 0.8)
    assert result.metadata[METADATA]["recipe"]["job"] == "denoise"
    assert result.metadata[METADATA]["input"] == "cells"
    np.testing.assert_array_equal(layer.data, noisy)
    assert "on cpu" in status


def test_what_the_noise_was_found_to_be_is_said_once(
    viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray, messages: Messages
) -> None:
    viewer.add_image(noisy, name="cells")
    status = press(denoise)
    decision = viewer.layers["cells · denoised"].metadata[METADATA]["noise"][0]["decision"]
    assert denoise.noise.decision.text() == decision
    assert "noise" not in status.lower()
    assert "σ" not in status
    assert not any("noise" in message.lower() for message in messages())


def test_a_result_is_shown_between_what_it_holds_and_its_input_beside_it_alike(
    viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray
) -> None:
    layer = viewer.add_image(noisy, name="cells")
    wide = tuple(layer.contrast_limits)
    press(denoise)
    result = viewer.layers["cells · denoised"]
    low, high = result.contrast_limits
    assert (low, high) == pytest.approx(np.percentile(result.data, (0.1, 99.9)), rel=0.01)
    assert wide[0] < low < high < wide[1]
    denoise.after_run.swap.click()
    assert (result.visible, tuple(layer.contrast_limits)) == (False, (low, high))
    denoise.after_run.swap.click()
    assert (result.visible, tuple(layer.contrast_limits)) == (True, wide)
    denoise.after_run.swap.click()
    viewer.layers.remove(result)
    assert tuple(layer.contrast_limits) == wide


def test_limits_that_were_narrowed_on_purpose_are_kept(viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray) -> None:
    viewer.add_image(noisy, name="cells", contrast_limits=(1150, 1250))
    press(denoise)
    assert viewer.layers["cells · denoised"].contrast_limits == [1150, 1250]


def test_the_estimate_is_shown_and_used_and_can_be_overridden(
    viewer: Viewer, denoise: Denoise, press: Press, qtbot: QtBot, noisy: np.ndarray
) -> None:
    viewer.add_image(noisy)
    denoise.noise.choose("gaussian")
    qtbot.waitUntil(lambda: len(denoise.noise.levels) == 1, timeout=LIMIT)
    shown = denoise.noise.open["sigma"].number.value()
    assert shown == pytest.approx(20, rel=0.15)
    assert "counts" in denoise.noise.open["sigma"].number.text()
    press(denoise)
    assert viewer.layers[-1].metadata[METADATA]["noise_levels"] == [pytest.approx(shown, rel=1e-4)]
    denoise.noise.open["sigma"].automatic.setChecked(False)
    assert denoise.noise.open["sigma"].number.value() == pytest.approx(shown, rel=1e-4)
    denoise.noise.open["sigma"].number.setValue(33)
    status = press(denoise)
    assert viewer.layers[-1].metadata[METADATA]["noise_levels"] == [33]
    assert "σ 33 counts (given)" in status


def test_running_again_adds_another_layer(viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray) -> None:
    viewer.add_image(noisy, name="cells")
    press(denoise)
    press(denoise)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · denoised", "cells · denoised [1]"]


def test_a_new_result_does_not_become_the_input(viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray) -> None:
    layer = viewer.add_image(noisy, name="cells")
    press(denoise)
    assert viewer.layers.selection.active is not layer
    assert denoise.source.image() is layer


def test_restoring_says_how_well_the_data_are_explained(
    viewer: Viewer, restore: Restore, press: Press, noisy: np.ndarray
) -> None:
    viewer.add_image(noisy, name="cells")
    status = press(restore)
    provenance = viewer.layers["cells · deblurred"].metadata[METADATA]
    assert provenance["data_residuals"][0] == pytest.approx(provenance["noise_levels"][0], rel=0.3)
    assert "residual" in status


def test_colour_stays_colour(viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray) -> None:
    rgb = np.clip((noisy[..., None] - 900.0) / 3 + [0, 10, 20], 0, 255).astype(np.uint8)
    viewer.add_image(rgb, name="cells", rgb=True)
    assert denoise.source.axes.text() == "yxs"
    press(denoise)
    result = viewer.layers[-1]
    assert result.rgb
    assert (result.data.shape, result.data.dtype) == (rgb.shape, np.uint8)
    assert result.data.mean() == pytest.approx(rgb.mean(), rel=0.01)


def test_five_axes_are_denoised_plane_by_plane(viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray) -> None:
    data = np.tile(noisy[:32, :40], (2, 2, 3, 1, 1))
    data[:, 1] += 5000
    viewer.add_image(data, axis_labels=("t", "c", "z", "y", "x"))
    assert denoise.source.axes.text() == "tczyx"
    press(denoise)
    result = viewer.layers[-1]
    assert result.data.shape == data.shape
    assert len(result.metadata[METADATA]["noise_levels"]) == 2
    np.testing.assert_allclose(result.data.mean((0, 2, 3, 4)), data.mean((0, 2, 3, 4)), rtol=0.005)


def test_dask_is_read_block_by_block(viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray) -> None:
    largest = []

    def load(block: np.ndarray) -> np.ndarray:
        largest.append(block.shape)
        return block

    data = da.from_array(np.tile(noisy, (3, 1, 1)), chunks=(1, *noisy.shape)).map_blocks(load, dtype=noisy.dtype)
    viewer.add_image(data, contrast_limits=(1000, 1500))
    press(denoise)
    assert isinstance(viewer.layers[-1].data, np.ndarray)
    assert max(shape[0] for shape in largest) == 1


def test_values_that_are_not_finite_are_missing_and_told(
    messages: Messages, viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray
) -> None:
    data = noisy.astype(np.float32)
    data[3, 4] = np.nan
    viewer.add_image(data, contrast_limits=(1000, 1500))
    status = press(denoise)
    assert "1 pixel is missing (not finite, or masked), and empty in the result" in status
    assert not messages()
    np.testing.assert_array_equal(np.isnan(viewer.layers[-1].data), np.isnan(data))


def test_an_image_without_any_number_is_explained(
    messages: Messages, viewer: Viewer, denoise: Denoise, press: Press, qtbot: QtBot
) -> None:
    viewer.add_image(np.full((32, 32), np.nan, np.float32), contrast_limits=(0, 1))
    denoise.noise.choose("gaussian")
    status = press(denoise)
    assert "holds no numbers" in status
    qtbot.waitUntil(lambda: denoise.noise.open["sigma"].number.text() == "unknown", timeout=LIMIT)
    assert "holds no numbers" in denoise.noise.open["sigma"].number.toolTip()
    assert any("holds no numbers" in message for message in messages())
    assert len(viewer.layers) == 1


def test_run_says_why_it_cannot(viewer: Viewer, denoise: Denoise, restore: Restore, noisy: np.ndarray) -> None:
    assert not denoise.bar.run.isEnabled()
    assert "Open an image" in denoise.bar.run.toolTip()
    viewer.add_image(noisy)
    assert denoise.bar.run.isEnabled()
    denoise.source.axes.setText("yxz")
    assert not denoise.bar.run.isEnabled()
    assert "axes 'yxz'" in denoise.bar.status.toolTip().lower()
    denoise.source.axes.setText("yx")
    assert denoise.bar.run.isEnabled()
    assert denoise.bar.status.toolTip() == ""
    restore.choosers["degradation"].choose("mask")
    assert "Choose a layer for mask" in restore.bar.run.toolTip()


def test_a_preview_covers_the_visible_part_and_is_replaced(
    viewer: Viewer, denoise: Denoise, finish: Press, qtbot: QtBot, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Unet, "__call__", lambda self, x, sigma: x)
    layer = viewer.add_image(rng.normal(100, 5, (3, 560, 530)), name="cells", scale=(1, 0.5, 0.5), translate=(0, 10, 20))
    viewer.dims.set_point(0, 2)
    qtbot.waitUntil(lambda: bool(layer.corner_pixels.any()), timeout=LIMIT)
    for _ in range(2):
        denoise.bar.preview.click()
        finish(denoise)
        preview = viewer.layers["cells · preview"]
        crop = preview.metadata[METADATA]["crop"]
        first, size = np.array(crop["start"]), np.array(crop["stop"]) - crop["start"]
        assert preview.data.shape == tuple(size)
        assert size.max() <= 512
        assert (first[1:] >= layer.corner_pixels[0, 1:]).all()
        assert (first + size <= layer.corner_pixels[1] + 1)[1:].all()
        np.testing.assert_allclose(preview.data_to_world((0, 0, 0)), layer.data_to_world(first))
        assert first[0] == 2
    assert len(viewer.layers) == 2
    denoise.bar.run.click()
    finish(denoise)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · denoised"]


def test_warnings_reach_the_user(
    messages: Messages, viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def doubtful(self: Unet, x: object, sigma: object) -> object:
        warnings.warn("the weights are old", UserWarning, stacklevel=1)
        return x

    monkeypatch.setattr(Unet, "__call__", doubtful)
    viewer.add_image(noisy)
    press(denoise)
    assert any("the weights are old" in message for message in messages())


def test_layers_appear_side_by_side(viewer: Viewer, denoise: Denoise, noisy: np.ndarray) -> None:
    viewer.add_image(noisy)
    assert not denoise.side_by_side.isChecked()
    denoise.side_by_side.setChecked(True)
    assert viewer.canvas.grid.enabled


def test_an_error_at_the_very_end_is_told_and_leaves_the_dock_ready(
    viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise OSError("no words")

    monkeypatch.setattr("napari_tweedie.widgets.runs.layer_run.summary", broken)
    viewer.add_image(noisy, name="cells")
    assert press(denoise) == "No words."
    assert "No words." in messages()
    assert "cells · denoised" in viewer.layers
    monkeypatch.undo()
    assert "on cpu" in press(denoise)
