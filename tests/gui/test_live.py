from collections.abc import Callable

import numpy as np
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.runs.run import RUNS

LIMIT = 60_000


def test_a_preview_follows_the_strength_and_a_strength_seen_before_is_there_at_once(
    viewer: Viewer, denoise: Denoise, finish: Callable[[Denoise], str], qtbot: QtBot, noisy: np.ndarray
) -> None:
    viewer.add_image(noisy, name="cells")
    qtbot.waitUntil(lambda: bool(denoise.noise.levels), timeout=LIMIT)
    denoise.bar.preview.click()
    finish(denoise)
    preview = viewer.layers[-1]
    first = preview.data.copy()
    denoise.strength.setValue(2.0)
    qtbot.waitUntil(lambda: denoise.live.is_done, timeout=LIMIT)
    assert preview in viewer.layers
    assert preview.data.std() < first.std()
    assert preview.metadata["napari_tweedie"]["recipe"]["strength"] == 2.0
    denoise.strength.setValue(1.0)
    qtbot.waitUntil(lambda: denoise.live.is_done, timeout=LIMIT)
    np.testing.assert_allclose(preview.data, first, rtol=1e-4)
    denoise.bar.run.click()
    finish(denoise)
    denoise.strength.setValue(1.5)
    qtbot.waitUntil(lambda: denoise.live.is_done, timeout=LIMIT)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · denoised"]


def test_a_change_stops_what_the_one_before_has_begun(
    viewer: Viewer, restore: Restore, finish: Callable[[Restore], str], qtbot: QtBot, noisy: np.ndarray
) -> None:
    viewer.add_image(noisy, name="cells")
    restore.choosers["solver"].editor("iterations").set(2)
    qtbot.waitUntil(lambda: bool(restore.noise.levels), timeout=LIMIT)
    restore.bar.preview.click()
    finish(restore)
    width = restore.choosers["degradation"].editor("std")
    width.set(2.5)
    qtbot.waitUntil(lambda: restore.live._look is not None, timeout=LIMIT)
    begun = restore.live._look
    width.set(1.0)
    qtbot.waitUntil(lambda: restore.live.is_done and restore.live._look is None, timeout=LIMIT)
    assert begun is not None
    assert begun.stopped.is_set() or begun.recipe.degradation.std == 1.0
    assert viewer.layers[-1].metadata["napari_tweedie"]["recipe"]["degradation"]["std"] == 1.0
    assert RUNS.job is None
