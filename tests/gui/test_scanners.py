"""Do docks take what belongs to a scan from layers: sampling, coils, a trajectory?"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from napari.viewer import Viewer

import napari_tweedie as nt
from napari_tweedie.degradations.gridding import Gridding
from napari_tweedie.degradations.trajectory import diameters
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.restore import Restore

N = 32
SOLVER = {"name": "pnp-admm", "iterations": 3}


@pytest.fixture
def maps() -> np.ndarray:
    y, x = (np.mgrid[:N, :N] - N / 2) / N
    coils = np.stack([np.exp(-2 * ((y - a) ** 2 + (x - b) ** 2) + 1j * (a + b * y)) for a, b in ((1, 0), (-1, 0), (0, 1))])
    return (coils / np.sqrt((abs(coils) ** 2).sum(0))).astype(np.complex64)


@pytest.fixture
def truth() -> np.ndarray:
    y, x = np.mgrid[:N, :N] - N / 2
    return 100.0 * (np.hypot(y, x) < 11) - 40.0 * (np.hypot(y - 3, x + 2) < 4)


def parts(array: np.ndarray) -> np.ndarray:
    """Return real and imaginary part of one coil after the other, as complex files open in napari."""
    return np.stack([array.real, array.imag], 1).reshape(-1, *array.shape[1:]).astype(np.float32)


def dock_for(viewer: Viewer, degradation: str, **layers: str) -> Restore:
    dock = Restore(viewer)
    viewer.window.add_dock_widget(dock, name="Deblur")
    dock.source.layer.set_value(viewer.layers["scan"])
    dock.choosers["degradation"].choose(degradation)
    for field, name in layers.items():
        dock.choosers["degradation"].editor(field).set(viewer.layers[name])
    dock.choosers["denoiser"].choose("total-variation")
    dock.choosers["solver"].fill(SOLVER)
    return dock


def test_sampling_and_coils_are_layers(
    viewer: Viewer, maps: np.ndarray, truth: np.ndarray, rng: np.random.Generator, press: Callable[[Panel], str]
) -> None:
    centred = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(maps * truth, axes=(1, 2)), norm="ortho"), axes=(1, 2))
    scan = (centred + 0.5 * (rng.normal(size=centred.shape) + 1j * rng.normal(size=centred.shape))).astype(np.complex64)
    rows = np.zeros((N, N), bool)
    rows[::2] = rows[12:20] = True
    viewer.add_image(abs(scan), name="seen")
    viewer.add_image(parts(scan), name="scan")
    viewer.add_image(rows.astype(np.uint8), name="rows")
    viewer.add_image(parts(maps), name="coils")
    dock = dock_for(viewer, "fourier-mask", sampling="rows", sensitivity="coils")
    told = press(dock)
    assert "values: those were left out" in told  # every row holds some, half of them are not measured by what sampling says
    made = next(layer for layer in viewer.layers if layer.name.startswith("scan · "))
    by_hand = nt.restore(
        scan, {"name": "fourier-mask", "sampling": rows, "sensitivity": maps}, SOLVER, denoiser="total-variation"
    )
    np.testing.assert_allclose(np.squeeze(made.data), by_hand.image, rtol=1e-4, atol=1e-3)
    assert np.sqrt(np.mean((np.squeeze(made.data) - truth) ** 2)) < 6


def test_a_trajectory_is_a_layer(
    viewer: Viewer, maps: np.ndarray, truth: np.ndarray, rng: np.random.Generator, press: Callable[[Panel], str]
) -> None:
    points = diameters(24, N)
    values = Gridding(points.reshape(-1, 2), N)(torch.from_numpy(maps * truth)).numpy().reshape(3, 24, N)
    viewer.add_image(parts(values), name="scan")
    viewer.add_image(points, name="points", rgb=False)
    press(dock_for(viewer, "non-uniform-fourier", trajectory="points"))
    made = next(layer for layer in viewer.layers if layer.name.startswith("scan · "))
    assert np.squeeze(made.data).shape == (N, N)
    assert np.sqrt(np.mean((np.squeeze(made.data) - truth) ** 2)) < 15
