import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

CONFIG = tempfile.mkdtemp(prefix="napari-tweedie-tests")
os.environ.update(NAPARI_CONFIG="", XDG_CONFIG_HOME=CONFIG, XDG_CACHE_HOME=CONFIG)

from napari.utils.notifications import notification_manager  # noqa: E402
from napari.viewer import Viewer  # noqa: E402
from pytestqt.qtbot import QtBot  # noqa: E402
from qtpy.QtCore import QThreadPool  # noqa: E402

from napari_tweedie.denoisers.network import Unet  # noqa: E402
from napari_tweedie.widgets.docks.denoise import Denoise  # noqa: E402
from napari_tweedie.widgets.docks.panel import Panel  # noqa: E402
from napari_tweedie.widgets.docks.restore import Restore  # noqa: E402
from napari_tweedie.widgets.runs.run import RUNS  # noqa: E402

LIMIT = 300_000
QUICK = "unet-small"
"""The denoiser where its quality is not what is tested."""


@pytest.fixture(autouse=True)
def nothing_left_running(qtbot: QtBot) -> Iterator[None]:
    yield
    left, RUNS.job = RUNS.job, None
    if left is not None:
        left.cancel()
    assert left is None
    assert QThreadPool.globalInstance().waitForDone(10_000)


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Viewer], qtbot: QtBot) -> Viewer:
    notification_manager.records.clear()
    return make_napari_viewer(show=True)


@pytest.fixture
def denoise(viewer: Viewer) -> Denoise:
    panel = Denoise(viewer)
    panel.choosers["denoiser"].choose(QUICK)
    viewer.window.add_dock_widget(panel, name="Denoise")
    return panel


@pytest.fixture
def restore(viewer: Viewer) -> Restore:
    panel = Restore(viewer)
    panel.choosers["denoiser"].choose(QUICK)
    viewer.window.add_dock_widget(panel, name="Deblur")
    return panel


@pytest.fixture
def finish(qtbot: QtBot) -> Callable[[Panel], str]:
    """Wait until a run has ended; return what the status line says."""

    def wait(panel: Panel) -> str:
        qtbot.waitUntil(lambda: RUNS.job is None and not panel.bar.running, timeout=LIMIT)
        assert panel.bar.run.text() == "Run"
        return str(panel.bar.status.toolTip())

    return wait


@pytest.fixture
def press(qtbot: QtBot, finish: Callable[[Panel], str]) -> Callable[[Panel], str]:
    """Press Run and wait for the end."""

    def run(panel: Panel) -> str:
        assert panel.bar.run.isEnabled(), panel.bar.run.toolTip()
        panel.bar.run.click()
        return finish(panel)

    return run


@pytest.fixture
def noisy(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """The scene in counts above an offset of 1000, as a camera with noise of 20 counts records it."""
    return np.rint(1000 + 400 * scene + rng.normal(0, 20, scene.shape)).astype(np.uint16)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Make every call of the denoiser take 0.2 s; the event is set when it was called first."""
    called, plain = threading.Event(), Unet.__call__

    def slowly(self: Unet, *arguments: object) -> object:
        called.set()
        time.sleep(0.2)
        return plain(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Unet, "__call__", slowly)
    return called


@pytest.fixture
def messages() -> Callable[[], list[str]]:
    """Return what napari has told the user."""
    return lambda: [record.message for record in notification_manager.records]
