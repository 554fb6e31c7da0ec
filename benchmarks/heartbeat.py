"""Heartbeat of the window: the longest time for which napari does not answer, while docks are opened, run, and closed.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/heartbeat.py [--side 512] [--where 100] [DOCK ...]

A timer beats every 5 ms. Each row of the table is a dock: seconds to open it, in brackets those of a core; and the longest gap
between beats, in ms, while it opened, while it looked at the layer, in a first run, and in a second one. In brackets: the gap
with the time for which the window's thread could have gone on and other programs had the cores (told on Linux), and the longest
time for which that thread itself worked between two beats: the rest of a gap it waited for Python's lock. ``--where`` tells, of
gaps above so many ms, what the threads were doing.
"""

from __future__ import annotations

import argparse
import collections
import compileall
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = tempfile.mkdtemp(prefix="heartbeat")
os.environ.update(NAPARI_CONFIG="", XDG_CONFIG_HOME=FOLDER, XDG_CACHE_HOME=FOLDER)
sys.pycache_prefix = FOLDER
compileall.compile_dir(Path(__file__).parents[1] / "src", quiet=2)  # as an installation does

import numpy as np  # noqa: E402
from napari.viewer import Viewer  # noqa: E402
from qtpy.QtCore import QTimer  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

BEAT_MS = 5
LIMIT = 240
DEPTH = 12
"""Frames of a stack that are told."""
DOCKS = ("Tweedie", "Denoise", "Deblur", "How sure?", "Take apart")


class Heart:
    """A beat of the event loop, and the gaps in it."""

    def __init__(self, where_ms: float) -> None:
        self.gaps: list[tuple[float, float, float]] = []
        """Milliseconds between beats: without and with those that the window's thread waited for a core, and those it worked."""
        self.where: collections.Counter[str] = collections.Counter()
        self._where_ms = where_ms
        self._stat = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._last, self._waited, self._worked = time.monotonic(), self._for_a_core(), time.thread_time()
        self._main = threading.get_ident()
        self._timer = QTimer()
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()
        if where_ms:
            threading.Thread(target=self._watch, daemon=True).start()

    def _for_a_core(self) -> float:
        """Return for how many seconds the window's thread could have run and got no core, since it began."""
        return int(self._stat.read_text().split()[1]) / 1e9 if self._stat.exists() else 0.0

    def _beat(self) -> None:
        now, waited, worked = time.monotonic(), self._for_a_core(), time.thread_time()
        gap = now - self._last
        self.gaps.append((1000 * (gap - waited + self._waited), 1000 * gap, 1000 * (worked - self._worked)))
        self._last, self._waited, self._worked = now, waited, worked

    def _watch(self) -> None:
        """Count where the threads are while the window is late; one that holds Python's lock is only seen after it."""
        while True:
            time.sleep(0.02)
            late = 1000 * (time.monotonic() - self._last - self._for_a_core() + self._waited)
            if late > self._where_ms:
                self.where.update(_stacks(self._main, threading.get_ident()))

    def longest(self) -> str:
        """Return the longest gap since the last call, that with waiting for a core, and the longest work at a time."""
        gaps, self.gaps = self.gaps, []
        own, whole, worked = (max((gap[n] for gap in gaps), default=0.0) for n in range(3))
        return f"{own:.0f} ({whole:.0f}; {worked:.0f})"


def _stacks(main: int, own: int) -> list[str]:
    """Return where the threads are, innermost first; frames are let go at once, or what is drawn with would outlive them."""
    told = []
    for thread, frame in sys._current_frames().items():
        place = []
        while frame is not None and len(place) < DEPTH:
            place.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno} {frame.f_code.co_name}")
            frame = frame.f_back
        del frame
        if thread != own and not (thread != main and place[0].endswith((" wait", " _worker", " select"))):
            told.append(("window: " if thread == main else "thread: ") + " < ".join(place))
    return told


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
    started, busy = time.monotonic(), time.thread_time()
    holder, dock = viewer.window.add_plugin_dock_widget("napari-tweedie", title)
    QApplication.processEvents()
    opened = f"{time.monotonic() - started:.2f} ({time.thread_time() - busy:.2f})"
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
    return [title, opened, *gaps, *["–"] * (4 - len(gaps))]


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
        for place, times in heart.where.most_common(12) if chosen.where else ():
            print("   ", times, place)
        heart.where.clear()
    viewer.close()


if __name__ == "__main__":
    main()
