"""Heartbeat of the window: the longest time for which napari does not answer, while docks are opened, run, and closed.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/heartbeat.py [--side 512] [--where 100] [DOCK ...]

A timer beats every 5 ms. Each row of the table is a dock: seconds to open it, and the longest gap between beats, in ms, while
it opened, while it looked at the layer, in a first run, and in a second one. ``--where`` tells, of gaps above so many ms, what
the window was doing.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

FOLDER = tempfile.mkdtemp(prefix="heartbeat")
os.environ.update(NAPARI_CONFIG="", XDG_CONFIG_HOME=FOLDER, XDG_CACHE_HOME=FOLDER)

import numpy as np  # noqa: E402
from napari.viewer import Viewer  # noqa: E402
from qtpy.QtCore import QTimer  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

BEAT_MS = 5
LIMIT = 240
DOCKS = ("Tweedie", "Denoise", "Deblur", "How sure?", "Take apart")


class Heart:
    """A beat of the event loop, and the gaps in it."""

    def __init__(self, where_ms: float) -> None:
        self.gaps: list[float] = []
        self.where: collections.Counter[str] = collections.Counter()
        self._where_ms = where_ms
        self._last = time.monotonic()
        self._main = threading.get_ident()
        self._timer = QTimer()
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()
        if where_ms:
            threading.Thread(target=self._watch, daemon=True).start()

    def _beat(self) -> None:
        now = time.monotonic()
        self.gaps.append(1000 * (now - self._last))
        self._last = now

    def _watch(self) -> None:
        while True:
            time.sleep(0.02)
            late = 1000 * (time.monotonic() - self._last)
            if late > self._where_ms:
                frames = traceback.extract_stack(sys._current_frames()[self._main])
                own = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames[-7:]]
                self.where[" < ".join(reversed(own))] += 1

    def longest(self) -> float:
        """Return the longest gap since the last call."""
        gaps, self.gaps = self.gaps, []
        return max(gaps, default=0.0)


def wait(until: Callable[[], bool], least: float = 0.0) -> float:
    """Let the event loop go on until something is so; return the seconds."""
    app, started = QApplication.instance(), time.monotonic()
    while time.monotonic() - started < LIMIT and (not until() or time.monotonic() - started < least):
        app.processEvents()
        time.sleep(0.001)
    return time.monotonic() - started


def measured(dock: Any) -> bool:
    """Tell whether a dock has looked at the layer."""
    return bool(dock.is_done()) if hasattr(dock, "is_done") else bool(dock.noise.levels)


def row(viewer: Viewer, heart: Heart, title: str) -> list[str]:
    """Open a dock, run it twice, and close it."""
    wait(lambda: True, 0.3)
    heart.longest()
    started = time.monotonic()
    holder, dock = viewer.window.add_plugin_dock_widget("napari-tweedie", title)
    QApplication.processEvents()
    opened = time.monotonic() - started
    wait(lambda: True, 0.1)
    gaps = [heart.longest()]
    wait(lambda: measured(dock), 2.5)
    gaps.append(heart.longest())
    for _ in range(2):
        if not hasattr(dock, "bar"):
            break
        if "denoiser" in dock.choosers:
            dock.choosers["denoiser"].choose("unet-small")
        if "sampler" in dock.choosers:
            dock.choosers["sampler"].editor("samples").set(4)
        wait(lambda: dock.bar.run.isEnabled(), 0.3)
        heart.longest()
        dock.bar.run.click()
        wait(lambda: not dock.bar.running, 0.5)
        gaps.append(heart.longest())
    viewer.window.remove_dock_widget(holder)
    for layer in list(viewer.layers)[1:]:
        viewer.layers.remove(layer)
    return [title, f"{opened:.2f}", *(f"{gap:.0f}" for gap in gaps), *["–"] * (4 - len(gaps))]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docks", nargs="*", default=DOCKS)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--where", type=float, default=0.0)
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    y, x = np.indices((chosen.side, chosen.side)) / chosen.side
    image = rng.poisson(20 + 60 * (np.sin(40 * x * y) > 0)).astype(np.uint16)
    viewer = Viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(image, name="cells")
    heart = Heart(chosen.where)
    wait(lambda: True, 1.0)
    print("| dock | opens (s) | opening | looking | first run | second run |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for title in chosen.docks:
        print("|", " | ".join(row(viewer, heart, title)), "|", flush=True)
    for place, times in heart.where.most_common(25):
        print(times, place)
    viewer.close()


if __name__ == "__main__":
    main()
