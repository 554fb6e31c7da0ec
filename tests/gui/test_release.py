"""Is nothing of a run kept once its layers are gone?"""

import gc
import weakref
from collections.abc import Callable

import numpy as np
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.runs.run import RUNS


def test_a_result_goes_with_its_layer(
    viewer: Viewer, denoise: Denoise, finish: Callable[[Panel], str], qtbot: QtBot, rng: np.random.Generator
) -> None:
    viewer.add_image(rng.normal(100, 5, (32, 32)).astype(np.float32))
    denoise.bar.run.click()
    run = weakref.ref(RUNS.job)
    finish(denoise)
    result = weakref.ref(viewer.layers[-1].data)
    viewer.layers.remove(viewer.layers[-1])

    def gone() -> None:
        gc.collect()
        assert run() is None
        assert result() is None

    qtbot.waitUntil(gone, timeout=10_000)
