"""Does a layer teach a network in the dock, and is the network a denoiser like any other afterwards?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

import napari_tweedie as nt
from napari_tweedie.denoisers import own_networks
from napari_tweedie.denoisers.network import denoise, load_network
from napari_tweedie.denoisers.unet import UNet, initialise
from napari_tweedie.training.export import write_weights
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.learn import Learn
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.posterior import Posterior
from napari_tweedie.widgets.layers.input import METADATA
from napari_tweedie.widgets.runs.learning_run import Learning

LIMIT = 200_000
LEVEL = 20.0
Press = Callable[[Panel], str]


@pytest.fixture
def dock(viewer: Viewer, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator, tmp_path: Path) -> Learn:
    """The dock on an image of stripes, with a small network that knows nothing yet."""
    monkeypatch.setenv(own_networks.VARIABLE, str(tmp_path / "networks"))
    network = UNet(widths=(8, 8), blocks=1).eval()
    initialise(network, 0.3, generator)
    write_weights(network, tmp_path / "start.safetensors")
    dock = Learn(viewer)
    viewer.window.add_dock_widget(dock, name="Learn")
    viewer.add_image(truth() + np.random.default_rng(0).normal(0, LEVEL, (64, 64)), name="striped cells")
    dock.noise.fill({"name": "gaussian", "sigma": LEVEL})
    dock.training.fill({"weights": tmp_path / "start.safetensors", "learning_rate": 3e-3, "patience": 0})
    assert dock.file.path() == tmp_path / "networks" / "striped-cells.safetensors"
    dock.length.editors["steps"].set(60)
    return dock


def truth() -> np.ndarray:
    return 100 + 40 * np.sin(np.arange(64) / 5) * np.ones((64, 1))


def error(path: Path, noisy: np.ndarray) -> float:
    """Mean squared error, in noise variances, of what the network in a file makes of an image."""
    x = torch.from_numpy(noisy[None, None]).float()
    clean = denoise(load_network(path, torch.device("cpu")), x, LEVEL, torch.float32)[0, 0].numpy()
    return float(np.square(clean - truth()).mean() / LEVEL**2)


def test_a_network_that_learnt_from_the_layer_is_offered_everywhere_and_used(
    viewer: Viewer, dock: Learn, denoise: Denoise, press: Press, finish: Press, tmp_path: Path
) -> None:
    chooser = denoise.choosers["denoiser"]
    listed = chooser.combo.count()
    status = press(dock)
    path = tmp_path / "networks" / "striped-cells.safetensors"
    assert "dB better" in status
    assert str(path) in status
    noisy = viewer.layers["striped cells"].data
    assert error(path, noisy) < 0.5
    learnt, held_out = dock.plot.curves
    assert len(learnt.x) == 60
    assert held_out.y[-1] < 0.7 * held_out.y[0]
    shown = viewer.layers["striped cells · learning"]
    top, left = np.rint(shown.translate).astype(int)  # of the part of the layer that is seen
    part = truth()[top : top + shown.data.shape[0], left : left + shown.data.shape[1]]
    assert np.square(shown.data - part).mean() < 0.5 * LEVEL**2
    dock.use.click()
    finish(dock)
    result = viewer.layers["striped cells · denoised, learnt"]
    assert result.metadata[METADATA]["recipe"]["denoiser"]["path"] == str(path)
    assert np.square(result.data - truth()).mean() < 0.5 * LEVEL**2
    assert chooser.combo.count() == listed + 1
    assert chooser.combo.itemText(listed) == "striped-cells (learnt)"
    chooser.combo.setCurrentIndex(listed)
    assert chooser.method().path == path
    chooser.choose("unet-small")
    chooser.combo.setCurrentIndex(listed)
    press(dock)
    assert (tmp_path / "networks" / "striped-cells-2.safetensors").exists()
    assert chooser.combo.currentText() == "striped-cells (learnt)"
    assert chooser.method().path == path


def test_time_is_limited_and_nothing_is_written_without_gain(dock: Learn, press: Press, tmp_path: Path) -> None:
    dock.length.editors["steps"].set(100_000)
    dock.extent.editors["minutes"].set(0.001)
    assert "no network was better" in press(dock)
    assert [path.name for path in (tmp_path / "networks").iterdir()] == ["striped-cells.resume"]
    dock.training.editors["patch"].set(33)
    assert not dock.bar.run.isEnabled()
    assert "multiple of 16" in dock.bar.run.toolTip()


def test_what_was_stopped_is_kept_and_goes_on(dock: Learn, finish: Press, press: Press, qtbot: QtBot, tmp_path: Path) -> None:
    dock.length.editors["steps"].set(200)
    dock.bar.run.click()
    qtbot.waitUntil(lambda: isinstance(dock._run, Learning) and len(dock._run.curve) > 45, timeout=LIMIT)
    dock.bar.run.click()
    status = finish(dock)
    assert status.startswith("Cancelled after")
    assert (tmp_path / "networks" / "striped-cells.safetensors").exists()
    stopped = len(dock.plot.curves[0].x)
    assert "After 200 steps" in press(dock)
    assert dock.plot.curves[0].x[0] == stopped + 1 or dock.plot.curves[0].x[0] == stopped
    dock.viewer.layers.clear()
    assert not dock.bar.run.isEnabled()


def test_a_target_is_learnt_from_and_other_layers_are(viewer: Viewer, dock: Learn, press: Press, tmp_path: Path) -> None:
    other = viewer.add_image(truth().T + np.random.default_rng(1).normal(0, LEVEL, (64, 64)), name="other")
    dock.source.layer.set_value(viewer.layers["striped cells"])
    dock.extent.editors["layers"].set("all image layers")
    assert [source.name for source in dock.session().sources] == ["striped cells", "other"]
    dock.extent.editors["layers"].set("all selected layers")
    viewer.layers.selection = {viewer.layers["striped cells"]}
    assert [source.name for source in dock.session().sources] == ["striped cells"]
    viewer.layers.remove(other)
    target = viewer.add_image(2 * truth(), name="truth")
    dock.source.layer.set_value(viewer.layers["striped cells"])
    dock.target.set_value(target)
    press(dock)
    card = (tmp_path / "networks" / "striped-cells.md").read_text()
    assert "noise2noise" in card
    dock.target.set_value(None)
    dock.objective.choose("noise2noise")
    assert "no repeats, frames or planes" in press(dock)


def test_a_sampler_is_learnt_from_a_target_and_draws(viewer: Viewer, dock: Learn, press: Press, finish: Press) -> None:
    target = viewer.add_image(truth(), name="truth")
    dock.source.layer.set_value(viewer.layers["striped cells"])
    dock.target.set_value(target)
    dock.objective.choose("pscgan")
    status = press(dock)
    assert "a trained sampler; its score" in status
    assert dock.use.text() == "Draw samples of the layer with it"
    assert not dock.package.isVisible()
    dock.use.click()
    finish(dock)
    samples = viewer.layers["striped cells · learnt samples"]
    assert samples.data.shape == (16, 64, 64)
    assert samples.data.std(0).min() > 0
    stored = samples.metadata[METADATA]["recipe"]
    assert stored["sampler"]["name"] == "trained"
    assert stored["interval"]["coverage"] is not None
    posterior = Posterior(viewer)
    viewer.window.add_dock_widget(posterior, name="How sure?")
    posterior.source.layer.set_value(viewer.layers["striped cells"])
    posterior.choosers["sampler"].choose("trained")
    posterior.choosers["sampler"].editor("path").set(stored["sampler"]["path"])
    posterior.noise.fill({"name": "gaussian", "sigma": LEVEL})
    assert "Drawn by a trained sampler" in press(posterior)
    assert viewer.layers["striped cells · mean"].metadata[METADATA]["recipe"]["sampler"]["sha256"]


def test_a_learnt_network_is_exported_for_other_programs(viewer: Viewer, dock: Learn, qtbot: QtBot, tmp_path: Path) -> None:
    """And denoises from the package as it does from its weights; what cannot be written is told."""
    noise = np.random.default_rng(0).normal(0, LEVEL, (128, 136))
    layer = viewer.add_image(100 + 40 * np.sin(np.arange(136) / 5) + noise, name="wide")
    dock.source.layer.set_value(layer)
    dock._written = tmp_path / "start.safetensors"
    dock.package.write(tmp_path / "wide.zip")
    qtbot.waitUntil(lambda: dock.package.isEnabled(), timeout=LIMIT)
    assert dock.bar.status.text() == f"Written to {tmp_path / 'wide.zip'}."
    known = {"axes": "yx", "sigma": LEVEL}
    before, after = (
        nt.denoise(layer.data, {"name": "file", "path": str(tmp_path / name)}, **known).image
        for name in ("start.safetensors", "wide.zip")
    )
    np.testing.assert_allclose(after, before, atol=0.01 * LEVEL)
    dock.package.write(tmp_path / "wide.tif")
    qtbot.waitUntil(lambda: dock.package.isEnabled(), timeout=LIMIT)
    assert "must end in .zip" in dock.bar.status.text()
