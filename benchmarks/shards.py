"""Shards of a large result: their number, the memory of the run, and whether runs that are killed end with the same bits.

    python benchmarks/shards.py [--side 16384] [--denoiser tikhonov] [--kills 4] [--seed 0] [--folder FOLDER]

A uint16 OME-Zarr of SIDE² pixels (random blobs, Gaussian noise) is denoised by ``napari-tweedie denoise in.zarr out.zarr``, once
left alone, once killed at random moments and started again. Both results are compared file by file; what tells of the run itself
(its random name, its seconds) is left out as in `kills`. Peak memory is the largest
resident set of any of the processes. POSIX only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from kills import OWN

from napari_tweedie.images import ome_zarr_writing
from napari_tweedie.images.chunks import regions
from napari_tweedie.images.picture import Picture
from napari_tweedie.large.run_file import unfinished

TILE = 2048
"""Side of a region; it is said, as it is less where memory is short when a run begins."""


def create(path: Path, side: int) -> None:
    """Write a synthetic image chunk by chunk."""
    like = Picture(np.broadcast_to(np.uint16(0), (side, side)), "yx")
    fine, *_ = ome_zarr_writing.create(path, like, (1024, 1024), [])
    rng = np.random.default_rng(0)
    for region in regions(fine.shape, (1024, 1024)):
        y, x = np.ogrid[region]
        blobs = 400 * (np.sin(x / 23) * np.cos(y / 31 + np.sin(x / 200)) > 0.3)
        fine[region] = (1000 + blobs + rng.normal(0, 30, blobs.shape)).astype(np.uint16)


def run(source: Path, target: Path, denoiser: str, after: float | None = None) -> tuple[float, float, float, bool]:
    """Denoise a file in a process, killed after some seconds; return seconds, CPU s, peak memory in MB, whether it ended."""
    command = [sys.executable, "-m", "napari_tweedie.cli", "denoise", str(source), str(target)]
    command += ["--denoiser", denoiser, "--set", f"tile={TILE}"]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    if after is not None:
        try:
            child.wait(after)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
    if child.returncode is None:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    else:
        cpu = memory = 0.0
    assert child.returncode in (0, -signal.SIGKILL), f"the run failed: {child.returncode}"
    return time.monotonic() - began, cpu, memory, child.returncode == 0


def digests(path: Path) -> dict[str, str]:
    """Return a digest of every file of a result, metadata without what tells of the run itself."""
    found = {}
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        content = file.read_bytes()
        content = OWN.sub(b"", content) if file.suffix == ".json" else content
        found[str(file.relative_to(path))] = hashlib.sha256(content).hexdigest()
    return found


def main() -> None:
    """Run, kill, go on, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=16384)
    parser.add_argument("--denoiser", default="tikhonov")
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the images go, which are removed at the end")
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        source, alone, killed = (Path(name) / f"{each}.zarr" for each in ("in", "alone", "killed"))
        create(source, given.side)
        seconds, cpu, memory, _ = run(source, alone, given.denoiser)
        expected = digests(alone)
        shards = [file for file in expected if not file.endswith(".json")]
        chunks = 0
        for array in ome_zarr_writing.levels(alone):
            chunks += int(np.prod([-(-length // chunk) for length, chunk in zip(array.shape, array.chunks, strict=True)]))
        size = sum((alone / file).stat().st_size for file in expected) / 1e6
        print(f"{given.side}², {given.denoiser}, left alone: {seconds:.0f} s, {cpu:.0f} CPU s, {memory:.0f} MB", flush=True)
        print(f"{chunks} chunks in {len(shards)} files ({chunks / len(shards):.1f} a file), {size:.0f} MB in all", flush=True)
        for number in range(given.kills):
            after = float(rng.uniform(0.1, 0.9) * seconds / given.kills * 1.5)
            took, _, used, ended = run(source, killed, given.denoiser, after)
            memory = max(memory, used)
            there = len([each for each in unfinished(killed).rglob("c/*/*") if each.is_file()])
            print(f"kill {number + 1} after {took:.0f} s{' (had ended)' if ended else ''}: {there} shards there", flush=True)
            if ended:
                break
        took, cpu, used, _ = run(source, killed, given.denoiser)
        found = digests(killed)
        different = sorted(file for file in {*expected, *found} if expected.get(file) != found.get(file))
        print(f"gone on with: {took:.0f} s, {cpu:.0f} CPU s; peak memory of all {max(memory, used):.0f} MB", flush=True)
        print(f"{'same' if not different else 'DIFFERENT'}: {len(found)} files {different[:5]}", flush=True)


if __name__ == "__main__":
    main()
