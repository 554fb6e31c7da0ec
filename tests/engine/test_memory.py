"""Is memory that is short answered by smaller tiles, and where that does not help by a sentence?"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_tweedie.core.device import OutOfMemory, shortage_told
from napari_tweedie.engine import last, measure, run
from napari_tweedie.images import files
from napari_tweedie.recipe import Recipe

LIMITED = """
import json, resource
import numpy as np
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe

def hungry(x, sigma):
    return 0.5 * x + 0.5 * x.new_ones((1000, *x.shape)).mean(0) * x  # 4 kB a pixel

recipe = Recipe(denoiser=hungry, noise={"sigma": 5.0}, device="cpu", tile=1024)
image = np.random.default_rng(0).normal(100, 5, (512, 512)).astype(np.float32)
last(run(recipe, image[:64, :64]))
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 600 * 2**20, resource.RLIM_INFINITY))
result = last(run(recipe, image))
print(json.dumps([result.provenance["tile"], result.notes, float(abs(result.images["denoised"] - image).max())]))
"""
"""The whole image would take 1 GB, tiles of 256 pixels a quarter of it."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_limit_of_linux_makes_the_tiles_smaller() -> None:
    """What torch says there is neither an error of its own kind for memory nor Python's."""
    ended = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-500:]
    tile, notes, error = json.loads(ended.stdout)
    assert tile in (128, 256)
    assert f"The memory of cpu ran short; the work was done in tiles of {tile} pixels." in notes
    assert error < 0.01


@pytest.mark.parametrize(
    "told",
    [
        MemoryError("Unable to allocate 25.0 MiB for an array with shape (65536, 10, 10)"),
        RuntimeError("err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_memory_that_is_short_before_or_after_the_tiles_is_a_sentence(told: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*arguments: object, **named: object) -> None:
        raise told

    monkeypatch.setattr("napari_tweedie.engine.channel.identify_noise", greedy)
    image = np.random.default_rng(0).normal(100, 5, (16, 16))
    for work in (lambda: last(run(Recipe(denoiser="tikhonov"), image)), lambda: measure(Recipe(), image)):
        with pytest.raises(OutOfMemory, match="the memory does not suffice for this image: close other programs, crop"):
            work()


def test_other_errors_and_sentences_pass() -> None:
    for error in (RuntimeError("shapes do not fit"), OutOfMemory("tiles of 128 pixels"), ValueError("axes")):
        with pytest.raises(type(error), match=str(error)), shortage_told():
            raise error


def test_a_file_larger_than_the_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*arguments: object) -> None:
        raise MemoryError

    path = tmp_path / "large.tif"
    files.write(path, np.zeros((4, 4), np.float32), "yx")
    monkeypatch.setattr("napari_tweedie.images.tiff.read", greedy)
    with pytest.raises(MemoryError, match=r"large.tif does not fit into the memory: crop it, or store it as OME-Zarr"):
        files.read(path)
