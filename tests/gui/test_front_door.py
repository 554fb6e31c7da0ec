from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

import napari_tweedie as nt
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.docks.tweedie import Tweedie
from napari_tweedie.widgets.parts.trial import Trial

LIMIT = 60_000


@pytest.fixture
def door(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> Tweedie:
    """The front door, whose trials are made with the quick network only."""
    tried = Trial.run
    monkeypatch.setattr(Trial, "run", lambda self, quick: tried(self, True))
    _, dock = viewer.window.add_plugin_dock_widget("napari-tweedie", "Tweedie")
    return dock


@pytest.fixture
def look(door: Tweedie, qtbot: QtBot) -> Callable[[], str]:
    """Wait until the layer was looked at and the proposal tried; return what is proposed."""

    def wait() -> str:
        qtbot.waitUntil(door.is_done, timeout=LIMIT)
        return door.proposed.text()

    return wait


def test_it_finds_proposes_tries_and_opens_the_dock_filled_in(
    viewer: Viewer, door: Tweedie, look: Callable[[], str], qtbot: QtBot, rng: np.random.Generator, scene: np.ndarray
) -> None:
    assert "Open an image" in door.found.words.text()
    assert not door.buttons["Denoise"].isEnabled()
    layer = viewer.add_image(rng.poisson(5 + 40 * scene).astype(np.uint16), name="cells")
    assert "photon noise" in look()
    assert door.attempt.task.currentText() == "Denoise"
    assert door.found.noise.curves
    assert door.found.spectrum.curves
    assert not door.buttons["Compare"].isEnabled()
    door.attempt.picture.setFocus()
    qtbot.keyClick(door.attempt.picture, Qt.Key.Key_Left)
    assert door.attempt.picture.share == pytest.approx(0.45)
    door.attempt.strength.setValue(1.5)
    look()
    door.buttons["Denoise"].click()
    _, denoise = viewer.window.add_plugin_dock_widget("napari-tweedie", "Denoise")
    assert isinstance(denoise, Denoise)
    assert denoise.source.image() is layer
    assert denoise.recipe().strength == 1.5
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: "Open an image" in door.found.words.text(), timeout=LIMIT)


def test_what_is_open_beside_the_layer_decides(
    viewer: Viewer, door: Tweedie, look: Callable[[], str], qtbot: QtBot, rng: np.random.Generator, scene: np.ndarray
) -> None:
    missing = rng.random(scene.shape) < 0.3
    viewer.add_labels(missing.astype(np.uint8), name="mask")
    viewer.add_image(np.where(missing, 0, 100 + 100 * scene + rng.normal(0, 2, scene.shape)), name="cells")
    assert look() == "Fill it: the layer “mask” marks pixels that are missing."
    sigma = door.survey.channel.sigma if door.survey else 0.0
    assert sigma == pytest.approx(2, rel=0.3)
    door.buttons["Fill"].click()
    _, restore = viewer.window.add_plugin_dock_widget("napari-tweedie", "Deblur")
    assert isinstance(restore, Restore)
    assert restore.recipe().degradation.name == "mask"
    assert restore.bar.run.isEnabled()
    viewer.layers.remove("mask")
    qtbot.waitUntil(lambda: door.survey is None, timeout=LIMIT)
    look()
    assert door.attempt.task.currentText() != "Fill"


def test_what_was_measured_as_a_whole_is_proposed_to_be_turned_into_an_image(
    viewer: Viewer, door: Tweedie, look: Callable[[], str]
) -> None:
    viewer.add_image(
        nt.run({"job": "degrade", "degradation": {"name": "radon", "angles": 20}}, disc(48)).image, name="Sinogram 3"
    )
    assert "becomes the slice" in look()
    door.buttons["Deblur"].click()
    _, restore = viewer.window.add_plugin_dock_widget("napari-tweedie", "Deblur")
    assert restore.recipe().degradation.name == "radon"
    assert restore.obstacle() == ""


def disc(side: int) -> np.ndarray:
    rows, columns = np.indices((side, side)) - side / 2
    return (100 * (rows**2 + columns**2 < (side / 3) ** 2)).astype(np.float32)


def test_pixels_without_a_value_are_filled_before_and_after_and_in_the_dock(
    viewer: Viewer, door: Tweedie, look: Callable[[], str], rng: np.random.Generator, scene: np.ndarray
) -> None:
    noisy = 100 + 100 * scene + rng.normal(0, 2, scene.shape)
    noisy[20:24, 30:36] = np.nan
    image = viewer.add_image(noisy, name="cells")
    assert look().startswith("Fill it")
    assert door.attempt._trial is not None
    assert np.isfinite(door.attempt._trial.run(True)[1]).all()
    door.buttons["Fill"].click()
    marks = viewer.layers["missing pixels"]
    assert np.array_equal(marks.data > 0, np.isnan(noisy))
    _, restore = viewer.window.add_plugin_dock_widget("napari-tweedie", "Deblur")
    assert restore.source.image() is image
    assert restore.recipe().degradation.name == "mask"
    assert restore.chosen_layers()["mask"] is marks
    assert restore.bar.run.isEnabled()


@pytest.mark.parametrize("kind", ["boolean", "two by two", "one value"])
def test_layers_that_hold_next_to_nothing_are_looked_at(
    viewer: Viewer, door: Tweedie, look: Callable[[], str], scene: np.ndarray, kind: str
) -> None:
    odd = {"boolean": scene > 0.5, "two by two": scene[:2, :2], "one value": np.full_like(scene, 7)}
    viewer.add_image(odd[kind], name=kind, contrast_limits=(0, 10))
    assert look().startswith("Denoise it")
    assert not door.message.label.text()


def test_nothing_is_said_of_k_space_as_if_it_were_an_image(
    viewer: Viewer, door: Tweedie, look: Callable[[], str], rng: np.random.Generator, scene: np.ndarray
) -> None:
    spectrum = np.fft.fftshift(np.fft.fft2(scene + 0.05 * rng.normal(size=scene.shape)))
    viewer.add_image(np.stack([spectrum.real, spectrum.imag]).astype(np.float32), name="k-space")
    assert "k-space" in look()
    assert "measurement" in door.found.words.text()
    assert "hot or dead" not in door.found.words.text()
    assert door.found.plots.isHidden()
