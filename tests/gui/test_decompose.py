from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer

from napari_tweedie.widgets.docks.decompose import Decompose
from napari_tweedie.widgets.docks.panel import Panel


@pytest.fixture
def dock(viewer: Viewer) -> Decompose:
    rng = np.random.default_rng(0)
    viewer.add_image((1000 + 50 * rng.standard_normal((64, 48))).astype(np.uint16), name="cells")
    dock = Decompose(viewer)
    dock.choosers["denoiser"].choose("unet-small")
    viewer.window.add_dock_widget(dock, name="Take apart")
    dock.choosers["denoiser"].choose("gaussian")
    dock.decomposition.editors["levels"].set(3)
    return dock


@pytest.fixture
def decomposed(dock: Decompose, finish: Callable[[Panel], str]) -> Decompose:
    dock.run()
    finish(dock)
    return dock


def test_the_layers_add_up_to_the_image(decomposed: Decompose) -> None:
    layers = decomposed.viewer.layers
    bands = [f"cells · band {number} (counts)" for number in (3, 2, 1)]
    assert [layer.name for layer in layers] == ["cells", *bands, "cells · base"]
    total = sum(layer.data.astype(float) for layer in list(layers)[1:])
    np.testing.assert_allclose(total, layers["cells"].data, atol=1e-5 * np.ptp(layers["cells"].data) + 1e-4)
    assert layers["cells · band 1 (counts)"].metadata["napari_tweedie"]["reconstruction_error"] <= 1e-5


def test_bands_are_shown_around_zero(decomposed: Decompose) -> None:
    band = decomposed.viewer.layers["cells · band 1 (counts)"]
    low, high = band.contrast_limits
    assert low == -high
    assert 0.5 < np.percentile(np.abs(band.data), 99.9) / high < 1.5


def test_presets_and_sliders_recombine(decomposed: Decompose) -> None:
    layers = decomposed.viewer.layers
    decomposed.recombine.presets.setCurrentText("background")
    decomposed.recombine.presets.activated.emit(0)
    np.testing.assert_allclose(layers["cells · recombined"].data, layers["cells · base"].data, rtol=1e-6)
    decomposed.recombine.sliders["band 2"].setValue(2.0)
    expected = layers["cells · base"].data + 2 * layers["cells · band 2 (counts)"].data
    np.testing.assert_allclose(layers["cells · recombined"].data, expected, rtol=1e-6)
    assert layers["cells · recombined"].metadata["napari_tweedie"]["weights"] == [0, 2, 0, 1]
    assert decomposed.recombine.presets.currentText() == "custom"


def test_removed_layers_are_forgotten(decomposed: Decompose) -> None:
    layers, recombine = decomposed.viewer.layers, decomposed.recombine
    recombine.set_weights([1, 1, 1, 0])
    layers.remove("cells · recombined")
    recombine.set_weights([0, 0, 0, 1])
    assert "cells · recombined" in layers
    layers.remove("cells · band 1 (counts)")
    assert recombine.isHidden()
    assert not recombine.sliders


def test_a_second_run_replaces_the_sliders(decomposed: Decompose, finish: Callable[[Panel], str]) -> None:
    decomposed.decomposition.editors["levels"].set(2)
    decomposed.source.layer.set_value(decomposed.viewer.layers["cells"])
    decomposed.run()
    finish(decomposed)
    assert list(decomposed.recombine.sliders) == ["band 1", "band 2", "base"]


def test_colour_is_refused_with_a_way_out(dock: Decompose, finish: Callable[[Panel], str]) -> None:
    dock.viewer.add_image(np.zeros((8, 8, 3), np.uint8), name="colour", rgb=True)
    dock.run()
    assert "split" in finish(dock)
