"""Is a file restored region by region as it would be in one piece, and is nothing lost when the run is cut off?"""

import json
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie.engine import Cancelled, last, run
from napari_tweedie.images import ome_zarr_writing
from napari_tweedie.images.arrays import fetched
from napari_tweedie.images.files import read, write
from napari_tweedie.large.chunked_run import ChunkedRun
from napari_tweedie.large.run_file import run_file
from napari_tweedie.recipe import Recipe

pytestmark = pytest.mark.slow

BLUR = {"name": "gaussian-blur", "std": 1.0}
LOCAL = {"name": "tikhonov", "weight": 0.05}
QUICK = {"job": "restore", "degradation": {"name": "gaussian-blur", "std": 0.5}, "solver": LOCAL, "tile": 64}


def test_a_name_that_is_used_again_within_one_process_reads_right(blobs: np.ndarray, tmp_path: Path) -> None:
    for shape, axes in (((200, 180), "yx"), ((96, 64), "yx"), ((3, 80, 70), "tyx")):
        image = np.broadcast_to(blobs[: shape[-2], : shape[-1]], shape).astype(np.float32)
        result = restored(Recipe(**QUICK), image, axes, tmp_path)
        np.testing.assert_allclose(result, whole(Recipe(**QUICK), image, axes), atol=2e-3)
        for name in ("in.zarr", "out.zarr"):
            shutil.rmtree(tmp_path / name)


@pytest.fixture
def blobs(rng: np.random.Generator) -> np.ndarray:
    """Random content, 200 × 180, in [0, 1]."""
    return (gaussian_filter(rng.normal(size=(200, 180)), 3) > 0).astype(float)


def restored(recipe: Recipe, image: np.ndarray, axes: str, folder: Path, **inputs: object) -> np.ndarray:
    write(folder / "in.zarr", image, axes)
    list(run_file(recipe, folder / "in.zarr", folder / "out.zarr", **inputs))
    return read(folder / "out.zarr").data[...]


def whole(recipe: Recipe, image: np.ndarray, axes: str) -> np.ndarray:
    (result,) = last(run(recipe.model_copy(update={"axes": axes, "tile": 0}), image)).images.values()
    return result


def test_denoised_regions_have_no_seams(blobs: np.ndarray, rng: np.random.Generator, tmp_path: Path) -> None:
    noisy = 1000 + 200 * blobs + rng.normal(0, 20, blobs.shape)
    recipe = Recipe(tile=64, denoiser={"name": "unet-small", "precision": "float32"})
    difference = np.abs(restored(recipe, noisy, "yx", tmp_path) - whole(recipe, noisy, "yx"))
    assert difference.max() < 1e-3 * 20


def test_regions_take_their_part_of_noise_that_differs(blobs: np.ndarray, rng: np.random.Generator, tmp_path: Path) -> None:
    level = np.where(np.arange(blobs.shape[1]) < 90, 10.0, 40.0)
    noisy = (1000 + 200 * blobs + level * rng.normal(size=blobs.shape)).astype(np.float32)
    recipe = Recipe(tile=64, denoiser={"name": "unet-small", "precision": "float32"})
    difference = np.abs(restored(recipe, noisy, "yx", tmp_path) - whole(recipe, noisy, "yx"))
    assert difference.max() < 1e-3 * 20
    assert read(tmp_path / "out.zarr").metadata["noise"][0]["places"]


def test_restored_regions_are_as_good_at_their_seams_as_inside(
    blobs: np.ndarray, rng: np.random.Generator, tmp_path: Path
) -> None:
    blobs = blobs[:140, :130]
    measured = gaussian_filter(100 * blobs, 1.0) + rng.normal(0, 2, blobs.shape)
    recipe = Recipe(job="restore", degradation=BLUR, tile=64, solver={"name": "hqs", "iterations": 2})
    result, reference = restored(recipe, measured, "yx", tmp_path), whole(recipe, measured, "yx")
    chunk = read(tmp_path / "out.zarr").data.chunks[0]
    assert chunk == 64
    seam = np.zeros(blobs.shape, bool)
    for start in (64, 128):
        seam[start - 1 : start + 1] = seam[:, start - 1 : start + 1] = True
    error, expected = np.square(result - 100 * blobs), np.square(reference - 100 * blobs)
    assert error[seam].mean() < 1.02 * expected[seam].mean()
    assert np.sqrt(np.square(result - reference).mean()) < 0.1 * 2


