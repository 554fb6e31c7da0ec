"""Stopping: how long a command takes to end after a signal, wherever it is just then.

    python benchmarks/stopping.py [--rounds 1] [--only denoise …]

Every command is started on an image that would keep it busy for long, gets SIGINT or SIGTERM at a random moment after it began
to work, and must end within 2 s of a core of its own, with the status that shells expect, one line and no traceback. On a
machine that does other work as well, the CPU time that it took to end counts, unless it was waiting.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from napari_tweedie.images.files import write

BAR = 2.0
WAITS = 60.0
"""Seconds after which a command that has not ended is killed."""


def silent() -> int:
    """Return the port of a server that takes connections and never answers."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []

    def take() -> None:
        while True:
            kept.append(server.accept())

    threading.Thread(target=take, daemon=True).start()
    return int(server.getsockname()[1])


def commands(folder: Path) -> dict[str, list[str]]:
    """Return command lines that last, by what they are busy with."""
    rng = np.random.default_rng(0)
    large = folder / "large.tif"
    write(large, rng.poisson(100, (4000, 4000)).astype(np.uint16), "yx")
    write(folder / "stack.tif", rng.normal(100, 10, (8, 1024, 1024)).astype(np.float32), "tyx")
    write(folder / "plane.tif", rng.normal(100, 10, (1024, 1024)).astype(np.float32), "yx")
    write(folder / "mask.tif", (rng.random((1024, 1024)) < 0.3).astype(np.uint8), "yx")
    (folder / "recipe.json").write_text(json.dumps({"job": "denoise"}))
    (folder / "many").mkdir()
    for n in range(4):
        os.link(folder / "plane.tif", folder / "many" / f"{n}.tif")
    out, plane, port = folder / "out.tif", folder / "plane.tif", silent()
    lines = {
        "denoise": ["denoise", large, out],
        "regions": ["denoise", large, folder / "out.zarr"],
        "frames": ["denoise", folder / "stack.tif", out],
        "nlm": ["denoise", plane, out, "--denoiser", "nlm"],
        "wavelet": ["denoise", large, out, "--denoiser", "wavelet"],
        "dictionary": ["denoise", plane, out, "--denoiser", "dictionary"],
        "graph-laplacian": ["denoise", plane, out, "--denoiser", "graph-laplacian"],
        "total-variation": ["denoise", plane, out, "--denoiser", "total-variation"],
        "restore": ["restore", large, out, "--degradation", "gaussian-blur", "--set", "degradation.std=2"],
        "mask": ["restore", plane, out, "--degradation", "mask", "--mask", folder / "mask.tif"],
        "sample": ["sample", plane, out],
        "decompose": ["decompose", plane, out],
        "batch": ["batch", folder / "many", folder / "done", folder / "recipe.json"],
        "adapt": ["adapt", plane, folder / "out.safetensors", "--start", "unet-small"],
        "inspect": ["inspect", plane, "ideal", "--denoiser", "unet-small"],
        "network": ["denoise", f"http://127.0.0.1:{port}/image.zarr", out],
        "cluster": ["denoise", large, folder / "out.zarr", "--scheduler", f"tcp://127.0.0.1:{port}"],
    }
    return {what: [str(word) for word in line] for what, line in lines.items()}


def used(pid: int) -> float:
    """Return the CPU time of a process in seconds."""
    with contextlib.suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


def ended(line: list[str], number: int, after: float) -> tuple[float, float, int, str]:
    """Start a command, send it a signal some seconds after it started.

    Returns
    -------
    tuple
        Seconds until it ended, those of them that it had a CPU, its status, and its last words.
    """
    child = subprocess.Popen([sys.executable, "-m", "napari_tweedie.cli", *line], stderr=subprocess.PIPE, text=True)
    try:
        child.wait(after)
    except subprocess.TimeoutExpired:
        child.send_signal(number)
    began, before = time.monotonic(), used(child.pid)
    busy = before
    while child.poll() is None:
        busy = used(child.pid) or busy
        if time.monotonic() - began > WAITS:
            child.kill()
        time.sleep(0.02)
    return time.monotonic() - began, busy - before, child.returncode, child.stderr.read()  # type: ignore[union-attr]


def main() -> None:
    """Stop every command, and tell how long that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--from", dest="first", type=float, default=8.0, help="earliest moment of a signal, in seconds")
    parser.add_argument("--to", dest="last", type=float, default=16.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, line in commands(folder).items():
            if given.only and what not in given.only:
                continue
            for turn in range(given.rounds):
                number = (signal.SIGINT, signal.SIGTERM)[(turn + len(what)) % 2]
                after = rng.uniform(given.first, given.last)
                seconds, busy, status, told = ended(line, number, after)
                well = status == 128 + number and "Traceback" not in told and busy <= BAR
                left = [path.name for path in folder.rglob("*") if path.name.endswith((".lock", ".partial", ".new"))]
                words = told.strip().splitlines()[-1:]
                verdict = "ok" if well and not left else "LATE" if status == 128 + number else "WRONG"
                when = f"{number.name} after {after:.1f} s, ended {seconds:.2f} s later ({busy:.2f} s of CPU) with {status}"
                print(f"{verdict}: {what}, {when}, left {left}: {words}", flush=True)


if __name__ == "__main__":
    main()
