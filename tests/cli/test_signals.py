"""Does a signal end a command in good order, and keep two commands from writing the same file?"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_tweedie.engine import last
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images.claim import claimed
from napari_tweedie.images.files import write
from napari_tweedie.recipe import Recipe

pytestmark = pytest.mark.slow


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_without_a_result_and_without_a_traceback(number: int, tmp_path: Path) -> None:
    """The image is so large that the run would go on long after the signal."""
    image, result = tmp_path / "large.tif", tmp_path / "out.tif"
    write(image, np.random.default_rng(0).random((6000, 6000), np.float32), "yx")
    command = [sys.executable, "-m", "napari_tweedie.cli", "denoise", image, result]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / ".out.tif.lock").exists():
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.1)
    time.sleep(1)
    run.send_signal(number)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 128 + number
    assert "stopped" in told
    assert "Traceback" not in told
    assert sorted(tmp_path.iterdir()) == [image]


def test_an_output_that_is_being_written_is_refused_and_free_again_afterwards(tmp_path: Path) -> None:
    image = tmp_path / "in.tif"
    write(image, np.random.default_rng(0).random((16, 16), np.float32), "yx")
    recipe = Recipe(denoiser="tikhonov")
    for result in (tmp_path / "out.tif", tmp_path / "out.zarr"):
        steps = run_to_file(recipe, image, result)
        next(steps)
        with pytest.raises(FileExistsError, match=f"{result.name} is being written by another run: wait for it"):
            last(run_to_file(recipe, image, result))
        steps.close()
        last(run_to_file(recipe, image, tmp_path / f"again{result.suffix}"))
    assert not list(tmp_path.glob(".*.lock"))


def test_a_claim_of_a_process_that_died_does_not_stop_the_next(tmp_path: Path) -> None:
    target = tmp_path / "out.tif"
    held = f"with claimed(__import__('pathlib').Path({str(target)!r})): __import__('os')._exit(1)"
    code = f"from napari_tweedie.images.claim import claimed\n{held}"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (tmp_path / ".out.tif.lock").exists()
    with claimed(target), pytest.raises(FileExistsError), claimed(target):
        pass
    assert not list(tmp_path.iterdir())
