from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot
from scipy.ndimage import gaussian_filter

from napari_tweedie.widgets.docks.degrade import Degrade
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore
from napari_tweedie.widgets.layers.input import METADATA

Press = Callable[[Panel], str]


@pytest.fixture
def degrade(viewer: Viewer) -> Degrade:
    panel = Degrade(viewer)
    viewer.window.add_dock_widget(panel, name="Make test data")
    return panel


@pytest.fixture
def clean(scene: np.ndarray) -> np.ndarray:
    return 1000 + 400 * scene


def test_blur_and_noise_are_simulated_with_a_seed(viewer: Viewer, degrade: Degrade, press: Press, clean: np.ndarray) -> None:
    layer = viewer.add_image(clean, name="cells", contrast_limits=(1000, 1400), scale=(0.5, 0.5))
    sigma = degrade.choosers["noise"].form.editors["sigma"]
    assert sigma.get() == pytest.approx(20)
    assert sigma.widget.automatic.isHidden()
    sigma.set(8.0)
    degrade.choosers["degradation"].form.editors["std"].set(2.0)
    status = press(degrade)
    press(degrade)
    degrade.settings.editors["seed"].set(1)
    press(degrade)
    first, again, other = (layer.data for layer in viewer.layers[1:])
    assert viewer.layers[1].name == "cells · degraded"
    inner = np.s_[10:-10, 10:-10]
    noise = (first - gaussian_filter(clean, 2.0))[inner]
    assert noise.std() == pytest.approx(8, rel=0.1)
    np.testing.assert_array_equal(first, again)
    assert (first - other).std() > 8
    assert not status.startswith("σ")
    assert degrade.source.image() is layer
    assert viewer.layers[1].metadata[METADATA]["recipe"]["noise"] == {"name": "gaussian", "sigma": 8.0, "correlated": False}
    assert degrade.choosers["noise"].form.editors["correlated"].widget.isHidden()


def test_every_noise_model_has_a_proposal_that_runs(viewer: Viewer, degrade: Degrade, press: Press, clean: np.ndarray) -> None:
    viewer.add_image(clean, name="cells", contrast_limits=(1000, 1400))
    degrade.choosers["degradation"].choose("identity")
    seen = {}
    for name in ("gaussian", "poisson", "quantised"):
        degrade.choosers["noise"].choose(name)
        press(degrade)
        seen[name] = viewer.layers[-1].data
        error = seen[name] - clean
        assert 2 < error.std() < 60
        assert abs(error.mean()) < 3
    assert len(np.unique(seen["quantised"])) <= 21
    bright = clean > np.median(clean)
    error = seen["poisson"] - clean
    assert error[bright].std() > 1.2 * error[~bright].std()


def test_a_simulated_measurement_is_restored_with_a_click_each(
    viewer: Viewer, degrade: Degrade, restore: Restore, press: Press, clean: np.ndarray
) -> None:
    viewer.add_image(clean, name="cells", contrast_limits=(1000, 1400))
    degrade.choosers["degradation"].form.editors["std"].set(1.3)
    degrade.choosers["noise"].form.editors["sigma"].set(3.0)
    press(degrade)
    press(restore)
    degraded, restored = viewer.layers["cells · degraded"], viewer.layers["cells · degraded · deblurred"]
    recipe = restored.metadata[METADATA]["recipe"]
    assert recipe["degradation"] == degraded.metadata[METADATA]["recipe"]["degradation"]
    assert recipe["degradation"]["std"] == 1.3
    assert recipe["noise"]["sigma"] == 3
    errors = [np.std((layer.data - clean)[8:-8, 8:-8]) for layer in (degraded, restored)]
    assert errors[1] < 0.7 * errors[0]
    restore.source.layer.set_value(viewer.layers["cells"])
    assert restore.noise.name == "auto"


