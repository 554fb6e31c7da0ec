"""Does the dock make a point-spread function from beads, choose it, and show what it is?"""

import numpy as np
import pytest
from napari.viewer import ViewerModel
from scipy.ndimage import gaussian_filter

from napari_tweedie.analysis.beads import widths_of
from napari_tweedie.core.array_input import Input
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.input import nanometres
from napari_tweedie.widgets.parts.clues import GRID, kernel_axes
from napari_tweedie.widgets.parts.degradation_form import Sequence
from napari_tweedie.widgets.parts.psf_estimator import TALLEST, WIDEST, sections


def beads(std: tuple[float, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Return beads blurred with a Gaussian, with a little noise."""
    rng = np.random.default_rng(0)
    image = np.zeros(shape)
    for row in range(10, shape[-2] - 9, 20):
        for left in range(10, shape[-1] - 9, 20):
            image[(*(n // 2 for n in shape[:-2]), row, left)] = 1e5
    return (gaussian_filter(image, std) + rng.normal(0, 3, shape) + 100).astype(np.float32)


def test_beads_become_a_layer_that_is_chosen_with_its_widths_told(qtbot) -> None:  # type: ignore[no-untyped-def]
    viewer = ViewerModel()
    viewer.add_image(beads((1.5, 1.5, 1.5), (21, 60, 60)), name="beads", scale=(0.3, 0.1, 0.1), units=("um",) * 3)
    form = Sequence(viewer.layers, "psf-blur")
    qtbot.addWidget(form)
    assert not form.estimator.isHidden()
    form.estimator.estimate(viewer.layers["beads"], "beads")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20000)
    made = viewer.layers["beads · PSF"]
    np.testing.assert_allclose(made.scale, (0.3, 0.1, 0.1))
    assert form.chosen_layers()["psf"] is made
    assert form.estimator.button.isEnabled()
    said = form.estimator.told.text()
    inside = [float(width) for width in said.split("(")[1].split(" px)")[0].split(", ")]
    np.testing.assert_allclose(inside, 1.5 * 2.355, atol=0.2)  # of the Gaussian that they are
    assert float(said.split("X ")[1].split(" µm")[0]) == pytest.approx(inside[2] / 10, abs=0.001)
    assert "beads were averaged" in said


def test_an_image_without_beads_is_told_to_have_none(qtbot) -> None:  # type: ignore[no-untyped-def]
    viewer = ViewerModel()
    viewer.add_image(np.random.default_rng(1).normal(size=(64, 64)), name="nothing")
    form = Sequence(viewer.layers, "psf-blur")
    qtbot.addWidget(form)
    form.estimator.estimate(viewer.layers["nothing"], "beads")
    qtbot.waitUntil(lambda: not form.estimator.told.isHidden(), timeout=20000)
    assert "No isolated bead was found" in form.estimator.told.text()
    assert len(viewer.layers) == 1


def test_other_degradations_ask_for_no_point_spread_function(qtbot) -> None:  # type: ignore[no-untyped-def]
    form = Sequence(ViewerModel().layers, "psf-blur")
    qtbot.addWidget(form)
    form.choose("downsample")
    assert form.estimator.isHidden()
    form.choose("psf-blur")
    assert not form.estimator.isHidden()


def test_sections_are_as_large_as_they_are_in_the_sample() -> None:
    psf = np.zeros((11, 21, 21), np.float32)
    psf[5, 10, 10] = 1
    drawn = sections(psf, (0.4, 0.1, 0.1))
    assert list(drawn) == ["YX", "ZX", "ZY"]
    side = drawn["YX"].width()
    assert drawn["YX"].height() == side
    assert drawn["ZX"].height() == TALLEST == pytest.approx(4.4 / 2.1 * side, rel=0.02)
    flat = sections(psf, (0.1, 0.3, 0.3))
    assert 3 * flat["YX"].width() == pytest.approx(WIDEST, abs=15)
    assert flat["ZX"].height() == pytest.approx(1.1 / 6.3 * flat["ZX"].width(), abs=1)


def test_what_was_estimated_is_not_offered_to_be_estimated_from(qtbot) -> None:  # type: ignore[no-untyped-def]
    viewer = ViewerModel()
    form = Sequence(viewer.layers, "psf-blur")
    qtbot.addWidget(form)
    form.estimator.menu.aboutToShow.emit()
    assert [action.isEnabled() for action in form.estimator.menu.actions()] == [False]
    plane = viewer.add_image(beads((1.5, 1.5), (80, 80)), name="plane")
    form.estimator.estimate(plane, "beads")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20000)
    form.estimator.menu.aboutToShow.emit()
    offered = [action.text() for action in form.estimator.menu.actions() if action.text()]
    these = "from the beads in “plane”"
    itself = ["its width, from “plane” itself", "its free form, from “plane” itself"]
    assert offered == [these, f"varying over the field, {these}", *itself]


def test_another_function_has_the_noise_measured_anew(qtbot) -> None:  # type: ignore[no-untyped-def]
    """How much of an image is noise is told by what is finer than the blur."""
    viewer = ViewerModel()
    viewer.add_image(beads((1.5, 1.5), (80, 80)), name="plane")
    viewer.add_image(np.ones((3, 5, 5)), name="stack psf", visible=False)
    viewer.layers.selection.active = viewer.layers["plane"]
    dock = Restore(viewer)
    qtbot.addWidget(dock)
    dock.choosers["degradation"].choose("psf-blur")
    qtbot.waitUntil(lambda: "3 axes" in dock.noise.decision.text(), timeout=20000)
    dock.choosers["degradation"].estimator.estimate(viewer.layers["plane"], "beads")
    qtbot.waitUntil(lambda: "finer than the blur" in dock.noise.decision.text(), timeout=20000)


def test_the_width_that_an_image_shows_is_written_into_the_form(qtbot) -> None:  # type: ignore[no-untyped-def]
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:64, :64]
    scene = 100.0 * sum(np.hypot(y - row, x - left) < 5 for row, left in rng.uniform(6, 58, (9, 2)))
    viewer = ViewerModel()
    viewer.add_image(gaussian_filter(scene, 2) + rng.normal(0, 1, scene.shape), name="discs")
    form = Sequence(viewer.layers, "gaussian-blur")
    qtbot.addWidget(form)
    form.estimator.menu.aboutToShow.emit()
    action = next(each for each in form.estimator.menu.actions() if "discs" in each.text())
    assert action.text() == "Blur width, from “discs” itself"
    action.trigger()
    qtbot.waitUntil(form.estimator.button.isEnabled, timeout=60000)
    assert form.method().std == pytest.approx(2, rel=0.15)
    assert len(viewer.layers) == 1
    assert "std = " in form.estimator.told.text()


def test_of_a_microscope_the_aperture_is_offered(qtbot) -> None:  # type: ignore[no-untyped-def]
    viewer = ViewerModel()
    viewer.add_image(np.zeros((64, 64)), name="plane")
    form = Sequence(viewer.layers, "microscope-psf")
    qtbot.addWidget(form)
    form.estimator.menu.aboutToShow.emit()
    texts = [each.text() for each in form.estimator.menu.actions()]
    assert texts == ["NA, from “plane” itself"]


def test_beads_that_differ_become_functions_for_every_place(qtbot) -> None:  # type: ignore[no-untyped-def]
    """Blurred twice as much on the right: rows and columns of functions, wider to the right, and a preview of a part."""
    image = beads((1.2, 1.2), (120, 120))
    weight = np.linspace(0, 1, 120)
    image = ((1 - weight) * image + weight * beads((2.4, 2.4), (120, 120))).astype(np.float32)
    viewer = ViewerModel()
    viewer.add_image(image, name="beads", scale=(0.1, 0.1), units=("um",) * 2)
    form = Sequence(viewer.layers, "psf-blur")
    qtbot.addWidget(form)
    form.estimator.estimate(viewer.layers["beads"], "beads", varying=True)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20000)
    made = viewer.layers["beads · PSF"]
    assert made.data.shape[:2] == (3, 3)
    assert tuple(made.axis_labels[:2]) == GRID
    assert kernel_axes(made) == 2
    assert nanometres(made) == pytest.approx((100, 100))
    assert made.metadata["napari_tweedie"]["places"][0] == pytest.approx((0, 59.5, 119))
    widths = [widths_of(made.data[1, column].astype(float))[1] for column in range(3)]
    assert widths[0] == pytest.approx(1.2 * 2.355, abs=0.3)
    assert widths[2] > 1.2 * widths[0]
    assert form.chosen_layers()["psf"] is made
    assert "3 × 3 functions" in form.estimator.told.text()
    given = Input.of(made.data, made.name)
    right = Crop((0, 60), (60, 120)).of_functions(given, "yx", False, (120, 120)).values()
    np.testing.assert_allclose(right[0, -1], made.data[0, -1], atol=1e-6)
    assert Crop((0, 60), (60, 120)).of_functions(Input.of(made.data[0, 0]), "yx", False, (120, 120)).values().ndim == 2
