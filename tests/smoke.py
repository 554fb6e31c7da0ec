"""Does the program work at all with the versions that are installed? Run by `make lowest`; with --window, in napari, too."""

import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from napari_tweedie import Recipe, denoise, restore, run
from napari_tweedie.images.files import read, write

DEPENDENCIES = (
    "dask", "imagecodecs", "magicgui", "napari", "numpy", "pillow", "psutil", "pydantic", "pywavelets", "pyyaml", "qtpy", "rich",
    "safetensors", "scikit-image", "scipy", "superqt", "tifffile", "torch", "typer", "yaozarrs", "zarr",
)  # fmt: skip


def in_a_window(image: np.ndarray) -> None:
    """Denoise a layer by a click, and look for its result."""
    from napari.viewer import Viewer
    from qtpy import API_NAME
    from qtpy.QtWidgets import QApplication

    from napari_tweedie.widgets.docks.denoise import Denoise

    viewer = Viewer(show=False)
    viewer.add_image(image, name="noisy")
    dock = Denoise(viewer)
    viewer.window.add_dock_widget(dock)
    dock.bar.run.click()
    until = time.monotonic() + 120
    while len(viewer.layers) < 2 and time.monotonic() < until:
        QApplication.processEvents()
        time.sleep(0.01)
    assert len(viewer.layers) == 2, "no result appeared"
    assert np.isfinite(np.asarray(viewer.layers[-1].data)).all()
    viewer.close()
    print(f"window: {API_NAME}")


def main() -> None:
    """Do every job once, in Python and on the command line, and look at what it leaves."""
    rng = np.random.default_rng(0)
    clean = 100 + 40 * np.sin(np.arange(64) / 5) * np.ones((48, 1))
    image = (clean + rng.normal(0, 10, clean.shape)).astype(np.float32)
    better = denoise(image).image
    assert np.abs(better - clean).mean() < 0.5 * np.abs(image - clean).mean()
    assert restore(image, "gaussian-blur", std=1.0, denoiser="unet-small").image.shape == image.shape
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "in.tif", image.astype(np.uint16), "yx", (0.2, 0.2), "micrometer")
        for out in ("out.tif", "out.zarr"):
            command = [sys.executable, "-m", "napari_tweedie.cli", "denoise", str(folder / "in.tif"), str(folder / out)]
            subprocess.run(command, check=True, capture_output=True)
            picture = read(folder / out)
            assert picture.spacing == (0.2, 0.2), picture.spacing
            again = run(Recipe(**picture.metadata["recipe"]), folder / "in.tif").image
            np.testing.assert_allclose(again, np.asarray(picture.data), rtol=1e-5)
        subprocess.run([sys.executable, "-m", "napari_tweedie.cli", "list"], check=True, capture_output=True)
    if "--window" in sys.argv:
        in_a_window(image)
    print(f"Python {sys.version.split()[0]}: " + ", ".join(f"{name} {version(name)}" for name in DEPENDENCIES))


if __name__ == "__main__":
    main()
