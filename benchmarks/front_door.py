"""From opening a sample to its result, through the front door: clicks, seconds, gain against the truth, and screenshots.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/front_door.py [--hand] [--theme light] FOLDER [IMAGE ...]
    python benchmarks/front_door.py --table FOLDER [IMAGE ...]

Every row is kept in FOLDER as it ends, with the commit that it was measured on, and is not measured again while its file is
there: what was cut short goes on when the script is called again, and a row can be measured alone. ``--table`` prints the rows.

Each row of the table is a sample, or a file, of which the middle is taken, with a truth beside it named ``_gt`` for ``_raw``:
clicks from the open image to its result; seconds until the dock stands, until the first before and after, until it says what it
found, until before and after by the better network, and until the result after pressing the proposed button and *Run*, with the
seconds of both cores in brackets, which tell on a busy machine; then PSNR against the truth, before and after, where there is
one; with ``--hand`` also the best of what somebody who knows the truth sets by hand: for images that are denoised the noise
measured against it, the same everywhere or that of photons, at a few strengths, and the noise that was found at others; for those
that are deblurred or filled other strengths and other solvers. Screenshots of every step are written to FOLDER, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SETTINGS = tempfile.mkdtemp(prefix="front-door")
os.environ.update(NAPARI_CONFIG="", XDG_CONFIG_HOME=SETTINGS, XDG_CACHE_HOME=SETTINGS)

import numpy as np  # noqa: E402
from napari.viewer import Viewer  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402

import napari_tweedie as nt  # noqa: E402
from napari_tweedie import Recipe  # noqa: E402
from napari_tweedie.widgets.docks.tweedie import TASK_OF  # noqa: E402

PLUGIN = "napari-tweedie"
SAMPLES = (
    "short_exposure", "fluorescence", "missing", "bleaching", "low_dose_tem", "stack", "beads", "ct_sinogram", "mri_kspace"
)  # fmt: skip
TRUTHS = ("truth", "long exposure")
SIDE = 256
"""Pixels along Y and X of the middle of a file."""
STRENGTHS = (0.7, 0.85, 1.0, 1.15, 1.4)
SOLVERS = ("hqs", "pnp-admm", "denoised-richardson-lucy", "richardson-lucy")
"""What is tried by hand instead of the solver that was proposed."""
LIMIT = 1500
"""Seconds after which a run is given up."""
HEAD = (
    "image",
    "proposed",
    "clicks",
    "dock (s)",
    "picture",
    "first look",
    "found",
    "better",
    "run (s)",
    "PSNR before",
    "after",
    "by hand",
)


def wait(until: Callable[[], bool], least: float = 0.0) -> float:
    """Let the event loop go on until something is so; return the seconds."""
    app, started = QApplication.instance(), time.monotonic()
    while time.monotonic() - started < LIMIT and (not until() or time.monotonic() - started < least):
        app.processEvents()
        time.sleep(0.002)
    return time.monotonic() - started


def psnr(image: Any, truth: Any) -> float:
    """Return the peak signal-to-noise ratio, in dB, of an image scaled to the truth by the line that fits best."""
    first, second = np.asarray(image, float).ravel(), np.asarray(truth, float).ravel()
    slope, offset = np.polyfit(first, second, 1)
    return float(10 * np.log10(np.ptp(second) ** 2 / np.mean((slope * first + offset - second) ** 2)))


def middle(image: Any) -> Any:
    """Return the middle of an image along its last two axes."""
    first = [(n - min(n, SIDE)) // 2 for n in image.shape[-2:]]
    return image[..., first[0] : first[0] + SIDE, first[1] : first[1] + SIDE]


def right_noise(noisy: Any, truth: Any) -> list[dict[str, Any]]:
    """Return the noise of an image as its truth tells it: the same everywhere, and that of photons where it grows with light.

    The truth may be of another scale and offset; it is fitted by a line.
    """
    first, second = np.asarray(truth, float).ravel(), np.asarray(noisy, float).ravel()
    slope, offset = np.polyfit(first, second, 1)
    clean = slope * first + offset
    squares = (second - clean) ** 2
    told: list[dict[str, Any]] = [{"name": "gaussian", "sigma": float(np.sqrt(squares.mean()))}]
    gain, at_zero = np.polyfit(clean, squares, 1)
    if gain > 0:
        black = float(np.percentile(clean, 0.1))
        read = float(np.sqrt(max(0.0, gain * black + at_zero)))
        told.append({"name": "poisson", "gain": float(gain), "offset": black, "read_noise": read})
    return told


def by_hand(source: Any, recipe: Recipe, truth: Any, inputs: dict[str, Any]) -> str:
    """Return the best PSNR, in dB, of what is set by hand, and what that was."""
    tried = [({"strength": strength}, f"×{strength:g}") for strength in STRENGTHS if strength != 1]
    if recipe.job == "denoise":
        for noise in right_noise(source, truth):
            tried += [({"noise": noise, "strength": strength}, f"{noise['name']} ×{strength:g}") for strength in STRENGTHS]
    else:
        tried = tried[::3] + [({"solver": {"name": name}}, name) for name in SOLVERS if name != recipe.solver.name]
    found = []
    for changes, name in tried:
        changed = Recipe.model_validate(recipe.model_dump(mode="json") | changes)
        try:
            image = nt.run(changed, source, **inputs).image
        except ValueError as error:  # a solver that is not for this degradation
            print(f"{name}: {error}", file=sys.stderr)
            continue
        found.append((psnr(image, truth), name))
    best, name = max(found)
    return f"{best:.2f} ({name})"


def walk(viewer: Viewer, sample: str, folder: Path, hand: bool) -> list[str]:
    """Go from opening a sample to its result, and return the row."""

    def picture(step: str) -> None:
        wait(lambda: True, 0.4)
        viewer.window._qt_window.grab().save(str(folder / f"{sample}_{step}.png"))

    viewer.layers.clear()
    if Path(sample).exists():
        truth = Path(sample.replace("_raw", "_gt"))
        truth = truth if truth.exists() else truth.with_stem(f"{truth.stem}5")
        if truth.exists() and truth != Path(sample):
            viewer.add_image(middle(nt.read(truth).data), name="truth", visible=False)
        viewer.add_image(middle(nt.read(sample).data), name=Path(sample).stem)
        sample = Path(sample).stem
    else:
        viewer.open_sample(PLUGIN, sample)
    source = viewer.layers[-1]
    wait(lambda: True, 0.3)
    clicks, started, busy = 1, time.monotonic(), time.process_time()
    _holder, door = viewer.window.add_plugin_dock_widget(PLUGIN, "Tweedie")
    times = [(time.monotonic() - started, time.process_time() - busy)]
    seen = (lambda: bool(door.attempt.picture._pictures), lambda: door.attempt.picture.is_complete or door.is_done())
    for done in (*seen, lambda: door.survey is not None, door.is_done):
        wait(done)
        times.append((time.monotonic() - started, time.process_time() - busy))
    picture("1_front_door")
    title = next(title for title, task in TASK_OF.items() if task == door.attempt.chosen)
    door.buttons[title].click()
    clicks += 1
    dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Deblur" if title == "Fill" else title)[1]
    wait(lambda: dock.bar.run.isEnabled(), 0.5)
    picture("2_dock")
    started, busy = time.monotonic(), time.process_time()
    dock.bar.run.click()
    clicks += 1
    wait(lambda: not dock.bar.running)
    times.append((time.monotonic() - started, time.process_time() - busy))
    if dock.bar.running:
        raise SystemExit(f"{sample} has not ended after {LIMIT} s")
    result = dock.after_run._made[0]
    dock.after_run.line.click()
    picture("3_result")
    dock.after_run.line.click()
    truth = next((layer for layer in viewer.layers if layer.name in TRUTHS), None)
    figures = ["–"] * 3
    if truth is not None:
        figures[:2] = [f"{psnr(layer.data, truth.data):.2f}" for layer in (source, result)]
        recipe = Recipe.model_validate(result.metadata["napari_tweedie"]["recipe"])
        if hand:
            inputs = {name: np.asarray(layer.data) for name, layer in dock.chosen_layers().items()}
            figures[2] = by_hand(source.data, recipe, truth.data, inputs)
    for open_dock in list(viewer.window.dock_widgets.values()):
        viewer.window.remove_dock_widget(open_dock)
    return [sample, title, str(clicks), *(f"{seconds:.1f} ({cores:.1f})" for seconds, cores in times), *figures]


def commit() -> str:
    """Return the commit that is measured, and its date."""
    told = ["git", "log", "-1", "--format=%h of %cs"]
    return subprocess.run(told, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout.strip()


def kept_in(folder: Path, sample: str) -> Path:
    """Return the file of a row."""
    return folder / f"{Path(sample).stem}.json"


def show_table(folder: Path, samples: Sequence[str]) -> None:
    """Print the rows that were measured, and on which commits."""
    rows = [json.loads(kept_in(folder, sample).read_text()) for sample in samples if kept_in(folder, sample).exists()]
    print("|", " | ".join(HEAD), "|")
    print("| --- | --- |", " | ".join(["---:"] * (len(HEAD) - 2)), "|")
    for row in rows:
        print("|", " | ".join(row["row"]), "|")
    print("\nMeasured on", ", ".join(sorted({row["commit"] for row in rows})))


def main() -> None:
    """Measure the rows that are not there yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("samples", nargs="*", default=SAMPLES, metavar="IMAGE")
    parser.add_argument("--size", default="1366x768")
    parser.add_argument("--theme", default="dark")
    parser.add_argument("--hand", action="store_true")
    parser.add_argument("--table", action="store_true")
    chosen = parser.parse_args()
    if chosen.table:
        show_table(chosen.folder, chosen.samples)
        return
    chosen.folder.mkdir(parents=True, exist_ok=True)
    missing = [sample for sample in chosen.samples if not kept_in(chosen.folder, sample).exists()]
    if not missing:
        return
    viewer = Viewer(show=True)
    viewer.theme = chosen.theme
    viewer.window.resize(*map(int, chosen.size.split("x")))
    for sample in missing:
        row = walk(viewer, sample, chosen.folder, chosen.hand)
        kept_in(chosen.folder, sample).write_text(json.dumps({"commit": commit(), "row": row}))
        print("|", " | ".join(row), "|", flush=True)
    viewer.close()


if __name__ == "__main__":
    main()
