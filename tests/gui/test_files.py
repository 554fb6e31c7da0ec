"""Is a file that is dropped into napari, or changed there, worked on as what it is?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore

LIMIT = 60_000
Press = Callable[[Panel], str]


@pytest.fixture
def two_channels(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, np.ndarray]:
    """An OME-TIFF of two channels whose noise is 8 and 120, and its truth."""
    y, x = np.mgrid[:64, :80]
    clean = np.stack([200 + 100 * (x > 40), 2000 + 900 * ((y - 32) ** 2 + (x - 30) ** 2 < 300)]).astype(float)
    noisy = (clean + rng.normal(0, 1, clean.shape) * np.array([8, 120]).reshape(2, 1, 1)).astype(np.float32)
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(tmp_path / "two.ome.tif", noisy, metadata=metadata, photometric="minisblack")
    return tmp_path / "two.ome.tif", clean


def error(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.sqrt(((found - truth) ** 2).mean((-2, -1)))


def test_a_dropped_file_keeps_its_channels_apart(
    viewer: Viewer, denoise: Denoise, press: Press, two_channels: tuple[Path, np.ndarray]
) -> None:
    path, clean = two_channels
    viewer.window._qt_viewer._qt_open([str(path)], stack=False, plugin="napari")
    assert denoise.source.axes.text() == "cyx"
    assert "as two.ome.tif says" in denoise.source.shape.text()
    assert denoise.source.sizes() == {"spacing": (0.1, 0.1), "unit": "micrometer"}
    press(denoise)
    assert (error(viewer.layers[-1].data, clean) < [3.2, 48]).all()


def test_our_reader_opens_a_layer_for_each_channel(
    viewer: Viewer, denoise: Denoise, press: Press, two_channels: tuple[Path, np.ndarray]
) -> None:
    path, clean = two_channels
    first, second = viewer.open(str(path), plugin="napari-tweedie")
    for layer, truth, most in ((first, clean[0], 3.2), (second, clean[1], 48)):
        denoise.source.layer.set_value(layer)
        press(denoise)
        assert error(viewer.layers[f"{layer.name} · denoised"].data, truth) < most


def test_axes_that_were_proposed_can_be_changed(viewer: Viewer, denoise: Denoise, rng: np.random.Generator) -> None:
    noisy = np.stack([rng.normal(100, 2, (64, 64)), rng.normal(100, 40, (64, 64))])
    viewer.add_image(noisy)
    assert denoise.source.axes.text() == "cyx"
    assert "noise differs" in denoise.source.shape.text()
    denoise.source.axes.setText("tyx")
    assert denoise.recipe().axes == "tyx"
    assert "noise differs" not in denoise.source.shape.text()


def measured(denoise: Denoise, level: float) -> Callable[[], None]:
    def check() -> None:
        assert denoise.noise.levels == pytest.approx([level], rel=0.1)

    return check


def test_new_pixels_are_measured_anew(viewer: Viewer, qtbot: QtBot, denoise: Denoise, rng: np.random.Generator) -> None:
    noise = rng.normal(size=(64, 64))
    layer = viewer.add_image(100 + 5 * noise)
    qtbot.waitUntil(measured(denoise, 5), timeout=LIMIT)
    layer.data = 100 + 20 * noise
    qtbot.waitUntil(measured(denoise, 20), timeout=LIMIT)
    layer.data = np.stack([100 + 20 * noise] * 7)
    assert denoise.source.axes.text() == "zyx"
    assert denoise.source.shape.text() == "7 × 64 × 64"


def test_pixels_edited_in_place_are_measured_anew_before_a_preview(
    viewer: Viewer, qtbot: QtBot, denoise: Denoise, finish: Press, rng: np.random.Generator
) -> None:
    noise = rng.normal(size=(64, 64))
    layer = viewer.add_image(100 + 5 * noise)
    qtbot.waitUntil(measured(denoise, 5), timeout=LIMIT)
    layer.data[...] = 100 + 20 * noise
    denoise.bar.preview.click()
    finish(denoise)
    made = viewer.layers[-1].metadata["napari_tweedie"]
    assert made["noise_levels"] == pytest.approx([20], rel=0.1)
    qtbot.waitUntil(measured(denoise, 20), timeout=LIMIT)


def test_renamed_axes_and_new_sizes_of_a_layer_are_followed(viewer: Viewer, denoise: Denoise, rng: np.random.Generator) -> None:
    layer = viewer.add_image(rng.normal(100, 5, (3, 32, 32)))
    assert denoise.source.axes.text() == "zyx"
    layer.axis_labels = ("t", "y", "x")
    assert denoise.source.axes.text() == "tyx"
    layer.units = ("pixel", "micrometer", "micrometer")
    layer.scale = (1, 0.1, 0.1)
    assert denoise.recipe().spacing == (0.1, 0.1)
    assert denoise.recipe().unit == "micrometer"


def test_a_flipped_layer_runs_and_its_result_lies_on_it(
    viewer: Viewer, denoise: Denoise, restore: Restore, press: Press, rng: np.random.Generator
) -> None:
    layer = viewer.add_image(rng.normal(100, 5, (32, 32)), scale=(-0.1, 0.1), units=("um", "um"))
    assert restore.bar.run.isEnabled(), restore.bar.run.toolTip()
    assert denoise.recipe().spacing == (0.1, 0.1)
    press(denoise)
    np.testing.assert_allclose(viewer.layers[-1].data_to_world((3, 4)), layer.data_to_world((3, 4)))


def test_what_is_odd_about_a_layer_is_told_with_the_result(
    viewer: Viewer, denoise: Denoise, press: Press, rng: np.random.Generator
) -> None:
    viewer.add_image(rng.normal(100, 5, (2, 32, 32)), scale=(3, 0.1, 0.1), units=("second", "um", "um"))
    status = press(denoise)
    note = "The layer's scale of z is in 'second', which is no length: the distance of planes is taken as unknown."
    assert note in status
    assert note in viewer.layers[-1].metadata["napari_tweedie"]["notes"]
    assert denoise.recipe().spacing == (0.1, 0.1)


def test_frames_without_numbers_stay_empty_and_cost_no_other(
    viewer: Viewer, denoise: Denoise, press: Press, rng: np.random.Generator
) -> None:
    stack = rng.normal(100, 5, (3, 32, 32))
    stack[1] = np.nan
    viewer.add_image(stack, axis_labels=("t", "y", "x"), contrast_limits=(80, 120))
    status = press(denoise)
    assert "1024 pixels are missing (1 of 3 images wholly" in status
    assert np.isnan(viewer.layers[-1].data).all((1, 2)).tolist() == [False, True, False]
