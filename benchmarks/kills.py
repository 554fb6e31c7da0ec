"""Kills: what runs leave that are killed at random moments, and whether they end with the same bits when they are started again.

    python benchmarks/kills.py [--kills 20] [--seed 0]

Regions to an OME-Zarr, a TIFF, a batch, and a cluster of two workers of which one is killed (needs dask.distributed). Every
finished result is compared, file by file, with that of a run that was left alone: pixels and metadata, ``zarr.json`` included.
Only what tells of the run itself may differ: its random name, and the seconds that its last part took. POSIX only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from napari_tweedie.engine import last
from napari_tweedie.files.batch import run_batch
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images.files import read, write
from napari_tweedie.recipe import Recipe

OWN = re.compile(rb'"(run|seconds|UUID)": ?("[^"]*"|[0-9.]+)|urn:uuid:[0-9a-f-]{36}')
"""What tells of the run itself, in metadata."""
RECIPE = Recipe(denoiser="unet-small", tile=64, device="cpu")


def killed(work: Callable[[], None], after: float) -> bool:
    """Do something in a process that is killed after some seconds; tell whether it was, and had not ended before."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            work()
            os._exit(0)
        os._exit(1)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), "the run failed"
    return status == signal.SIGKILL


def contents(path: Path) -> dict[str, bytes]:
    """Return what a result holds, file by file; of a TIFF, its pixels and what it says of them."""
    if path.is_dir():
        files = {str(each.relative_to(path)): each.read_bytes() for each in sorted(path.rglob("*")) if each.is_file()}
        return {name: OWN.sub(b"", content) if name.endswith(".json") else content for name, content in files.items()}
    picture = read(path)
    facts = {name: value for name, value in picture.metadata.items() if name != "seconds"}
    return {"pixels": np.asarray(picture.data).tobytes(), "metadata": json.dumps(facts).encode()}


def compared(what: str, found: Path, expected: Path, kills: int) -> None:
    """Print one line of a result that was killed, and started again, so many times."""
    ours, theirs = contents(found), contents(expected)
    different = [name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)]
    print(f"{'same' if not different else 'DIFFERENT'}: {what}, killed {kills} times, {len(ours)} files {different}", flush=True)


def until_done(
    work: Callable[[], None], seconds: float, kills: int, rng: np.random.Generator, check: Callable[[int], None]
) -> None:
    """Start a run again and again, and kill it at a random moment, so many times; whenever one ended, `check` and begin anew."""
    count = since = 0
    while count < kills:
        if killed(work, rng.uniform(0, seconds)):
            count, since = count + 1, since + 1
        else:
            check(since)
            since = 0
    work()
    check(since)


def timed(work: Callable[[], None]) -> float:
    """Return the seconds that something takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def alone(folder: Path, kills: int, rng: np.random.Generator) -> None:
    """Kill runs of one process."""
    source = folder / "in.zarr"
    jobs: dict[str, Callable[[Path], None]] = {
        ".zarr": lambda target: last(run_to_file(RECIPE, source, target)),
        ".tif": lambda target: last(run_to_file(RECIPE, source, target)),
        "": lambda target: last(run_batch([folder / "small.tif", folder / "in.tif"], {"a": RECIPE}, target)),
    }
    for (suffix, job), share in zip(jobs.items(), (0.5, 0.25, 0.25), strict=True):
        expected, out = folder / f"expected{suffix}", folder / f"out{suffix}"
        job(folder / f"warm{suffix}")
        seconds = timed(lambda: job(expected))  # noqa: B023 - called at once

        def check(count: int, suffix: str = suffix, expected: Path = expected, out: Path = out) -> None:
            names = [""] if suffix else [path.name for path in sorted(expected.glob("*.tif"))]
            for name in names:
                compared(f"{'batch, ' + name if name else 'one image to ' + suffix}", out / name, expected / name, count)
            shutil.rmtree(out) if out.is_dir() else out.unlink()

        until_done(lambda: job(out), seconds, round(share * kills), rng, check)  # noqa: B023 - called at once
    left = [path.name for path in folder.rglob("*") if path.suffix in (".partial", ".new") or path.name.endswith(".part.zarr")]
    print(f"left unfinished: {left}", flush=True)


def workers(folder: Path, kills: int, rng: np.random.Generator) -> None:
    """Kill workers of a cluster while they work."""
    from dask.distributed import LocalCluster

    from napari_tweedie.large.schedulers import Cluster

    source, expected = folder / "in.zarr", folder / "expected.zarr"
    if not expected.exists():
        last(run_to_file(RECIPE, source, expected))
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    count = 0
    with LocalCluster(**options) as cluster:
        while count < kills:
            target, ended = folder / f"cluster{count}.zarr", threading.Event()

            def kill(ended: threading.Event = ended) -> None:
                nonlocal count
                for _ in range(2):
                    if ended.wait(rng.uniform(0.5, 6)) or count >= kills:
                        return
                    alive = [worker.pid for worker in cluster.workers.values() if worker.pid]
                    if alive:
                        os.kill(int(rng.choice(alive)), signal.SIGKILL)
                        count += 1

            before = count
            killer = threading.Thread(target=kill)
            killer.start()
            last(run_to_file(RECIPE, source, target, scheduler=Cluster(cluster.scheduler_address)))
            ended.set()
            killer.join()
            compared("regions by two workers", target, expected, count - before)
            shutil.rmtree(target)


def main() -> None:
    """Make images, and kill what works on them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=4, help="how many of the kills are those of workers")
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    warnings.simplefilter("ignore", DeprecationWarning)  # processes that were forked
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = (100 + 10 * rng.standard_normal((400, 330))).astype(np.float32)
        image[20:30, 300:310] = np.nan
        write(folder / "in.zarr", image, "yx")
        write(folder / "in.tif", image, "yx")
        write(folder / "small.tif", image[:90, :80], "yx")
        if given.kills > given.workers:
            alone(folder, given.kills - given.workers, rng)
        if given.workers:
            workers(folder, given.workers, rng)


if __name__ == "__main__":
    main()
