from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.denoisers.network import denoise, load_network
from napari_tweedie.denoisers.unet import UNet, initialise
from napari_tweedie.engine import adaptation
from napari_tweedie.widgets.docks.adapt import Adapt
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.layers.input import METADATA

LIMIT = 200_000
LEVEL = 20.0
Press = Callable[[Panel], str]


@pytest.fixture
def dock(viewer: Viewer, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator, tmp_path: Path) -> Adapt:
    """The dock on an image of stripes, with a small network that knows nothing yet."""
    network = UNet(widths=(8, 8), blocks=1).eval()
    initialise(network, 0.3, generator)
    monkeypatch.setattr(adaptation, "load_network", lambda path, device: network.requires_grad_(False))
    dock = Adapt(viewer)
    viewer.window.add_dock_widget(dock, name="Learn")
    viewer.add_image(truth() + np.random.default_rng(0).normal(0, LEVEL, (64, 64)), name="striped cells")
    dock.noise.fill({"name": "gaussian", "sigma": LEVEL})
    dock.training.editors["learning_rate"].set(3e-3)
    assert dock.file.path().name == "striped-cells.safetensors"
    dock.file.set_path(tmp_path / "own")
    return dock


def truth() -> np.ndarray:
    return 100 + 40 * np.sin(np.arange(64) / 5) * np.ones((64, 1))


def error(path: Path, noisy: np.ndarray) -> float:
    """Mean squared error, in noise variances, of what the network in a file makes of an image."""
    x = torch.from_numpy(noisy[None, None]).float()
    clean = denoise(load_network(path, torch.device("cpu")), x, LEVEL, torch.float32)[0, 0].numpy()
    return float(np.square(clean - truth()).mean() / LEVEL**2)


def test_a_network_that_learnt_from_the_layer_is_written_and_used(
    viewer: Viewer, dock: Adapt, press: Press, finish: Press, tmp_path: Path
) -> None:
    dock.length.editors["steps"].set(60)
    status = press(dock)
    assert "dB better" in status
    assert str(tmp_path / "own.safetensors") in status
    noisy = viewer.layers["striped cells"].data
    assert error(tmp_path / "own.safetensors", noisy) < 0.5
    learnt, held_out = dock.plot.curves
    assert len(learnt.x) == 60
    assert held_out.y[-1] < 0.7 * held_out.y[0]
    dock.use.click()
    finish(dock)
    result = viewer.layers["striped cells · denoised, adapted"]
    assert result.metadata[METADATA]["recipe"]["denoiser"]["path"] == str(tmp_path / "own.safetensors")
    assert np.square(result.data - truth()).mean() < 0.5 * LEVEL**2
    press(dock)
    assert (tmp_path / "own-2.safetensors").exists()


def test_time_is_limited_and_nothing_is_written_without_gain(dock: Adapt, press: Press, tmp_path: Path) -> None:
    dock.length.editors["steps"].set(100_000)
    dock.limit.editors["minutes"].set(0.001)
    assert "no network was better" in press(dock)
    assert not list(tmp_path.iterdir())
    dock.training.editors["patch"].set(33)
    dock.bar.run.click()
    assert "multiple of 16" in dock.bar.status.toolTip()


def test_cancelling_keeps_what_was_learnt(dock: Adapt, finish: Press, qtbot: QtBot, tmp_path: Path) -> None:
    dock.length.editors["steps"].set(200)
    dock.bar.run.click()
    qtbot.waitUntil(lambda: dock._run is not None and len(dock._run.trace) > 45, timeout=LIMIT)
    dock.bar.run.click()
    status = finish(dock)
    assert status.startswith("Cancelled after")
    assert (tmp_path / "own.safetensors").exists()
    dock.viewer.layers.clear()
    assert not dock.bar.run.isEnabled()
