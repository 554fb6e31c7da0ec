import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from pytestqt.qtbot import QtBot

from napari_tweedie.core.results import Output, Preview
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.growing_layers import Growing


def test_results_come_one_by_one_the_most_important_on_top_and_selected(qtbot: QtBot) -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.float32), name="cells"))
    growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
    names = ["mean", "std", "samples"]
    growing.show(Preview({name: np.zeros((8, 8), np.float32) for name in names}, {name: Output(name) for name in names}, (), 1.0))
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · mean"]
    done: list[bool] = []
    growing.when_added(lambda: done.append(True))
    qtbot.waitUntil(lambda: bool(done), timeout=5000)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells · samples", "cells · std", "cells · mean"]
    assert viewer.layers.selection.active.name == "cells · mean"
    assert [layer.visible for layer in viewer.layers] == [True, False, False, True]
    growing.remove()
    assert list(viewer.layers) == [source]


def test_a_run_that_is_removed_adds_no_more_layers(qtbot: QtBot) -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.float32), name="cells"))
    growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
    images = {name: np.zeros((8, 8), np.float32) for name in ("mean", "std")}
    growing.show(Preview(images, {name: Output(name) for name in images}, (), 1.0))
    growing.remove()
    qtbot.wait(100)
    assert list(viewer.layers) == [source]


def test_an_image_of_what_was_none_has_contrast_limits_of_its_own(qtbot: QtBot) -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.float32), name="k-space", contrast_limits=(0.5, 900)))
    for degradation, limits in (("gaussian-blur", (0.5, 2)), ("radon", (0, 2))):
        growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
        image = np.linspace(0, 2, 64, dtype=np.float32).reshape(8, 8)
        growing.show(Preview({"image": image}, {"image": Output("image")}, (), 1.0))
        growing.complete({}, Recipe(job="restore", axes="yx", degradation={"name": degradation}))
        np.testing.assert_allclose(growing.by_name["image"].contrast_limits, limits, atol=0.01)
        growing.remove()


def test_what_has_a_colour_bar_says_its_unit_where_that_is_known() -> None:
    viewer = ViewerModel()
    source = viewer.add_layer(Image(np.zeros((8, 8), np.uint16), name="cells"))
    outputs = {each.name: each for each in (Output("mean"), Output("std", "spread"), Output("score", "difference", power=-1))}
    growing = Growing(viewer, source, Crop.whole((8, 8)), "", (), {})
    growing.show(Preview({name: np.ones((8, 8), np.float32) for name in outputs}, outputs, (), 1.0))
    for layer in growing.by_name.values():
        layer.visible = True
    assert [layer.name for layer in growing.by_name.values()] == [
        "cells · mean",
        "cells · std (counts)",
        "cells · score (1/counts)",
    ]
    assert [layer.name_overlay.visible for layer in growing.by_name.values()] == [False, True, True]
