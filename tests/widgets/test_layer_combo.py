import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from pytestqt.qtbot import QtBot

from napari_tweedie.widgets.forms.layer_combo import LayerCombo


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def combo(qtbot: QtBot, viewer: ViewerModel) -> LayerCombo:
    combo = LayerCombo(viewer.layers, (Image,), wanted="psf", optional=True)
    qtbot.addWidget(combo)
    return combo


def test_a_layer_is_proposed_until_the_user_wants_none(combo: LayerCombo, viewer: ViewerModel) -> None:
    assert combo.value() is None
    psf = viewer.add_image(np.ones((3, 3)), name="my psf")
    assert combo.value() is psf
    combo.set_value(None)
    viewer.add_image(np.ones((3, 3)), name="another psf")
    assert combo.value() is None


def test_what_is_set_later_replaces_what_was_kept(combo: LayerCombo, viewer: ViewerModel) -> None:
    first, second = (viewer.add_image(np.ones((3, 3)), name=f"psf {number}") for number in range(2))
    combo.set_value(first)
    combo.pin()
    combo.set_value(second)
    viewer.add_image(np.ones((3, 3)), name="other")
    assert combo.value() is second