@pytest.mark.parametrize(
    ("axes", "shape", "fields"),
    [
        ("tcyx", (2, 2, 40, 90), {}),
        ("ztyx", (2, 3, 40, 90), {}),
        ("yxs", (40, 90, 3), {}),
        ("zyx", (6, 40, 90), {"volume": True}),
        ("yx", (40, 90), {"degradation": {"name": "downsample", "factor": 2}}),
    ],
)
def test_every_layout_equals_the_whole(
    axes: str, shape: tuple[int, ...], fields: dict[str, object], rng: np.random.Generator, tmp_path: Path
) -> None:
    recipe = Recipe(**{**QUICK, **fields})
    image = (100 + 50 * gaussian_filter(rng.normal(size=shape), 2) + rng.normal(0, 5, shape)).clip(0)
    image = image.astype(np.uint8 if axes.endswith("s") else np.uint16)
    result, expected = restored(recipe, image, axes, tmp_path), whole(recipe, image, axes)
    stored = read(tmp_path / "out.zarr").axes
    assert result.dtype == expected.dtype
    difference = np.abs(result - expected.transpose([axes.index(axis) for axis in stored]).astype(float))
    assert difference.max() <= (1 if result.dtype == np.uint8 else 0.1)


def test_a_mask_is_cut_with_the_image(blobs: np.ndarray, rng: np.random.Generator, tmp_path: Path) -> None:
    missing = rng.random(blobs.shape) < 0.3
    recipe = Recipe(job="restore", degradation={"name": "mask", "mask": missing}, noise={"sigma": 0.05}, solver=LOCAL, tile=64)
    image = np.where(missing, np.nan, blobs).astype(np.float32)
    result = restored(recipe, image, "yx", tmp_path)
    np.testing.assert_allclose(result, whole(recipe, image, "yx"), atol=5e-3)
    assert np.isfinite(result).all()


def test_the_result_lies_where_its_pixels_come_from(tmp_path: Path, rng: np.random.Generator) -> None:
    recipe = Recipe(**QUICK | {"degradation": {"name": "downsample", "factor": 2}})
    picture = rng.random((2, 70, 40)).astype(np.float32)
    write(tmp_path / "in.zarr", picture, "cyx", (1, 0.4, 0.4), "micrometer", channels=("a", "b"), origin=(0, 10, 20))
    list(run_file(recipe, tmp_path / "in.zarr", tmp_path / "out.zarr"))
    result = read(tmp_path / "out.zarr")
    assert (result.spacing, result.unit, result.channels) == ((1, 0.2, 0.2), "micrometer", ("a", "b"))
    np.testing.assert_allclose(result.origin, (0, 9.9, 19.9))
    assert result.metadata["recipe"]["solver"]["name"] == "tikhonov"
    assert len(result.metadata["noise_levels"]) == 2


def test_range_and_noise_level_of_a_large_image_are_found_on_samples(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_tweedie.large.patches.WHOLE", 2**20)
    y, x = np.mgrid[:2200, :600]
    ramp = 100 * np.sin(x / 40) + 0.2 * y
    write(tmp_path / "in.zarr", (1000 + ramp + rng.normal(0, 7, ramp.shape)).astype(np.float32), "yx")
    work = ChunkedRun.start(Recipe(**QUICK), tmp_path / "in.zarr", tmp_path / "out.part.zarr", "0.5")
    channel = work.channels[0]
    assert channel.sigma == pytest.approx(7, rel=0.05)
    assert channel.intensity.offset == pytest.approx(890, abs=40)
    assert channel.intensity.scale == pytest.approx(640, rel=0.1)
    again = ChunkedRun.resume(Recipe(**QUICK), tmp_path / "in.zarr", tmp_path / "out.part.zarr")
    assert again.channels == work.channels
    assert again.regions == work.regions


KILL = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
from napari_tweedie.large.run_file import run_file
from napari_tweedie.recipe import Recipe

source, target, recipe = Path(sys.argv[1]), Path(sys.argv[2]), Recipe.model_validate_json(sys.argv[3])
torch.set_num_threads(1)
part, rng = target.with_name("out.part.zarr"), random.Random(0)

def chunks(folder):
    files = [path for path in folder.rglob("c/**/*") if path.is_file() and path.suffix != ".partial"]
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}

