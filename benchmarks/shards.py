"""Shards of a large result: their number, the memory of the run, and whether runs that are killed end with the same bits.

    python benchmarks/shards.py [create] [alone] [killed] [--side 16384] [--denoiser tikhonov] [--kills 4] [--seed 0] [--folder F]

A uint16 OME-Zarr of SIDE² pixels (random blobs, Gaussian noise) is denoised by ``napari-tweedie denoise in.zarr out.zarr``, once
left alone, once killed some moments after a random number of shards was there, and started again. Both results are compared file
by file; what tells of the run itself (its random name, its seconds) is left out as in `kills`. Peak memory is the largest
resident set of any of the processes. The steps can be done one by one, in a folder that is kept. POSIX only.
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
        fine[region] = (1000 + blobs + 30 * rng.standard_normal(blobs.shape, np.float32)).astype(np.uint16)


def run(source: Path, target: Path, denoiser: str, enough: int | None = None, later: float = 0) -> str:
    """Denoise a file in a process, which is killed a moment after `enough` shards are there; return what it took."""
    command = [sys.executable, "-m", "napari_tweedie.cli", "denoise", str(source), str(target)]
    command += ["--denoiser", denoiser, "--set", f"tile={TILE}"]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while enough is not None:
        time.sleep(0.2)
        if len(shards(unfinished(target))) >= enough:
            time.sleep(later)
            child.send_signal(signal.SIGKILL)
            break
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == (0 if enough is None else -signal.SIGKILL), f"the run ended with {child.returncode}"
    cpu, there = used.ru_utime + used.ru_stime, len(shards(target if enough is None else unfinished(target)))
    took = f"{time.monotonic() - began:.0f} s, {cpu:.0f} CPU s, peak memory {used.ru_maxrss / 1024:.0f} MB"
    return f"{there} shards there, {took}"


def shards(path: Path) -> list[Path]:
    """Return the files of pixels of a result, of all its levels."""
    return [file for file in path.glob("*/c/*/*") if file.name.isdigit()]


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
    parser.add_argument("steps", nargs="*", default=["create", "alone", "killed"])
    parser.add_argument("--side", type=int, default=16384)
    parser.add_argument("--denoiser", default="tikhonov")
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the images stay; by default they are removed at the end")
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        source, alone, killed = (folder / f"{each}.zarr" for each in ("in", "alone", "killed"))
        if "create" in given.steps:
            create(source, given.side)
        if "alone" in given.steps:
            print(f"{given.side}², {given.denoiser}, left alone: {run(source, alone, given.denoiser)}", flush=True)
            levels = [zip(level.shape, level.chunks, strict=True) for level in ome_zarr_writing.levels(alone)]
            chunks = sum(int(np.prod([-(-length // chunk) for length, chunk in level])) for level in levels)
            files, size = shards(alone), sum(file.stat().st_size for file in shards(alone)) / 1e6
            print(f"{chunks} chunks in {len(files)} files ({chunks / len(files):.1f} a file), {size:.0f} MB", flush=True)
        if "killed" in given.steps:
            total = len(shards(alone))
            for enough in np.sort(rng.integers(0, total - 1, given.kills)):
                print(f"killed: {run(source, killed, given.denoiser, int(enough), rng.uniform(0, 2))}", flush=True)
            print(f"gone on with: {run(source, killed, given.denoiser)}", flush=True)
            ours, theirs = digests(killed), digests(alone)
            different = sorted(file for file in {*ours, *theirs} if ours.get(file) != theirs.get(file))
            print(f"{'DIFFERENT' if different else 'same'}: {len(ours)} files {different[:5]}", flush=True)


if __name__ == "__main__":
    main()
