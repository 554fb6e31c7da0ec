"""Pictures of the documentation: the docks at work on the samples.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/pictures.py docs/pictures [NAME ...]

draws all of them again, or those of the names. Settings and memory of the user are left alone. Every file is smaller than 150 kB.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SETTINGS = tempfile.mkdtemp(prefix="pictures")
os.environ.update(NAPARI_CONFIG="", XDG_CONFIG_HOME=SETTINGS, XDG_CACHE_HOME=SETTINGS)

import numpy as np  # noqa: E402
import PIL.Image  # noqa: E402
from napari.layers import Layer  # noqa: E402
from napari.viewer import Viewer  # noqa: E402
from qtpy.QtCore import QBuffer  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

PLUGIN = "napari-tweedie"
SIZE = (1120, 700)
QUICK = "unet-small"
"""The denoiser of what takes many of its calls, so that all of it is drawn in some minutes."""
LARGEST = 150_000
"""Bytes of a file."""
SHADES = (192, 96)
WIDTHS = (1120, 980, 860, 740, 640)
LIMIT = 900


def wait(until: Callable[[], bool], least: float = 0.0) -> None:
    """Let the event loop go on until something is so, and for some seconds at least."""
    app, started = QApplication.instance(), time.monotonic()
    while time.monotonic() - started < least or not until():
        if time.monotonic() - started > LIMIT:
            raise TimeoutError(f"nothing was to be seen after {LIMIT} s")
        app.processEvents()
        time.sleep(0.005)


class Stage:
    """A viewer, and what a user does with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = Viewer(show=True)
        self.viewer.window.resize(*SIZE)
        self.viewer.window._qt_viewer.dockLayerControls.hide()  # what is to be seen is the image and the dock

    def sample(self, key: str, crop: tuple[slice, ...] = ()) -> Any:
        """Open a sample, or a crop of it; return its layer."""
        for dock in list(self.viewer.window.dock_widgets.values()):
            self.viewer.window.remove_dock_widget(dock)
        self.viewer.layers.clear()
        self.viewer.dims.ndisplay = 2
        self.viewer.open_sample(PLUGIN, key)
        for layer in list(self.viewer.layers) if crop else ():  # a new layer, as napari would keep the extent of the old one
            data, state, kind = layer.as_layer_data_tuple()
            self.viewer.layers.remove(layer)
            self.viewer.add_layer(Layer.create(data[crop], state, kind))
        return self.viewer.layers[-1]

    def close_notes(self) -> None:
        """Close messages, which would hide a part of the picture."""
        for shown in QApplication.allWidgets():
            if hasattr(shown, "expand_button"):
                shown.close()

    def dock(self, title: str) -> Any:
        """Open a dock."""
        holder, dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, title, tabify=True)
        holder.raise_()
        wait(lambda: True, 0.4)
        return dock

    def run(self, dock: Any) -> None:
        """Press Run, and wait for the result."""
        self.viewer.reset_view()  # some docks look at what is seen
        wait(lambda: dock.bar.run.isEnabled(), 0.5)
        dock.bar.run.click()
        wait(lambda: not dock.bar.running, 1.0)

    def swipe(self, dock: Any) -> None:
        """Put a line across input and result, and show the dock again."""
        dock.after_run.line.click()
        wait(lambda: True, 0.5)
        self.dock(next(title for title, holder in self.titles().items() if holder is dock))

    def titles(self) -> dict[str, Any]:
        """Return the docks by their titles."""
        return {name.partition(" (")[0]: holder.inner_widget() for name, holder in self.viewer.window._dock_widgets.items()}

    def save(self, name: str) -> None:
        """Save what is seen, in as many colours and pixels as the file may hold."""
        self.viewer.reset_view()
        self.close_notes()
        wait(lambda: True, 1.0)
        buffer = QBuffer()
        buffer.open(QBuffer.OpenModeFlag.ReadWrite)
        self.viewer.window._qt_window.grab().save(buffer, "PNG")
        whole = PIL.Image.open(io.BytesIO(bytes(buffer.data()))).convert("RGB")
        for width in WIDTHS:
            height = round(whole.height * width / whole.width)
            smaller = whole.resize((width, height), PIL.Image.Resampling.LANCZOS) if width < whole.width else whole
            for shades in SHADES:
                written = io.BytesIO()
                smaller.quantize(shades, dither=PIL.Image.Dither.NONE).save(written, "PNG", optimize=True)
                if len(written.getvalue()) <= LARGEST:
                    (self.folder / f"{name}.png").write_bytes(written.getvalue())
                    print(name, smaller.size, shades, len(written.getvalue()), flush=True)
                    return
        raise ValueError(f"{name} cannot be made smaller than {LARGEST} bytes")


def front_door(stage: Stage) -> None:
    """Show the first dock, and what it proposes."""
    stage.sample("short_exposure")
    door = stage.dock("Tweedie")
    wait(door.is_done)
    stage.save("front-door")


