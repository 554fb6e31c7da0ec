from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer

from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.synthesise import Synthesise


@pytest.fixture
def dock(viewer: Viewer) -> Synthesise:
    dock = Synthesise(viewer)
    viewer.window.add_dock_widget(dock, name="Synthesise")
    dock.choosers["denoiser"].choose("gaussian")
    dock.choosers["sampler"].choose("moment-matched")
    dock.choosers["sampler"].editor("samples").set(4)
    return dock


def test_samples_of_the_prior_come_without_a_layer(dock: Synthesise, finish: Callable[[Panel], str]) -> None:
    dock.size_.editors["height"].set(40)
    dock.size_.editors["width"].set(48)
    dock.run()
    finish(dock)
    (layer,) = dock.viewer.layers
    assert layer.data.shape == (4, 40, 48)
    assert layer.data.std() == pytest.approx(dock.recipe().denoiser.std, rel=0.15)
    before = layer.data.copy()
    dock.run()
    finish(dock)
    np.testing.assert_array_equal(dock.viewer.layers[-1].data, before)  # the same seed
