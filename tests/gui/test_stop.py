import threading
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication

from napari_tweedie.denoisers.network import Unet
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.layers.input import METADATA
from napari_tweedie.widgets.runs.run import RUNS

Press = Callable[[Panel], str]
Messages = Callable[[], list[str]]
LIMIT = 60_000


def start(panel: Panel, called: threading.Event, qtbot: QtBot) -> None:
    panel.bar.run.click()
    assert panel.bar.run.text() == "Cancel"
    qtbot.waitUntil(called.is_set, timeout=LIMIT)


def start_long(restore: Restore, viewer: Viewer, noisy: np.ndarray, slow: threading.Event, qtbot: QtBot) -> None:
    """Start a restoration of a layer "cells" that does not end by itself within a test."""
    viewer.add_image(noisy, name="cells")
    restore.choosers["solver"].form.editors["iterations"].set(200)
    start(restore, slow, qtbot)


def test_cancelling_a_denoising_leaves_nothing(
    viewer: Viewer, denoise: Denoise, slow: threading.Event, finish: Press, qtbot: QtBot, noisy: np.ndarray
) -> None:
    viewer.add_image(np.tile(noisy, (40, 1, 1)), name="cells", axis_labels=("t", "y", "x"))
    start(denoise, slow, qtbot)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=LIMIT)
    assert "left" in denoise.bar.status.toolTip()
    denoise.bar.run.click()
    assert denoise.bar.run.text().startswith("Cancelling")
    assert not denoise.bar.run.isEnabled()
    assert finish(denoise) == "Cancelled; nothing was kept."
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert denoise.bar.run.isEnabled()


def test_cancelling_a_restoration_keeps_the_estimate_and_says_so(
    viewer: Viewer, restore: Restore, slow: threading.Event, finish: Press, qtbot: QtBot, noisy: np.ndarray
) -> None:
    start_long(restore, viewer, noisy, slow, qtbot)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=LIMIT)
    restore.bar.run.click()
    status = finish(restore)
    kept = viewer.layers[-1]
    assert " of 200)" in kept.name
    assert kept.name.startswith("cells · deblurred (stopped at ")
    assert kept.metadata[METADATA]["stopped"] in status
    assert kept.data.mean() == pytest.approx(noisy.mean(), rel=0.05)


def test_removing_the_input_stops_the_run(
    viewer: Viewer, restore: Restore, slow: threading.Event, finish: Press, qtbot: QtBot, noisy: np.ndarray
) -> None:
    start_long(restore, viewer, noisy, slow, qtbot)
    viewer.layers.remove("cells")
    assert "'cells' was removed; nothing was kept" in finish(restore)
    assert len(viewer.layers) == 0
    assert not restore.bar.run.isEnabled()


def test_removing_the_growing_result_stops_the_run(
    viewer: Viewer, restore: Restore, slow: threading.Event, finish: Press, qtbot: QtBot, noisy: np.ndarray
) -> None:
    start_long(restore, viewer, noisy, slow, qtbot)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=LIMIT)
    viewer.layers.pop()
    finish(restore)
    assert [layer.name for layer in viewer.layers] == ["cells"]


def test_closing_the_viewer_stops_the_run(
    make_napari_viewer: Callable[..., Viewer], slow: threading.Event, qtbot: QtBot, noisy: np.ndarray
) -> None:
    viewer = make_napari_viewer(show=True)
    panel = Denoise(viewer)
    viewer.window.add_dock_widget(panel)
    viewer.add_image(np.tile(noisy, (60, 1, 1)))
    start(panel, slow, qtbot)
    worker = weakref.ref(RUNS.job._worker)
    viewer.close()
    qtbot.waitUntil(lambda: RUNS.job is None, timeout=3000)
    assert worker() is None or not worker().is_running


@pytest.mark.parametrize("how", ["hide", "remove"])
def test_closing_the_dock_stops_the_run(viewer: Viewer, slow: threading.Event, qtbot: QtBot, noisy: np.ndarray, how: str) -> None:
    panel = Denoise(viewer)
    dock = viewer.window.add_dock_widget(panel)
    viewer.add_image(np.tile(noisy, (60, 1, 1)))
    start(panel, slow, qtbot)
    if how == "hide":
        dock.close()
    else:
        viewer.window.remove_dock_widget(panel)
    del panel, dock
    QApplication.processEvents()
    qtbot.waitUntil(lambda: RUNS.job is None, timeout=3000)
    assert len(viewer.layers) == 1


def test_only_one_run_at_a_time(
    viewer: Viewer, denoise: Denoise, restore: Restore, slow: threading.Event, finish: Press, qtbot: QtBot, noisy: np.ndarray
) -> None:
    viewer.add_image(np.tile(noisy, (40, 1, 1)), axis_labels=("t", "y", "x"))
    start(denoise, slow, qtbot)
    assert not restore.bar.run.isEnabled()
    assert restore.bar.run.toolTip() == "Another run is in progress."
    denoise.bar.run.click()
    finish(denoise)
    assert restore.bar.run.isEnabled()
    assert restore.bar.status.toolTip() == ""


def exhausted(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    plain, calls = Unet.__call__, iter(range(times))

    def call(self: Unet, *arguments: object) -> object:
        if next(calls, None) is not None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return plain(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Unet, "__call__", call)


@pytest.mark.parametrize("kind", [Denoise, Restore])
def test_short_memory_is_retried_and_told(
    messages: Messages, viewer: Viewer, press: Press, noisy: np.ndarray, monkeypatch: pytest.MonkeyPatch, kind: type[Panel]
) -> None:
    panel = kind(viewer)
    viewer.window.add_dock_widget(panel)
    viewer.add_image(noisy)
    exhausted(monkeypatch, 1)
    status = press(panel)
    assert len(viewer.layers) == 2
    assert "ran short" in status
    assert not any("ran short" in message for message in messages()), "said once"


@pytest.mark.parametrize("kind", [Denoise, Restore])
def test_exhausted_memory_ends_in_one_sentence(
    messages: Messages, viewer: Viewer, press: Press, noisy: np.ndarray, monkeypatch: pytest.MonkeyPatch, kind: type[Panel]
) -> None:
    panel = kind(viewer)
    viewer.window.add_dock_widget(panel)
    viewer.add_image(noisy)
    exhausted(monkeypatch, 10**9)
    status = press(panel)
    assert status.startswith("The memory does not suffice")
    assert messages() == [status]
    assert len(viewer.layers) == 1
    assert panel.bar.run.isEnabled()
    assert not panel.bar.bar.isVisible()


def test_an_unforeseen_error_is_reported_with_its_traceback(
    messages: Messages, viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(Unet, "__call__", fail)
    viewer.add_image(noisy)
    assert press(denoise) == "Failed: no kernel image is available"
    assert "no kernel image" in messages()[-1]
    assert denoise.bar.run.isEnabled()
