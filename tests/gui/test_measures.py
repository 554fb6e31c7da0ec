import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_tweedie.widgets.compare.dock import Compare
from napari_tweedie.widgets.forms.layout import Fold

LIMIT = 20_000


@pytest.fixture
def compare(viewer: Viewer) -> Compare:
    panel = Compare(viewer)
    viewer.window.add_dock_widget(panel, name="Compare")
    for fold in panel.findChildren(Fold):
        fold.expand()
    return panel


def texts(compare: Compare) -> list[list[str]]:
    return [[cell.text() for cell in row[1:]] for row in compare.similarity.rows]


def test_similarity_is_that_of_the_plane_that_is_seen(
    viewer: Viewer, compare: Compare, scene: np.ndarray, rng: np.random.Generator, qtbot: QtBot
) -> None:
    truth = np.stack([scene, scene[::-1]])
    noisy = truth + rng.normal(0, [[[0.05]], [[0.1]]], truth.shape)
    viewer.add_image(truth, name="truth")
    viewer.add_image(noisy, name="noisy")
    compare.similarity.field.setCurrentText("whole plane")
    for z in (1, 0):
        viewer.dims.set_current_step(0, z)
        peak = float(np.ptp(truth[z].astype(np.float32)))
        expected = f"{peak_signal_noise_ratio(truth[z], noisy[z], data_range=peak):.2f} dB"
        qtbot.waitUntil(lambda expected=expected: texts(compare)[0][0] == expected, timeout=LIMIT)
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": peak}
        assert float(texts(compare)[0][1]) == pytest.approx(structural_similarity(truth[z], noisy[z], **options), abs=2e-4)


def test_only_the_visible_field_is_measured(viewer: Viewer, compare: Compare, scene: np.ndarray, qtbot: QtBot) -> None:
    other = scene.copy()
    other[:, 70:] += 1
    viewer.add_image(scene, name="truth")
    viewer.add_image(other, name="other")
    qtbot.waitUntil(lambda: "dB" in texts(compare)[0][0] and "inf" not in texts(compare)[0][0], timeout=LIMIT)
    viewer.scene.camera.zoom *= 3
    viewer.scene.camera.center = (0, 32, 20)
    qtbot.waitUntil(lambda: texts(compare)[0][0] == "inf dB", timeout=LIMIT)


def test_layers_without_common_pixels_have_no_numbers_and_say_why(viewer: Viewer, compare: Compare, qtbot: QtBot) -> None:
    viewer.add_image(np.random.default_rng(0).normal(size=(40, 40)), name="a")
    viewer.add_image(np.random.default_rng(1).normal(size=(20, 20)), name="b", scale=(2, 2))
    qtbot.waitUntil(lambda: "do not lie on" in compare.similarity.rows[0][0].toolTip(), timeout=LIMIT)
    assert texts(compare) == [["–", "–", "–"]]


def test_a_line_is_followed_through_all_layers_in_the_world(viewer: Viewer, compare: Compare, qtbot: QtBot) -> None:
    y, x = np.mgrid[:40, :60]
    ramp = x + 100.0 * y
    viewer.add_image(np.stack([ramp, ramp + 7]), name="fine", scale=(1, 0.5, 0.5))
    viewer.add_image(ramp[::2, ::2], name="coarse", scale=(1, 1))
    compare.profile.begin_line()
    line = compare.profile.line.value()
    assert line.mode == "add_line"
    viewer.dims.set_current_step(0, 1)
    line.add_lines(np.array([[1.0, 4, 5], [1, 4, 25]]))
    qtbot.waitUntil(lambda: len(compare.profile.plot.curves) == 2, timeout=LIMIT)
    curves = {curve.label: curve for curve in compare.profile.plot.curves}
    position = curves["fine"].x
    np.testing.assert_allclose(position[[0, -1]], [0, 20])
    np.testing.assert_allclose(curves["fine"].y, 807 + 10 + 2 * position, atol=1e-6)
    np.testing.assert_allclose(curves["coarse"].y, 800 + 10 + 2 * curves["coarse"].x, atol=1e-6)
    line.data = [np.array([[1.0, 4, 25], [1, 4, 35]])]
    qtbot.waitUntil(lambda: bool(np.isnan(compare.profile.plot.curves[0].y).any()), timeout=LIMIT)
    viewer.layers.remove(line)
    qtbot.waitUntil(lambda: compare.profile.plot.curves == [], timeout=LIMIT)