def test_spectra_are_simulated_as_a_stack_and_restored(
    viewer: Viewer, degrade: Degrade, restore: Restore, press: Press, clean: np.ndarray
) -> None:
    viewer.add_image(clean, name="slice", contrast_limits=(1000, 1400), scale=(0.5, 0.5), units=("mm", "mm"))
    degrade.choosers["degradation"].choose("fourier-mask")
    press(degrade)
    measured = viewer.layers["slice · degraded"]
    assert measured.data.shape == (2, *clean.shape)
    low, high = measured.contrast_limits
    assert low < 0 < high < np.abs(measured.data).max()
    assert restore.source.axes.text() == "qyx"
    press(restore)
    restored = viewer.layers["slice · degraded · reconstructed"]
    start = np.fft.ifft2(np.fft.ifftshift(measured.data[0] + 1j * measured.data[1]), norm="ortho")
    assert restored.data.squeeze().shape == clean.shape
    np.testing.assert_allclose(restored.scale[-2:], (0.5, 0.5))
    zero_filled = min(np.std(np.abs(image) - clean) for image in (start, np.fft.fftshift(start)))
    assert np.std(restored.data.squeeze() - clean) < 0.8 * zero_filled


def test_one_degradation_follows_another(
    viewer: Viewer, degrade: Degrade, restore: Restore, press: Press, clean: np.ndarray
) -> None:
    viewer.add_image(clean, name="cells", contrast_limits=(1000, 1400))
    sequence = degrade.choosers["degradation"]
    assert not sequence.then.isVisible()
    sequence.more.click()
    assert sequence.then.isVisible()
    degrade.choosers["noise"].form.editors["sigma"].set(2.0)
    press(degrade)
    assert viewer.layers[-1].data.shape == (clean.shape[0] // 2, clean.shape[1] // 2)
    assert restore.choosers["degradation"].more.isChecked()
    assert restore.choosers["degradation"].method() == sequence.method()
    press(restore)
    assert viewer.layers[-1].data.shape == clean.shape
    assert np.std((viewer.layers[-1].data - clean)[8:-8, 8:-8]) < 45
    sequence.more.click()
    assert sequence.method().name == "gaussian-blur"


def test_two_masks_of_one_name_are_refused(viewer: Viewer, degrade: Degrade, clean: np.ndarray) -> None:
    viewer.add_image(clean, name="cells")
    for name in ("first", "second"):
        viewer.add_labels(np.zeros(clean.shape, np.uint8), name=name)
    sequence = degrade.choosers["degradation"]
    sequence.choose("mask")
    sequence.more.click()
    sequence.then.choose("mask")
    for chooser, name in ((sequence, "first"), (sequence.then, "second")):
        chooser.form.editors["mask"].set(viewer.layers[name])
    assert "both degradations take the array 'mask'" in degrade.bar.run.toolTip().lower()
    sequence.then.form.editors["mask"].set(viewer.layers["first"])
    assert degrade.bar.run.isEnabled()


def test_convergence_is_drawn_and_kept(viewer: Viewer, restore: Restore, press: Press, noisy: np.ndarray, qtbot: QtBot) -> None:
    viewer.add_image(noisy, name="cells")
    press(restore)
    provenance = viewer.layers["cells · deblurred"].metadata[METADATA]
    curves = {curve.label: curve for curve in restore.convergence.plot.curves}
    iterations = restore.choosers["solver"].method().iterations
    np.testing.assert_array_equal(curves["change"].x, np.arange(2, iterations + 1))
    np.testing.assert_allclose(curves["change"].y, provenance["convergence"]["change"][1:], rtol=1e-4)
    residual = np.array(provenance["convergence"]["residual"])
    relative = residual / provenance["noise_levels"][0]
    np.testing.assert_allclose(curves["residual ÷ noise level"].y, relative, rtol=1e-4)
    assert residual[-1] == pytest.approx(provenance["data_residuals"][0], rel=1e-4)
