from collections.abc import Callable

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from pytestqt.qtbot import QtBot

from napari_tweedie.core.results import Output, Preview
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.growing_layers import Growing


@pytest.fixture
def settle(qtbot: QtBot) -> Callable[[Growing], None]:
    """Wait until all that is to be done to the layers is done."""

    def wait(growing: Growing) -> None:
        done: list[bool] = []
        growing.when_added(lambda: done.append(True))
        qtbot.waitUntil(lambda: bool(done), timeout=5000)

    return wait


def test_results_come_one_by_one_the_most_important_on_top_and_selected(settle: Callable[[Growing], None]) -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.float32), name="cells"))
    growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
    active: list[object] = []
    viewer.layers.selection.events.active.connect(lambda event: active.append(event.value))
    names = ["mean", "std", "samples"]
    growing.show(Preview({name: np.zeros((8, 8), np.float32) for name in names}, {name: Output(name) for name in names}, (), 1.0))
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · mean"]
    settle(growing)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · samples", "cells · std", "cells · mean"]
    assert viewer.layers.selection.active.name == "cells · mean"
    assert list(viewer.layers.selection) == [viewer.layers["cells · mean"]]
    assert {layer.name for layer in filter(None, active)} == {"cells · mean"}  # nothing else was selected in between
    assert [layer.visible for layer in viewer.layers] == [True, False, False, True]
    growing.remove()
    assert list(viewer.layers) == [source]


def test_a_run_that_ends_before_its_layers_are_there_completes_each_of_them(settle: Callable[[Growing], None]) -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.float32), name="cells", contrast_limits=(0, 10)))
    growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
    images = {name: np.linspace(0, 2, 64, dtype=np.float32).reshape(8, 8) for name in ("mean", "std", "samples")}
    outputs = {"mean": Output("mean"), "std": Output("std", "spread"), "samples": Output("samples")}
    growing.show(Preview(images, outputs, (), 1.0))
    growing.keep({"seconds": 1.0}, Recipe(job="sample", axes="yx"), "2 of 4 samples", 2)
    settle(growing)
    assert [layer.metadata["napari_tweedie"]["result"] for layer in growing.by_name.values()] == list(images)
    assert all(layer.name.endswith("(stopped at 2 of 4 samples)") for layer in growing.by_name.values())
    limits = [layer.contrast_limits for layer in growing.by_name.values()]
    assert limits[0] == limits[2] != [0, 10]
    assert limits[1][0] == 0
    assert [layer.visible for layer in growing.by_name.values()] == [True, False, False]


def test_a_run_that_is_removed_adds_no_more_layers(qtbot: QtBot) -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.float32), name="cells"))
    growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
    images = {name: np.zeros((8, 8), np.float32) for name in ("mean", "std")}
    growing.show(Preview(images, {name: Output(name) for name in images}, (), 1.0))
    growing.remove()
    qtbot.wait(100)
    assert list(viewer.layers) == [source]


def test_an_image_of_what_was_none_has_contrast_limits_of_its_own(settle: Callable[[Growing], None]) -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.float32), name="k-space", contrast_limits=(0.5, 900)))
    for degradation, limits in (("gaussian-blur", (0.5, 2)), ("radon", (0, 2))):
        growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
        image = np.linspace(0, 2, 64, dtype=np.float32).reshape(8, 8)
        growing.show(Preview({"image": image}, {"image": Output("image")}, (), 1.0))
        growing.complete({}, Recipe(job="restore", axes="yx", degradation={"name": degradation}))
        settle(growing)
        np.testing.assert_allclose(growing.by_name["image"].contrast_limits, limits, atol=0.01)
        growing.remove()


def test_what_has_a_colour_bar_says_its_unit_where_that_is_known(settle: Callable[[Growing], None]) -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.uint16), name="cells"))
    outputs = {each.name: each for each in (Output("mean"), Output("std", "spread"), Output("score", "difference", power=-1))}
    growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
    growing.show(Preview({name: np.ones((8, 8), np.float32) for name in outputs}, outputs, (), 1.0))
    settle(growing)
    for layer in growing.by_name.values():
        layer.visible = True
    assert [layer.name for layer in growing.by_name.values()] == [
        "cells · mean",
        "cells · std (counts)",
        "cells · score (1/counts)",
    ]
    assert [layer.name_overlay.visible for layer in growing.by_name.values()] == [False, True, True]
