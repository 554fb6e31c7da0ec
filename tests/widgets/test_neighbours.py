"""The row below the axes says which planes help to denoise one."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from pytestqt.qtbot import QtBot

from napari_tweedie.recipe import Recipe
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.layers.crop import Crop


@pytest.fixture
def dock(qtbot: QtBot) -> Denoise:
    dock = Denoise(ViewerModel())
    qtbot.addWidget(dock)
    return dock


def show(dock: Denoise, shape: tuple[int, ...], axes: str, **layer: object) -> None:
    image = dock.viewer.add_layer(Image(np.zeros(shape, np.float32), axis_labels=tuple(axes), **layer))
    dock.source.layer.set_value(image)


def test_frames_help_unless_the_user_says_no(dock: Denoise) -> None:
    show(dock, (3, 16, 16), "tyx")
    assert dock.source.neighbours.text() == "T: use nearby frames"
    assert dock.source.neighbours.isChecked()
    assert dock.recipe().neighbours == "auto"
    dock.source.neighbours.setChecked(False)
    assert dock.recipe().neighbours == "none"


def test_planes_help_where_their_distance_is_known(dock: Denoise) -> None:
    show(dock, (3, 16, 16), "zyx")
    assert dock.source.neighbours.text() == "Z: use nearby planes"
    assert not dock.source.neighbours.isChecked()
    dock.source.neighbours.setChecked(True)
    assert dock.recipe().neighbours == "z"
    show(dock, (3, 16, 16), "zyx", scale=(2, 1, 1), units="um")
    assert dock.source.neighbours.isChecked()
    assert dock.recipe().neighbours == "auto"
    dock.source.volume.setChecked(True)
    assert dock.source.neighbours.isHidden()


def test_one_plane_has_no_neighbours(dock: Denoise) -> None:
    show(dock, (16, 16), "yx")
    assert dock.source.neighbours.isHidden()


@pytest.mark.parametrize("said", ["none", "t", "auto"])
def test_what_a_recipe_says_is_shown_and_kept(dock: Denoise, said: str) -> None:
    show(dock, (3, 16, 16), "tyx")
    dock.fill(Recipe(axes="tyx", neighbours=said))
    assert dock.source.neighbours.isChecked() == (said != "none")
    assert dock.recipe().neighbours == said


def test_a_preview_reads_the_frames_that_help(rng: np.random.Generator) -> None:
    stack = rng.random((20, 8, 8))
    crop = Crop((10, 2, 2), (11, 6, 6))
    part, inside = crop.with_neighbours(stack, Recipe(axes="tyx", neighbours="t"))
    np.testing.assert_array_equal(part, stack[7:14, 2:6, 2:6])
    assert inside is not None
    np.testing.assert_array_equal(part[inside], crop.of(stack))
    alone, everything = crop.with_neighbours(stack, Recipe(axes="tyx", neighbours="none"))
    np.testing.assert_array_equal(alone, crop.of(stack))
    assert everything is None
