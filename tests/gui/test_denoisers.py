from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer

from napari_tweedie import denoisers
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.layers.input import METADATA

Press = Callable[[Panel], str]


def test_every_denoiser_has_a_form(denoise: Denoise, viewer: Viewer, noisy: np.ndarray) -> None:
    viewer.add_image(noisy[None], name="known images")
    viewer.add_image(noisy)
    chooser = denoise.choosers["denoiser"]
    for name in denoisers.names():
        if denoisers.registry.method(name).is_composed():
            continue
        chooser.choose(name)
        assert chooser.method().name == name


@pytest.mark.parametrize("name", ["total-variation", "wavelet"])
def test_a_chosen_denoiser_denoises_and_restores(
    name: str, viewer: Viewer, denoise: Denoise, restore: Restore, press: Press, noisy: np.ndarray, scene: np.ndarray
) -> None:
    viewer.add_image(noisy, name="cells")
    truth = 1000 + 400 * scene
    restore.choosers["degradation"].choose("identity")
    for panel, result in ((denoise, "cells · denoised"), (restore, "cells · denoised [1]")):
        panel.choosers["denoiser"].choose(name)
        press(panel)
        layer = viewer.layers[result]
        assert np.std(layer.data - truth) < 0.85 * np.std(noisy - truth)
        assert layer.metadata[METADATA]["recipe"]["denoiser"]["name"] == name


def test_known_images_come_from_a_layer(
    viewer: Viewer, denoise: Denoise, press: Press, noisy: np.ndarray, scene: np.ndarray
) -> None:
    truth = 1000 + 400 * scene
    viewer.add_image(np.stack([truth[::-1], truth]), name="known images")
    viewer.add_image(noisy, name="cells")
    denoise.choosers["denoiser"].choose("empirical")
    assert denoise.chosen_layers()["images"].name == "known images"
    press(denoise)
    np.testing.assert_allclose(viewer.layers["cells · denoised"].data, truth, atol=0.5)
