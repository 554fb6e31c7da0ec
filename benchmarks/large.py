"""Growth of time and memory with the size of an image that is done region by region.

Usage: ``python benchmarks/large.py [--quick] [--denoiser NAME] [--side PIXELS] [--times N …]``,
``python benchmarks/large.py stack`` and ``python benchmarks/large.py lazy [--quick] [--denoiser NAME]``

A uint16 OME-Zarr of 1, 2, 4, 8 and 16 times SIDE² pixels (random blobs, Gaussian noise) is denoised from file to file in a
process of its own, as ``napari-tweedie denoise in.zarr out.zarr`` does; peak memory is that process's resident set. The
untiled rate is that of the denoiser called on one plane of 1024² pixels in the same process, the median of three. CPU seconds
are those of all threads; they leave out what other programs took.

``stack`` restores 64 × 1024 × 1024 voxels with their point-spread function, in few iterations: memory does not depend on them.
``lazy`` opens a denoised layer of a synthetic array of 1 TB and looks at 200 of its planes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from memory import peak_memory

from napari_tweedie.images import ome_zarr
from napari_tweedie.images.chunks import regions
from napari_tweedie.images.picture import Picture

SOLVERS: dict[str, dict[str, Any]] = {
    "richardson-lucy": {"name": "richardson-lucy", "iterations": 2},
    "hqs with tikhonov": {"name": "hqs", "iterations": 2},
}


def create(path: Path, shape: tuple[int, ...]) -> None:
    """Write a synthetic image chunk by chunk."""
    like = Picture(np.broadcast_to(np.uint16(0), shape), "zyx"[-len(shape) :])
    chunks = (1,) * (len(shape) - 2) + tuple(min(1024, length) for length in shape[-2:])
    fine, *_ = ome_zarr.create(path, like, chunks, [])
    rng = np.random.default_rng(0)
    for region in regions(shape, chunks):
        y, x = np.ogrid[region[-2:]]
        blobs = 400 * (np.sin(x / 23) * np.cos(y / 31 + np.sin(x / 200)) > 0.3)
        noisy = 1000 + blobs + rng.normal(0, 30, blobs.shape)
        fine[region] = noisy.astype(np.uint16).reshape([at.stop - at.start for at in region])


def run(recipe: Any, source: Path, target: Path) -> list[float]:
    """Return seconds, CPU seconds and peak memory of a run from file to file in this process."""
    from napari_tweedie.large.run_file import run_file

    started = time.perf_counter(), time.process_time()
    for _ in run_file(recipe, source, target):
        pass
    return [time.perf_counter() - started[0], time.process_time() - started[1], peak_memory() / 2**20]


def denoise(source: Path, target: Path, denoiser: str) -> list[float]:
    """Denoise a file, and return what `run` does and the CPU seconds per pixel of one untiled call."""
    import torch

    from napari_tweedie.recipe import Recipe

    recipe = Recipe(denoiser=denoiser)
    measured = run(recipe, source, target)
    plane = torch.rand((1, 1, 1024, 1024))
    untiled = []
    with torch.no_grad():
        recipe.denoiser(plane, 0.1)
        for _ in range(3):
            started = time.process_time()
            recipe.denoiser(plane, 0.1)
            untiled.append((time.process_time() - started) / plane.numel())
    return [*measured, float(np.median(untiled))]


def restore(source: Path, target: Path, solver: str) -> list[float]:
    """Restore a stack with a Gaussian point-spread function, and return what `run` does."""
    from napari_tweedie.recipe import Recipe

    z, y, x = np.mgrid[-6:7, -6:7, -6:7]
    psf = np.exp(-(z**2) / 8 - (y**2 + x**2) / 4).astype(np.float32)
    recipe = Recipe(
        job="restore", volume=True, denoiser="tikhonov", solver=SOLVERS[solver], degradation={"name": "psf-blur", "psf": psf}
    )
    return run(recipe, source, target)


def in_a_process(kind: str, what: str, shape: tuple[int, ...]) -> list[float]:
    """Measure one run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.zarr", Path(folder) / "out.zarr"
        create(source, shape)
        command = [sys.executable, __file__, "measure", kind, what, str(source), str(target)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return list(json.loads(ended.stdout))


def planes(side: int, denoiser: str, times: list[int]) -> None:
    """Print the table of images of growing size."""
    print(f"| times {side}² pixels, {denoiser} | seconds | CPU s / Mpx | untiled | ratio | peak memory, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number in times:
        height = 2 ** int(np.log2(number) / 2)
        shape = (side * height, side * number // height)
        seconds, cpu, memory, untiled = in_a_process("denoise", denoiser, shape)
        rate, whole = 1e6 * cpu / np.prod(shape), 1e6 * untiled
        print(f"| {number} | {seconds:.0f} | {rate:.2f} | {whole:.2f} | {rate / whole:.2f} | {memory:.0f} |", flush=True)


def stack() -> None:
    """Print the table of a stack that is restored."""
    print("| 64 × 1024 × 1024, 2 iterations | seconds | CPU seconds | peak memory, MB |")
    print("| --- | --- | --- | --- |")
    for solver in SOLVERS:
        seconds, cpu, memory = in_a_process("restore", solver, (64, 1024, 1024))
        print(f"| {solver} | {seconds:.0f} | {cpu:.0f} | {memory:.0f} |", flush=True)


def lazy_layer(denoiser: str, count: int) -> None:
    """Print how long a lazy layer over a terabyte takes to open and to show a plane, and its memory."""
    import dask.array as da
    import torch

    from napari_tweedie.large.lazy_array import lazy
    from napari_tweedie.recipe import Recipe

    def noise(block_id: tuple[int, ...]) -> np.ndarray:
        return np.random.default_rng(block_id[0]).random((1, 1024, 1024), dtype=np.float32)

    chunks = ((1,) * 2**18, (1024,), (1024,))
    image = da.map_blocks(noise, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    Recipe(denoiser=denoiser).denoiser(torch.zeros(1, 1, 64, 64), 0.1)
    clocks = [np.array([time.perf_counter(), time.process_time()])]
    layer = lazy(Recipe(denoiser=denoiser), image)
    for number in range(count):
        clocks.append(np.array([time.perf_counter(), time.process_time()]))
        layer[1000 * number + 7].compute()
    clocks.append(np.array([time.perf_counter(), time.process_time()]))
    opening, first, *others = np.diff(clocks, axis=0)
    print(f"| lazy layer over 1 TB, {denoiser} | seconds | CPU seconds |\n| --- | --- | --- |")
    named = {"opening": opening, "first plane, with the measurement of the noise": first}
    named[f"a new plane of 1024², median of {count - 1}"] = np.median(others, axis=0)
    for name, (seconds, cpu) in named.items():
        print(f"| {name} | {seconds:.2f} | {cpu:.2f} |")
    print(f"\nPeak memory {peak_memory() / 2**20:.0f} MB.")


parser = argparse.ArgumentParser()
parser.add_argument("what", nargs="*", default=["planes"])
parser.add_argument("--quick", action="store_true")
parser.add_argument("--denoiser", default="unet")
parser.add_argument("--side", type=int, default=4096)
parser.add_argument("--times", type=int, nargs="*")
given = parser.parse_args()
if given.what[0] == "measure":
    _, kind, name, source, target = given.what
    print(json.dumps({"denoise": denoise, "restore": restore}[kind](Path(source), Path(target), name)))
elif given.what[0] == "stack":
    stack()
elif given.what[0] == "lazy":
    lazy_layer(given.denoiser, 5 if given.quick else 200)
else:
    planes(given.side, given.denoiser, given.times or ([1, 2, 4] if given.quick else [1, 2, 4, 8, 16]))