finished, killed = {}, 0
for number in range(10):
    before = len(chunks(part))
    child = os.fork()
    if child == 0:
        list(run_file(recipe, source, target))
        os._exit(0)
    while number > 1 and len(chunks(part)) == before:
        time.sleep(0.02)
    time.sleep(rng.uniform(0, 0.5 if number < 2 else 0.1))
    os.kill(child, signal.SIGKILL)
    killed += os.waitpid(child, 0)[1] == signal.SIGKILL
    found = chunks(part)
    assert found.items() >= finished.items(), "a finished chunk was written again"
    finished = found
before_last = len(finished)
list(run_file(recipe, source, target))
found = chunks(target)
assert found.items() >= finished.items(), "a finished chunk was written again"
print(json.dumps([killed, before_last, len(found)]))
"""


def test_ten_kills_leave_no_trace(rng: np.random.Generator, tmp_path: Path) -> None:
    """Killed at random moments and started again, a run computes no finished chunk twice and gives the same bits."""
    write(tmp_path / "in.zarr", rng.random((448, 320)).astype(np.float32), "yx")
    recipe = Recipe(**QUICK)
    arguments = [tmp_path / "in.zarr", tmp_path / "out.zarr", recipe.model_dump_json()]
    ended = subprocess.run([sys.executable, "-c", KILL, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    killed, before_last, chunks = json.loads(ended.stdout)
    assert killed == 10
    assert 0 < before_last < chunks
    list(run_file(recipe, tmp_path / "in.zarr", tmp_path / "reference.zarr"))
    np.testing.assert_array_equal(read(tmp_path / "out.zarr").data[...], read(tmp_path / "reference.zarr").data[...])
    assert not list(tmp_path.rglob("*.partial"))


def test_values_that_are_not_finite_are_empty_in_the_result_and_told(rng: np.random.Generator, tmp_path: Path) -> None:
    stack = rng.random((3, 200, 180)).astype(np.float32)
    stack[1, 150, 130] = np.nan
    stack[2] = np.inf
    write(tmp_path / "in.zarr", stack, "tyx")
    recipe = Recipe(**QUICK | {"noise": {"sigma": 0.1}})
    facts = last(run_file(recipe, tmp_path / "in.zarr", tmp_path / "out.zarr"))
    result = read(tmp_path / "out.zarr")
    np.testing.assert_array_equal(np.isnan(result.data[...]), ~np.isfinite(stack))
    told = ["36001 pixels are missing (not finite, or masked), and empty in the result."]
    assert facts["notes"] == result.metadata["notes"] == told
    np.testing.assert_allclose(result.data[...], whole(recipe, stack, "tyx"), atol=2e-3)


def test_display_limits_are_grey_levels(rng: np.random.Generator, tmp_path: Path) -> None:
    """Also where photon noise was made the same everywhere before it was removed."""
    photons = 50 + 30 * np.sin(np.arange(96) / 9) * np.ones((96, 1))
    write(tmp_path / "in.zarr", (100 + 2 * rng.poisson(photons))[None].astype(np.uint16), "cyx", channels=("cells",))
    noise = {"name": "poisson", "gain": 2.0, "offset": 100.0, "read_noise": 0.0}
    work = ChunkedRun.start(Recipe(noise=noise), tmp_path / "in.zarr", tmp_path / "out.part.zarr", "0.5")
    attributes = json.loads((work.part / "zarr.json").read_text())["attributes"]
    window = attributes["ome"]["omero"]["channels"][0]["window"]
    assert window["start"] == pytest.approx(100 + 2 * (20 - 3 * 20**0.5), abs=15)
    assert window["end"] == pytest.approx(100 + 2 * (80 + 3 * 80**0.5), abs=15)


@pytest.fixture
def image(tmp_path: Path, rng: np.random.Generator) -> Path:
    write(tmp_path / "in.zarr", rng.random((128, 192)).astype(np.float32), "yx")
    return tmp_path / "in.zarr"


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file grow beyond 8 kB, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_stops_the_run_and_keeps_what_is_done(image: Path, small_files: None) -> None:
    target, recipe = image.parent / "out.zarr", Recipe(**QUICK)
    steps = run_file(recipe, image, target)
    next(steps)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    with pytest.raises(OSError, match=r"kept in .*out\.part\.zarr: run the same again"):
        list(steps)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    shares = [step.share for step in run_file(recipe, image, target)]
    assert len(shares) == 5
    assert shares[-1] == 1


def test_an_unreadable_chunk_is_named_and_what_is_done_is_kept(image: Path) -> None:
    array = ome_zarr_writing.level(image, 0)
    (chunk,) = (image / "0" / "c").rglob("0/0")
    good = chunk.read_bytes()
    steps = run_file(Recipe(**QUICK), image, image.parent / "out.zarr")
    next(steps)
    chunk.write_bytes(good[:100])
    with pytest.raises(OSError, match=r"in\.zarr cannot be read at y 0 to 104, x 24 to 168.*run the same again"):
        list(steps)
    chunk.write_bytes(good)
    assert len(list(run_file(Recipe(**QUICK), image, image.parent / "out.zarr"))) == 5
    assert array.shape == (128, 192)


def test_a_run_that_was_cut_off_says_the_same_as_one_that_was_not(tmp_path: Path, rng: np.random.Generator) -> None:
    """Also of what only regions before the cut have told, and where nothing was left to do but to finish."""
    pixels = rng.random((128, 192)).astype(np.float32)
    pixels[:10, :10] = np.nan
    write(tmp_path / "in.zarr", pixels, "yx")
    recipe, told = Recipe(**QUICK | {"noise": {"sigma": 0.1}}), {}
    last(run_file(recipe, tmp_path / "in.zarr", tmp_path / "whole.zarr"))
    for name, steps in (("begun", 3), ("all but done", 6)):
        run = run_file(recipe, tmp_path / "in.zarr", tmp_path / f"{name}.zarr")
        for _ in range(steps):
            next(run)
        run.close()
        last(run_file(recipe, tmp_path / "in.zarr", tmp_path / f"{name}.zarr"))
    for name in ("whole", "begun", "all but done"):
        said = (tmp_path / f"{name}.zarr" / "zarr.json").read_text()
        told[name] = re.sub(r'"(run|seconds)": ("[^"]*"|[0-9.]+)', "", said)
    assert "100 pixels are missing" in told["whole"]
    assert '"device": "cpu"' in told["whole"]
    assert told["begun"] == told["all but done"] == told["whole"]


def test_a_region_whose_worker_died_before_it_told_of_it_is_told_of_alike(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.random((64, 64)).astype(np.float32)
    pixels[:10, :10] = np.nan
    write(tmp_path / "in.zarr", pixels, "yx")
    recipe = Recipe(**QUICK | {"noise": {"sigma": 0.1}})
    work = ChunkedRun.start(recipe, tmp_path / "in.zarr", tmp_path / "out.part.zarr", "0.5")
    region = (slice(0, 64), slice(0, 64))
    first = work.do(0, region)
    assert first.missing == 100
    assert work.do(0, region) == first


def test_cancelling_keeps_what_is_done(image: Path) -> None:
    asked: list[None] = []
    steps = run_file(Recipe(**QUICK), image, image.parent / "out.zarr", cancelled=lambda: len(asked) == 2)
    with pytest.raises(Cancelled):
        asked.extend(None for _ in steps)
    assert len(list(run_file(Recipe(**QUICK), image, image.parent / "out.zarr"))) == 4


def test_cancelling_within_a_region_leaves_nothing_of_it(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_tweedie.denoisers.unet.STRIP", 32)
    recipe = Recipe(denoiser="unet-small", noise={"sigma": 0.1}, tile=64)
    steps = run_file(recipe, image, tmp_path / "out.zarr", cancelled=lambda: cancels and (asked.append(None) or len(asked) > 5))
    asked: list[None] = []
    cancels = False
    next(steps)
    cancels = True
    with pytest.raises(Cancelled):
        next(steps)
    assert len(asked) == 6
    files = [path for path in (tmp_path / "out.part.zarr").rglob("c/**/*") if path.is_file()]
    assert len(files) == 1
    assert len(list(run_file(recipe, image, tmp_path / "out.zarr"))) == 5
    list(run_file(recipe, image, tmp_path / "reference.zarr"))
    np.testing.assert_array_equal(read(tmp_path / "out.zarr").data[...], read(tmp_path / "reference.zarr").data[...])


def test_coarser_levels_are_made_of_finer_ones(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path / "in.zarr", rng.random((2100, 64)).astype(np.float32), "yx")
    (*_, last_step) = run_file(Recipe(**QUICK), tmp_path / "in.zarr", tmp_path / "out.zarr")
    fine, half, quarter = (level[...] for level in ome_zarr_writing.levels(tmp_path / "out.zarr"))
    np.testing.assert_allclose(half, fine.reshape(1050, 2, 32, 2).mean((1, 3)), rtol=1e-5)
    np.testing.assert_allclose(quarter, half.reshape(525, 2, 16, 2).mean((1, 3)), rtol=1e-5)
    assert last_step.share == 1


def test_another_run_is_not_gone_on_with(image: Path) -> None:
    target = image.parent / "out.zarr"
    next(run_file(Recipe(**QUICK), image, target))
    with pytest.raises(ValueError, match="unfinished run with another recipe: remove it"):
        list(run_file(Recipe(**QUICK | {"seed": 1}), image, target))
    list(run_file(Recipe(**QUICK), image, target))
    with pytest.raises(FileExistsError, match="choose another name"):
        list(run_file(Recipe(**QUICK), image, target))


def test_a_run_goes_on_in_the_precision_that_it_began_with(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, target = Recipe(denoiser="unet-small", tile=64, device="cpu"), image.parent / "out.zarr"
    for precision in (torch.bfloat16, torch.float32):  # what is measured on a busy machine may differ from time to time
        monkeypatch.setattr("napari_tweedie.core.device.fastest_precision", lambda device, its=precision: its)
        if precision is torch.bfloat16:
            list(run_file(recipe, image, image.parent / "expected.zarr"))
            next(run_file(recipe, image, target))
    list(run_file(recipe, image, target))
    expected = read(image.parent / "expected.zarr")
    np.testing.assert_array_equal(fetched(read(target).data), fetched(expected.data))
    assert read(target).metadata["denoiser"] == expected.metadata["denoiser"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"job": "degrade"}, "not done region by region"),
        ({"job": "restore", "degradation": {"name": "fourier-mask"}}, "restored as a whole"),
    ],
)
def test_what_cannot_be_done_region_by_region_is_refused(image: Path, fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(run_file(Recipe(**fields), image, image.parent / "out.zarr"))
    assert sorted(path.name for path in image.parent.iterdir()) == ["in.zarr"]


def test_a_shard_holds_64_chunks_in_a_file_and_a_run_that_lost_some_is_gone_on_with_to_the_same_bits(
    blobs: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_tweedie.images.chunks.SHARD", 64)
    write(tmp_path / "in.zarr", blobs.astype(np.float32), "yx")
    list(run_file(Recipe(**QUICK), tmp_path / "in.zarr", tmp_path / "whole.zarr"))
    finest = read(tmp_path / "whole.zarr").data
    files = [path for path in (tmp_path / "whole.zarr" / "0").rglob("c/*/*") if path.is_file()]
    assert (finest.shards, finest.chunks) == ((64, 64), (8, 8))
    assert len(files) == 4 * 3

    steps = run_file(Recipe(**QUICK), tmp_path / "in.zarr", tmp_path / "out.zarr")
    for _ in range(5):
        next(steps)
    steps.close()
    part = tmp_path / "out.part.zarr"
    assert sum(1 for path in (part / "0").rglob("c/*/*") if path.is_file()) == 5
    list(run_file(Recipe(**QUICK), tmp_path / "in.zarr", tmp_path / "out.zarr"))
    for path in files:
        assert path.read_bytes() == (tmp_path / "out.zarr" / path.relative_to(tmp_path / "whole.zarr")).read_bytes()
