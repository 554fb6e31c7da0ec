"""Soak: what is left of many runs, and of many docks opened, run, cancelled and closed: memory, threads, files, Qt objects.

    python benchmarks/soak.py runs [--count 500]
    python benchmarks/soak.py docks [--count 50] [--only Denoise …]

Memory is that of the process after the first turns, in which libraries fill their caches, and after all of them; it is flat if it
grew by less than 5 %. Needs a screen for docks, or xvfb-run.
"""

from __future__ import annotations

import argparse
import gc
import threading
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import psutil

SIZE = 64
LIMIT = 60.0
"""Seconds that a run may take here."""
WARM = 10
"""Turns before memory is measured first: in these libraries are loaded, and fill their caches."""


def settled() -> dict[str, float]:
    """Return what the process holds, once what is garbage is gone."""
    from napari_tweedie.core import device

    for _ in range(3):
        gc.collect()
    device.release(device.pick("cpu"))
    process = psutil.Process()
    return {
        "MB": round(process.memory_info().rss / 2**20, 1),
        "threads": threading.active_count(),
        "files": process.num_fds() + len(process.open_files()),
    }


def told(what: str, turns: int, seen: Sequence[dict[str, float]]) -> None:
    """Print one line of what so many turns left: after the first ones, half way, and at the end."""
    early, half, late = seen
    growth = late["MB"] / early["MB"] - 1
    flat = growth < 0.05 and all(late[name] <= early[name] for name in late if name != "MB")
    changes = ", ".join(f"{name} {early[name]:g} -> {half[name]:g} -> {late[name]:g}" for name in late)
    each = 1024 * (late["MB"] - half["MB"]) / (turns / 2)
    print(f"{'flat' if flat else 'GROWS':6} {what:22} {changes} ({growth:+.1%}; at last {each:+.0f} kB a turn)", flush=True)


def repeated(what: str, count: int, turn: Callable[[int], None], measure: Callable[[], dict[str, float]] = settled) -> None:
    """Do something again and again, and tell what was there after the first turns, half way, and at the end."""
    warm = min(WARM, count // 3)
    seen = []
    for n in range(count):
        turn(n)
        if n + 1 in (warm, (warm + count) // 2, count):
            seen.append(measure())
    told(what, count - warm, seen)


def runs(count: int) -> None:
    """Run jobs of all kinds on small images, one after the other."""
    from napari_tweedie.engine import last, run
    from napari_tweedie.recipe import Recipe

    rng = np.random.default_rng(0)
    blur = {"degradation": {"name": "gaussian-blur"}, "solver": {"name": "hqs", "iterations": 2}}
    recipes = [
        {},
        {"noise": {"name": "poisson"}},
        {"denoiser": "wavelet"},
        {"probes": 2},
        {"job": "restore", **blur},
        {"job": "decompose", "decomposition": {"levels": 2}},
        {"job": "sample", "sampler": {"name": "moment-matched", "samples": 2}},
    ]
    made = [Recipe.model_validate({"denoiser": "unet-small", "device": "cpu"} | recipe) for recipe in recipes]

    def turn(n: int) -> None:
        image = rng.poisson(50 + 20 * np.sin(np.arange(SIZE) / 5)[:, None], (SIZE, SIZE + n % 7)).astype(np.float32)
        last(run(made[n % len(made)], image))

    repeated("engine", count, turn)


DOCKS = (
    "Tweedie", "Denoise", "Restore", "Degrade", "Decompose", "Posterior", "Inspect", "Synthesise", "Blend", "Learn", "Batch",
    "Compare", "Measure",
)  # fmt: skip
"""All of them; what has no Run of its own, or needs more than an image, is opened and closed, and Learn is always cancelled."""


def dock_called(name: str) -> Any:
    """Return the class of a dock."""
    room = "compare.dock" if name == "Compare" else f"docks.{name.lower()}"
    return getattr(import_module(f"napari_tweedie.widgets.{room}"), name)


def docks(count: int, names: Sequence[str]) -> None:
    """Open every dock, run, cancel, remove its layers and close it, again and again in one viewer."""
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QApplication, QWidget

    from napari_tweedie.widgets.runs.run import RUNS

    viewer = Viewer(show=False)
    rng = np.random.default_rng(0)

    def wait(seconds: float = LIMIT) -> None:
        until = time.monotonic() + seconds
        while RUNS.job is not None and time.monotonic() < until:
            QApplication.processEvents()
            time.sleep(0.005)
        assert RUNS.job is None, "a run did not end"
        for _ in range(5):
            QApplication.processEvents()

    def measure() -> dict[str, float]:
        wait()
        QApplication.sendPostedEvents(None, 52)  # deferred deletions
        return settled() | {"widgets": sum(isinstance(each, QWidget) for each in QApplication.allWidgets())}

    for name in names:
        dock = dock_called(name)

        def turn(n: int, dock: type[QWidget] = dock, name: str = name) -> None:
            viewer.add_image(rng.normal(100, 5, (SIZE, SIZE)).astype(np.float32), name="noisy")
            panel = dock(viewer)
            if "denoiser" in getattr(panel, "choosers", {}):
                panel.choosers["denoiser"].choose("unet-small")
            shown = viewer.window.add_dock_widget(panel, name="soak")
            QApplication.processEvents()
            bar = getattr(panel, "bar", None)
            cancels = n % 2 or name == "Learn"  # which would take minutes to its end
            if hasattr(panel, "cancel") and bar is not None and bar.run.isEnabled():
                bar.run.click()
                if cancels:
                    for _ in range(3):
                        QApplication.processEvents()
                    panel.cancel()
            wait()
            viewer.window.remove_dock_widget(shown)
            viewer.layers.clear()
            panel.deleteLater()
            wait()

        repeated(name, count, turn, measure)
    viewer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["runs", "docks"])
    parser.add_argument("--count", type=int)
    parser.add_argument("--only", nargs="*", default=DOCKS)
    given = parser.parse_args()
    if given.part == "runs":
        runs(given.count or 500)
    else:
        docks(given.count or 50, given.only)
