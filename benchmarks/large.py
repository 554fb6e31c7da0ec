"""How do time and memory grow with the size of an image that is done region by region?

Usage: ``python benchmarks/large.py [--quick] [--denoiser NAME] [--side PIXELS]``

A uint16 OME-Zarr of 1, 2, 4, 8 and 16 times SIDE² pixels (random blobs, Gaussian noise) is denoised from file to file in a
process of its own, as ``napari-tweedie denoise in.zarr out.zarr`` does; peak memory is that process's resident set. The
untiled rate is that of the denoiser called on one plane of 1024² pixels in the same process, where one fits into memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from napari_tweedie.images import ome_zarr
from napari_tweedie.images.chunks import regions
from napari_tweedie.images.picture import Picture


def create(path: Path, shape: tuple[int, int]) -> None:
    """Write a synthetic image chunk by chunk."""
    like = Picture(np.broadcast_to(np.uint16(0), shape), "yx")
    chunks = (min(1024, shape[0]), min(1024, shape[1]))
    fine, *_ = ome_zarr.create(path, like, chunks, [])
    rng = np.random.default_rng(0)
    for region in regions(shape, chunks):
        y, x = np.ogrid[region]
        blobs = 400 * (np.sin(x / 23) * np.cos(y / 31 + np.sin(x / 200)) > 0.3)
        fine[region] = (1000 + blobs + rng.normal(0, 30, blobs.shape)).astype(np.uint16)


def measure(source: Path, target: Path, denoiser: str) -> None:
    """Denoise a file and print seconds, peak memory and the untiled seconds per pixel, in this process."""
    import torch

    from napari_tweedie.large import run_file
    from napari_tweedie.recipe import Recipe

    recipe = Recipe(denoiser=denoiser)
    started = time.perf_counter()
    for _ in run_file(recipe, source, target):
        pass
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    plane = torch.rand((1, 1, 1024, 1024))
    with torch.no_grad():
        recipe.denoiser(plane, 0.1)
        started = time.perf_counter()
        recipe.denoiser(plane, 0.1)
    print(json.dumps([seconds, peak, (time.perf_counter() - started) / plane.numel()]))


def main(side: int, denoiser: str, quick: bool) -> None:
    """Print the table."""
    print(f"| times {side}² pixels, {denoiser} | seconds | seconds per megapixel | untiled | peak memory, MB |")
    print("| --- | --- | --- | --- | --- |")
    for times in (1, 2, 4) if quick else (1, 2, 4, 8, 16):
        height = 2 ** int(np.log2(times) / 2)
        shape = (side * height, side * times // height)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "in.zarr", Path(folder) / "out.zarr"
            create(source, shape)
            command = [sys.executable, __file__, "--measure", str(source), str(target), "--denoiser", denoiser]
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, peak, untiled = json.loads(ended.stdout)
        pixels = shape[0] * shape[1] / 1e6
        print(f"| {times} | {seconds:.1f} | {seconds / pixels:.2f} | {1e6 * untiled:.2f} | {peak:.0f} |", flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("--quick", action="store_true")
parser.add_argument("--denoiser", default="unet")
parser.add_argument("--side", type=int, default=1024)
parser.add_argument("--measure", nargs=2, type=Path)
given = parser.parse_args()
if given.measure:
    measure(*given.measure, given.denoiser)
else:
    main(given.side, given.denoiser, given.quick)
