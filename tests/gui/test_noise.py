from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter

from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.layers.input import METADATA
from napari_tweedie.widgets.parts.camera_form import NAME, CameraForm
from napari_tweedie.widgets.parts.noise_form import ENLARGED

Press = Callable[[Panel], str]
LIMIT = 60_000


@pytest.fixture
def photons(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """The scene in counts, three a photon and 100 in the dark, with read noise."""
    lit = np.kron(np.where(scene > 0.3, scene, 0.0), np.ones((3, 3)))
    return (3 * rng.poisson(20 * lit) + 100 + rng.normal(0, 4.0, lit.shape)).astype(np.float32)


def test_the_fit_of_photon_noise_is_shown_and_used(
    viewer: Viewer, denoise: Denoise, press: Press, qtbot: QtBot, photons: np.ndarray
) -> None:
    viewer.add_image(photons, name="cells")
    denoise.noise.choose("poisson")
    denoise.more.expand()
    qtbot.waitUntil(lambda: len(denoise.noise.channels) == 1 and denoise.noise.plot.isVisible(), timeout=LIMIT)
    shown = {field: widget.number.value() for field, widget in denoise.noise.open.items()}
    assert shown == {
        "gain": pytest.approx(3, rel=0.1),
        "offset": pytest.approx(100, abs=1),
        "read_noise": pytest.approx(4, rel=0.1),
    }
    points, line = denoise.noise.plot.curves
    assert points.points
    np.testing.assert_allclose(np.diff(line.y) / np.diff(line.x), shown["gain"], rtol=0.02)
    assert denoise.noise.plot.y() > denoise.noise.form.y()
    status = press(denoise)
    (noise,) = viewer.layers[-1].metadata[METADATA]["noise"]
    assert noise["gain"] == pytest.approx(shown["gain"], rel=1e-3)
    assert "gain 3" in status


def test_a_given_offset_is_kept_and_the_rest_estimated_again(
    viewer: Viewer, denoise: Denoise, qtbot: QtBot, photons: np.ndarray
) -> None:
    viewer.add_image(photons, name="cells")
    denoise.noise.choose("poisson")
    qtbot.waitUntil(lambda: len(denoise.noise.channels) == 1, timeout=LIMIT)
    offset = denoise.noise.open["offset"]
    offset.automatic.setChecked(False)
    offset.number.setValue(90)
    qtbot.waitUntil(lambda: [channel.noise.offset for channel in denoise.noise.channels] == [90], timeout=LIMIT)
    assert denoise.recipe().noise.offset == 90
    assert denoise.recipe().noise.gain is None
    denoise.noise.choose("gaussian")
    assert denoise.noise.plot.isHidden()


def test_a_preview_has_the_noise_of_the_whole_layer(viewer: Viewer, denoise: Denoise, qtbot: QtBot, photons: np.ndarray) -> None:
    viewer.add_image(photons, name="cells")
    denoise.noise.choose("poisson")
    qtbot.waitUntil(lambda: len(denoise.noise.channels) == 1, timeout=LIMIT)
    assert denoise.order(preview=True).recipe.noise == denoise.noise.channels[0].noise
    assert denoise.order(preview=False).recipe.noise.gain is None


def test_what_was_decided_is_said(viewer: Viewer, denoise: Denoise, qtbot: QtBot, photons: np.ndarray) -> None:
    noisy = photons + np.random.default_rng(1).normal(0, 15, (1, photons.shape[1]))
    viewer.add_image(noisy.astype(np.float32), name="lines")
    form = denoise.noise
    assert form.name == "auto"
    qtbot.waitUntil(lambda: len(form.channels) == 1, timeout=LIMIT)
    assert form.decision.text() == form.channels[0].decision
    assert "columns share" in form.decision.text()
    assert form.decision.isVisible()
    assert form.autocorrelation.isHidden()  # what is left without the lines is white
    form.choose("gaussian")
    assert not form.decision.isVisible()


def test_noise_that_neighbours_share_is_said_and_drawn(viewer: Viewer, denoise: Denoise, qtbot: QtBot, scene: np.ndarray) -> None:
    white = np.random.default_rng(1).normal(0, 40, (192, 288))
    noisy = 1000 + 400 * np.kron(scene, np.ones((3, 3))) + gaussian_filter(white, 0.6)
    viewer.add_image(noisy.astype(np.float32), name="shared")
    form = denoise.noise
    qtbot.waitUntil(lambda: len(form.channels) == 1, timeout=LIMIT)
    assert "neighbouring pixels correlate" in form.decision.text()
    picture = form.autocorrelation.pixmap().toImage()
    grey = [picture.pixelColor(picture.width() // 2 + ENLARGED * step, picture.height() // 2).red() for step in (0, 1, 3)]
    assert grey[0] == 255
    assert grey[0] > grey[1] > 60  # a Gaussian of 0.6 pixels correlates neighbours by about 0.5
    assert grey[2] < 30


def test_camera_maps_are_made_from_layers_and_used(
    viewer: Viewer, denoise: Denoise, press: Press, qtbot: QtBot, rng: np.random.Generator
) -> None:
    shape = (64, 72)
    offset, gain = 100 + 5 * rng.standard_normal(shape), 2 * (1 + 0.03 * rng.standard_normal(shape))
    frames = {light: gain * rng.poisson(light, (16, *shape)) + offset + rng.normal(0, 2, (16, *shape)) for light in (0, 200)}
    for name, light in (("dark", 0), ("flat", 200)):
        viewer.add_image(np.rint(frames[light]).astype(np.uint16), name=name)
    viewer.add_image(np.rint(gain * rng.poisson(8, shape) + offset).astype(np.uint16), name="cells")
    denoise.noise.choose("camera")
    assert "choose a layer" in denoise.obstacle().lower()
    form = denoise.noise.findChild(CameraForm)
    assert form.dark.value() is viewer.layers["dark"]
    items = {form.flats.item(n).text(): form.flats.item(n) for n in range(form.flats.count())}
    assert set(items) == {"dark", "flat"}
    items["flat"].setCheckState(Qt.CheckState.Checked)
    form.button.click()
    qtbot.waitUntil(lambda: NAME in viewer.layers, timeout=LIMIT)
    assert viewer.layers[NAME].data.shape == (3, *shape)
    assert np.median(viewer.layers[NAME].data[1]) == pytest.approx(2, rel=0.1)
    assert "Gain" in form.told.text()
    assert denoise.source.image() is viewer.layers["cells"]
    press(denoise)
    result = viewer.layers["cells · denoised"]
    assert result.metadata[METADATA]["recipe"]["noise"]["maps"]["name"] == NAME
    assert result.data.std() < 0.5 * viewer.layers["cells"].data.std()


def test_outliers_come_as_hidden_labels_and_go_with_the_result(
    viewer: Viewer, denoise: Denoise, press: Press, rng: np.random.Generator
) -> None:
    image = rng.normal(500, 10, (64, 72))
    image[20, 30], image[40, 10] = 5000, 0
    viewer.add_image(image, name="cells", scale=(2, 3))
    press(denoise)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · outliers", "cells · denoised"]
    labels = viewer.layers["cells · outliers"]
    assert (labels.visible, labels.data[20, 30], labels.data[40, 10], np.count_nonzero(labels.data)) == (False, 1, 2, 2)
    assert tuple(labels.scale) == (2, 3)
    assert list(labels.features["kind"]) == ["none", "hot", "dead", "blinking", "cosmic ray"]
    denoise.after_run.remove.click()
    assert [layer.name for layer in viewer.layers] == ["cells"]


def test_estimates_of_a_model_that_was_chosen_before_are_left_out(viewer: Viewer, denoise: Denoise, qtbot: QtBot) -> None:
    viewer.add_image(np.random.default_rng(0).poisson(50, (64, 64)).astype(np.float32))
    denoise.noise.choose("poisson")
    qtbot.waitUntil(lambda: bool(denoise.noise.channels), timeout=LIMIT)
    late = denoise.noise.channels
    denoise.noise.choose("gaussian")
    denoise.noise._show_estimates(late)
    qtbot.waitUntil(lambda: bool(denoise.noise.levels), timeout=LIMIT)
    assert float(denoise.noise.open["sigma"].number.text()) == pytest.approx(50**0.5, rel=0.1)