def denoised(stage: Stage) -> None:
    """Show a short exposure beside what became of it, and what was removed."""
    stage.sample("short_exposure")
    dock = stage.dock("Denoise")
    stage.run(dock)
    dock._removed.expand()
    stage.swipe(dock)
    stage.save("denoised")


def filled(stage: Stage) -> None:
    """Show missing pixels filled in."""
    stage.sample("missing", np.s_[96:352, 96:352])
    dock = stage.dock("Deblur")
    dock.choosers["degradation"].choose("mask")
    dock.choosers["denoiser"].choose(QUICK)
    stage.run(dock)
    stage.swipe(dock)
    stage.save("filled")


def deblurred(stage: Stage) -> None:
    """Show a stack deblurred by its point-spread function."""
    stage.sample("stack")
    dock = stage.dock("Deblur")
    dock.choosers["degradation"].choose("psf-blur")
    dock.choosers["denoiser"].choose(QUICK)
    stage.run(dock)
    dock._convergence.expand()
    stage.viewer.dims.set_current_step(0, 15)
    stage.swipe(dock)
    stage.save("deblurred")


def time_lapse(stage: Stage) -> None:
    """Show a time-lapse that fades, denoised with the help of nearby frames."""
    stage.sample("bleaching")
    dock = stage.dock("Denoise")
    stage.run(dock)
    stage.viewer.dims.set_current_step(0, 1)
    stage.swipe(dock)
    stage.save("time-lapse")


def how_sure(stage: Stage) -> None:
    """Show the mean of samples, and outlines of where they differ most."""
    stage.sample("fluorescence", np.s_[256:448, 320:512])
    dock = stage.dock("How sure?")
    dock.choosers["sampler"].editor("samples").set(8)
    dock.choosers["denoiser"].choose(QUICK)
    stage.run(dock)
    dock.derived.outline.click()
    wait(lambda: any("uncertain here" in layer.name for layer in stage.viewer.layers))
    stage.save("how-sure")


def std(stage: Stage) -> None:
    """Show the standard deviation beside what was denoised, with its scale."""
    stage.sample("fluorescence", np.s_[256:448, 320:512])
    dock = stage.dock("Denoise")
    dock.more.expand()
    dock.std.setChecked(True)
    stage.run(dock)
    spread = next(layer for layer in stage.viewer.layers if " · std" in layer.name)
    spread.visible = True
    stage.viewer.canvas.grid.enabled = True
    dock.more.header.setChecked(False)
    stage.save("std")
    stage.viewer.canvas.grid.enabled = False


def projections(stage: Stage) -> None:
    """Show the slice that projections were taken of."""
    _scan(stage, "ct_sinogram", "projections")


def k_space(stage: Stage) -> None:
    """Show the image that k-space was measured of."""
    _scan(stage, "mri_kspace", "k-space")


def _scan(stage: Stage, key: str, name: str) -> None:
    source = stage.sample(key)
    door = stage.dock("Tweedie")
    wait(door.is_done)
    door.buttons["Deblur"].click()
    dock = stage.dock("Deblur")
    dock.choosers["denoiser"].choose(QUICK)
    stage.run(dock)
    source.visible = False
    stage.save(name)


def bands(stage: Stage) -> None:
    """Show an image taken apart into bands, to be mixed anew."""
    stage.sample("fluorescence", np.s_[256:448, 320:512])
    dock = stage.dock("Take apart")
    stage.run(dock)
    stage.viewer.layers[0].visible = stage.viewer.layers[1].visible = False
    for layer in dock.recombine._parts.values():
        layer.visible = True
        if hasattr(layer, "colorbar"):
            layer.colorbar.visible = False
    stage.viewer.canvas.grid.enabled = True
    stage.save("bands")
    stage.viewer.canvas.grid.enabled = False


def patterns(stage: Stage) -> None:
    """Show the patterns that a denoiser keeps of an image."""
    stage.sample("fluorescence", np.s_[300:396, 384:480])
    dock = stage.dock("Look inside")
    dock.choosers["inspection"].choose("adaptive-basis")
    stage.run(dock)
    stage.save("patterns")


PICTURES = {
    "front-door": front_door,
    "denoised": denoised,
    "filled": filled,
    "deblurred": deblurred,
    "time-lapse": time_lapse,
    "how-sure": how_sure,
    "std": std,
    "projections": projections,
    "k-space": k_space,
    "bands": bands,
    "patterns": patterns,
}


def main() -> None:
    """Draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(PICTURES)}")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(PICTURES):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}: there are {', '.join(PICTURES)}")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(chosen.folder)
    for name in chosen.names or PICTURES:
        PICTURES[name](stage)
    stage.viewer.close()


if __name__ == "__main__":
    main()
