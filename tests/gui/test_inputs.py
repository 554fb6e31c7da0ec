from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from scipy.ndimage import gaussian_filter

from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.layers.input import METADATA

Press = Callable[[Panel], str]


@pytest.mark.parametrize("kind", ["labels", "shapes"])
def test_marked_pixels_are_filled_from_the_others(
    viewer: Viewer, restore: Restore, press: Press, noisy: np.ndarray, scene: np.ndarray, kind: str
) -> None:
    marked = np.zeros(noisy.shape, bool)
    marked[20:31, 40:51] = True
    holes = np.where(marked, 0, noisy)
    viewer.add_image(holes, name="cells", scale=(0.5, 0.5))
    if kind == "labels":
        viewer.add_labels(marked.astype(np.uint8), scale=(0.5, 0.5))
    else:  # drawn in world coordinates, on a layer with other pixels than the image
        corners = np.array([[20, 40], [20, 50], [30, 50], [30, 40]])
        viewer.add_shapes([corners], shape_type="polygon", scale=(0.5, 0.5))
        viewer.layers[-1].scale = (1, 1)
        viewer.layers[-1].data = [corners * 0.5]
    restore.choosers["degradation"].choose("mask")
    assert restore.source.image().name == "cells"
    press(restore)
    result = viewer.layers["cells · filled"]
    error = (result.data - 1000 - 400 * scene)[marked]
    assert np.sqrt(np.mean(error**2)) < 60
    assert result.metadata[METADATA]["recipe"]["degradation"]["mask"]["name"] in {"Labels", "Shapes"}


def test_a_blur_is_undone_with_the_function_of_another_layer(
    viewer: Viewer, restore: Restore, press: Press, scene: np.ndarray, rng: np.random.Generator
) -> None:
    point = np.zeros((15, 15))
    point[7, 7] = 1
    truth = 1000 + 400 * scene
    blurred = gaussian_filter(truth, 1.5) + rng.normal(0, 2, scene.shape)
    viewer.add_image(gaussian_filter(point, 1.5), name="my psf")
    viewer.add_image(blurred, name="cells")
    restore.choosers["degradation"].choose("psf-blur")
    assert restore.chosen_layers()["psf"].name == "my psf"
    press(restore)
    inner = np.s_[8:-8, 8:-8]
    before, after = (np.std((image - truth)[inner]) for image in (blurred, viewer.layers["cells · deblurred"].data))
    assert after < 0.8 * before


def test_a_function_on_other_pixels_is_resampled(viewer: Viewer, restore: Restore, press: Press, noisy: np.ndarray) -> None:
    viewer.add_image(np.ones((6, 6)), name="psf", scale=(0.1, 0.1), units=("um", "um"))
    viewer.add_image(noisy, name="cells", scale=(200, 200), units=("nm", "nm"))
    restore.choosers["degradation"].choose("psf-blur")
    press(restore)
    facts = viewer.layers["cells · deblurred"].metadata["napari_tweedie"]
    assert facts["recipe"]["spacing"] == pytest.approx([200, 200])
    assert facts["recipe"]["unit"] == "nanometer"
    assert "resampled to the pixels of the image, 2 × 2 times" in facts["notes"][0]


def test_a_function_of_three_axes_makes_z_depth(viewer: Viewer, restore: Restore, noisy: np.ndarray) -> None:
    viewer.add_image(np.ones((3, 5, 5)), name="psf")
    viewer.add_image(np.stack([noisy] * 4), name="cells")
    assert not restore.source.volume.isHidden()
    restore.choosers["degradation"].choose("psf-blur")
    assert restore.source.volume.isChecked()


def test_a_finer_result_lies_where_its_pixels_come_from(
    viewer: Viewer, restore: Restore, press: Press, noisy: np.ndarray
) -> None:
    layer = viewer.add_image(noisy, name="cells", scale=(2, 3), translate=(10, 20), rotate=30, units=("um", "um"))
    restore.choosers["degradation"].choose("downsample")
    restore.choosers["solver"].choose("wiener")
    assert not restore.choosers["denoiser"].isEnabled()
    press(restore)
    result = viewer.layers["cells · enlarged"]
    assert result.data.shape == (128, 192)
    assert result.units == layer.units
    block = np.array([[10, 10], [10, 11], [11, 10], [11, 11]])  # the four pixels that one pixel of the input is made of
    centre = np.mean([result.data_to_world(pixel) for pixel in block], axis=0)
    np.testing.assert_allclose(centre, layer.data_to_world((5, 5)))
    np.testing.assert_allclose(result.scale, (1, 1.5))


def test_the_solver_follows_whether_z_is_depth(restore: Restore, viewer: Viewer) -> None:
    viewer.add_image(np.random.default_rng(0).random((6, 24, 24)), name="stack", metadata={"axes": "zyx"})
    restore.source.layer.set_value(viewer.layers["stack"])
    solver = restore.choosers["solver"]
    assert solver.name == "hqs"
    restore.source.volume.setChecked(True)
    assert solver.name == "denoised-richardson-lucy"
    restore.source.volume.setChecked(False)
    assert solver.name == "hqs"


def test_the_solver_follows_the_degradation_until_the_user_chooses_another(restore: Restore) -> None:
    degradation, solver = restore.choosers["degradation"], restore.choosers["solver"]
    assert solver.name == "hqs"
    for name, suited in (("mask", "pnp-admm"), ("random-projection", "d-amp"), ("psf-blur", "hqs")):
        degradation.choose(name)
        assert solver.name == suited
    degradation.choose("mask")
    degradation.more.setChecked(True)
    assert solver.name == "hqs"
    solver.choose("wiener")
    degradation.choose("radon")
    assert solver.name == "wiener"


def test_iterations_follow_the_degradation_until_the_user_changes_them(restore: Restore) -> None:
    degradation, solver = restore.choosers["degradation"], restore.choosers["solver"]
    iterations = solver.form.editors["iterations"]
    assert iterations.get() == 12
    degradation.choose("downsample")
    assert iterations.get() == 24
    iterations.set(5)
    degradation.form.editors["factor"].set(3)
    assert iterations.get() == 5
    degradation.choose("gaussian-blur")
    assert iterations.get() == 12
