import contextlib
import csv
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_tweedie.cli import app, main
from napari_tweedie.engine import last
from napari_tweedie.files.batch import run_batch
from napari_tweedie.images.chunks import Region
from napari_tweedie.images.files import read, write
from napari_tweedie.large.chunked_run import ChunkedRun
from napari_tweedie.recipe import Recipe
from napari_tweedie.recipe.provenance import stored_recipe


@pytest.fixture
def image(tmp_path: Path, scene: np.ndarray, rng: np.random.Generator) -> Path:
    path = tmp_path / "cells.tif"
    write(path, (1000 + 300 * scene + rng.normal(0, 20, scene.shape)).astype(np.uint16), "yx", (0.2, 0.1), "micrometer")
    return path


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def failure(*arguments: object) -> str:
    """What a user sees in the terminal when the program refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["napari-tweedie", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, str)
    return ended.value.code


def test_list_shows_every_method_with_its_parameters() -> None:
    shown = call("list")
    for word in ("unet", "gaussian-blur", "hqs", "std", "iterations", "1.6"):
        assert word in shown


def test_denoise_keeps_axes_pixel_size_and_recipe(image: Path, tmp_path: Path, scene: np.ndarray) -> None:
    call("denoise", image, tmp_path / "out.tif")
    result = read(tmp_path / "out.tif")
    assert (result.axes, result.spacing, result.unit) == ("yx", (0.2, 0.1), "micrometer")
    assert np.std(result.data - 1000 - 300 * scene) < 12
    assert result.metadata["recipe"]["job"] == "denoise"
    assert result.metadata["noise_levels"] == pytest.approx([20], rel=0.15)


def test_degrade_then_restore_then_run_again(image: Path, tmp_path: Path) -> None:
    small, large, again = (tmp_path / name for name in ("small.tif", "large.tif", "again.tif"))
    call("degrade", image, small, "--degradation", "downsample", "--set", "degradation.factor=4", "--sigma", 2)
    assert read(small).data.shape == (16, 24)
    assert read(small).spacing == (0.8, 0.4)
    call("restore", small, large, "--degradation", "downsample", "--set", "degradation.factor=4", "--set", "solver.iterations=3")
    assert read(large).data.shape == (64, 96)
    assert read(large).spacing == (0.2, 0.1)
    call("run", large, small, again)
    np.testing.assert_array_equal(read(again).data, read(large).data)


def test_a_recipe_may_be_json(image: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"job": "restore", "degradation": {"name": "gaussian-blur", "std": 1.0}, "solver": "wiener"}))
    call("run", recipe, image, tmp_path / "out.tif")
    assert read(tmp_path / "out.tif").metadata["recipe"]["solver"]["name"] == "wiener"


def test_arrays_come_from_files(image: Path, tmp_path: Path, scene: np.ndarray) -> None:
    mask, psf = tmp_path / "mask.tif", tmp_path / "psf.tif"
    write(mask, (np.indices(scene.shape).sum(0) % 3 == 0).astype(np.uint8), "yx")
    write(psf, np.ones((3, 3), np.float32), "yx")
    call("restore", image, tmp_path / "filled.tif", "--degradation", "mask", "--mask", mask, "--sigma", 20)
    call("restore", image, tmp_path / "sharp.tif", "--degradation", "psf-blur", "--psf", psf)
    filled, sharp = (read(tmp_path / name).metadata["recipe"] for name in ("filled.tif", "sharp.tif"))
    assert (filled["solver"]["name"], sharp["solver"]["name"]) == ("pnp-admm", "hqs")
    assert len(sharp["degradation"]["psf"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("denoise", "none.tif", "out.tif"), "none.tif"),
        (("denoise", "IMAGE", "IMAGE"), "is the image itself"),
        (("denoise", "IMAGE", "out.tif", "--set", "denoiser=bm4d"), "no denoiser is called 'bm4d'"),
        (("denoise", "IMAGE", "out.tif", "--set", "noise"), "write part.field=value"),
        (("denoise", "IMAGE", "out.tif", "--set", "paint.colour=red"), "paint is not one of"),
        (("restore", "IMAGE", "out.tif", "--set", "solver.iterations=0"), "should be greater than or equal to 1 (got 0)"),
        (("restore", "IMAGE", "out.tif", "--degradation", "radon", "--solver", "pnp-pgd"), "thousands of steps"),
        (("restore", "IMAGE", "out.tif", "--degradation", "psf-blur"), "needs its psf: add --psf FILE"),
        (("denoise", "none.tif", "nowhere/out.tif"), "there is no folder"),
        (
            ("denoise", "IMAGE", "out.tif", "--set", "noise=5", "--set", "noise.sigma=1"),
            "the noise is 5, which has no",
        ),
        (("denoise", "IMAGE", "out.tif", "--set", "job=sample"), "the command says the job"),
        (("calibrate", "IMAGE", "--sigma", "1", "--set", "job=denoise"), "the command says the job"),
        (("denoise", "IMAGE", "out.tif", "--camera", "IMAGE", "--sigma", "3"), "give one of them"),
        (("calibrate", "IMAGE", "--sigma", "0", "--denoiser", "tikhonov"), "give a noise level above 0"),
        (("run", "none.json", "IMAGE", "out.tif"), "there is no file none.json"),
        (("train", "IMAGE", "--synthetic", "1"), "choose another folder"),
        (("measure", "IMAGE", "IMAGE", "out.tif"), "must end in .csv"),
        (("measure", "IMAGE", "IMAGE", "IMAGE"), "is one of the files that are read"),
        (("pack", "IMAGE", "--photographs", "FOLDER"), "must end in .zip"),
        (("restore", "IMAGE", "out.tif", "--set", "degradation=null", "--psf", "IMAGE"), "the degradation is null, which has no"),
        (("denoise", "none.tif", "out.jpg"), "must end in .tif or .tiff, or in .zarr"),
        (("denoise", "none.tif", "out"), "must end in .tif or .tiff, or in .zarr"),
        (("restore", "IMAGE", "out.tif", "--degradation", "blurr"), "gaussian-blur"),
        (("run", "IMAGE", "IMAGE", "out.tif"), "holds no recipe"),
    ],
)
def test_refusals_are_one_line(arguments: tuple[str, ...], message: str, image: Path) -> None:
    paths = {"IMAGE": image, "out.tif": image.parent / "out.tif", "FOLDER": image.parent}
    said = failure(*(paths.get(argument, argument) for argument in arguments))
    assert message in said
    assert "\n" not in said


def test_the_version_is_told() -> None:
    assert call("--version").strip() == version("napari-tweedie")


def test_what_is_chosen_is_told_when_asked_for(image: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    arguments = ("restore", image, tmp_path / "out.tif", "--set", "solver.iterations=1", "--set", "denoiser=gaussian")
    call("-v", *arguments)
    said = caplog.text
    assert "solver {'name': 'hqs'" in said
    assert "'iterations': 1," in said
    assert "device cpu, tiles of" in said


def test_main_is_the_console_script() -> None:
    from importlib.metadata import entry_points

    assert next(iter(entry_points(group="console_scripts", name="napari-tweedie"))).load() is main


def test_an_ome_zarr_is_done_region_by_region(image: Path, tmp_path: Path) -> None:
    call("denoise", image, tmp_path / "out.tif", "--set", "denoiser.precision=float32")
    call("denoise", image, tmp_path / "out.zarr", "--set", "denoiser.precision=float32", "--set", "tile=64")
    whole, regions = read(tmp_path / "out.tif"), read(tmp_path / "out.zarr")
    assert regions.data.chunks == (64, 64)
    assert (regions.spacing, regions.unit) == (whole.spacing, whole.unit)
    assert np.abs(regions.data[...] - whole.data).max() < 1e-3 * 20


def test_a_run_that_was_interrupted_says_how_to_go_on(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = "denoise", image, tmp_path / "out.zarr", "--denoiser", "unet-small", "--set", "tile=64"
    do, done = ChunkedRun.do, []

    def interrupted(self: ChunkedRun, level: int, region: Region) -> str:
        if done:
            raise KeyboardInterrupt
        done.append(region)
        return do(self, level, region)

    with monkeypatch.context() as patched:
        patched.setattr(ChunkedRun, "do", interrupted)
        stopped = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert stopped.exit_code != 0
    assert f"kept in {tmp_path / 'out.part.zarr'}: run the same again" in " ".join(stopped.output.split())
    call(*arguments)
    assert read(tmp_path / "out.zarr").metadata["recipe"]["denoiser"]["name"] == "unet-small"


def test_jobs_that_need_the_whole_image_write_ome_zarr_too(image: Path, tmp_path: Path) -> None:
    call("degrade", image, tmp_path / "out.zarr", "--degradation", "downsample", "--sigma", 2)
    result = read(tmp_path / "out.zarr")
    assert (result.data.shape, result.spacing) == ((32, 48), (0.4, 0.2))
    np.testing.assert_allclose(result.origin, (0.1, 0.05))


def test_a_cluster_is_for_ome_zarr(image: Path, tmp_path: Path) -> None:
    assert "must end in .zarr" in failure("denoise", image, tmp_path / "out.tif", "--scheduler", "tcp://localhost:1")


def test_a_batch_goes_on_where_one_fails_and_tells_why(image: Path, tmp_path: Path) -> None:
    (image.parent / "notes.tif").write_text("milk")
    for solver in ("wiener", "richardson-lucy"):
        recipe = {"job": "restore", "degradation": "gaussian-blur", "solver": solver}
        (tmp_path / f"{solver}.json").write_text(json.dumps(recipe))
    recipes = [tmp_path / "wiener.json", tmp_path / "richardson-lucy.json"]
    ended = CliRunner().invoke(app, ["batch", str(image.parent), str(tmp_path / "out"), *map(str, recipes)])
    assert ended.exit_code == 1
    assert "2 of 4 done" in ended.output
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(Path(row["file"]).name, row["recipe"], row["status"]) for row in rows] == [
        ("cells.tif", "wiener", "done"), ("cells.tif", "richardson-lucy", "done"),
        ("notes.tif", "wiener", "failed"), ("notes.tif", "richardson-lucy", "failed"),
    ]  # fmt: skip
    assert "cannot be read as an image" in rows[2]["why"]
    assert read(rows[1]["output"]).metadata["recipe"]["solver"]["name"] == "richardson-lucy"


def test_a_batch_keeps_what_is_there(image: Path, tmp_path: Path) -> None:
    (tmp_path / "sharp.json").write_text(json.dumps({"job": "restore", "solver": "wiener"}))
    pattern = str(image.parent / "c*.tif")
    for expected in ("done", "kept"):
        call("batch", pattern, tmp_path / "out", tmp_path / "sharp.json", "--zarr")
        with (tmp_path / "out" / "summary.csv").open(newline="") as file:
            assert [row["status"] for row in csv.DictReader(file)] == [expected]


def test_the_noise_model_is_set_by_name(image: Path, tmp_path: Path) -> None:
    call(
        "denoise",
        image,
        tmp_path / "out.tif",
        "--set",
        "noise.name=poisson",
        "--set",
        "noise.gain=2",
        "--set",
        "noise.offset=900",
    )
    (noise,) = read(tmp_path / "out.tif").metadata["noise"]
    assert (noise["name"], noise["gain"], noise["offset"]) == ("poisson", 2, 900)
    assert noise["read_noise"] >= 0
    assert "grey levels per photon" in call("list").lower()


def test_samples_are_written_beside_their_mean(image: Path, tmp_path: Path) -> None:
    fast = ("--denoiser", "gaussian", "--samples", 2, "--sigma", 20, "--set", "interval.level=0.8")
    call("sample", image, tmp_path / "mean.tif", *fast)
    written = {path.name for path in tmp_path.glob("mean*.tif")}
    assert written == {"mean.tif", "mean_std.tif", "mean_lower 80 %.tif", "mean_upper 80 %.tif", "mean_samples.tif"}
    assert read(tmp_path / "mean_samples.tif").axes == "qyx"
    assert read(tmp_path / "mean_std.tif").metadata["recipe"]["sampler"]["name"] == "moment-matched"
    call("sample", image, tmp_path / "blurred.tif", *fast, "--degradation", "gaussian-blur")
    assert read(tmp_path / "blurred.tif").metadata["recipe"]["sampler"]["name"] == "split-gibbs"


def test_bands_are_written_beside_their_base(image: Path, tmp_path: Path) -> None:
    call("decompose", image, tmp_path / "base.tif", "--denoiser", "gaussian", "--levels", 2)
    parts = [read(tmp_path / name).data for name in ("base.tif", "base_band 1.tif", "base_band 2.tif")]
    np.testing.assert_allclose(sum(parts), read(image).data, atol=0.05)


@pytest.mark.slow
def test_an_inspection_is_printed_as_json(image: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.tif"
    write(small, read(image).data[:32, :32], "yx")
    result = subprocess.run(
        [sys.executable, "-m", "napari_tweedie.cli", "inspect", small, "ideal", "--denoiser", "gaussian", "--sigma", "20"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {found["name"] for found in json.loads(result.stdout)["properties"]} >= {"identity", "symmetry"}


def test_calibration_says_what_to_set(image: Path) -> None:
    said = call("calibrate", image, "--sigma", 20, "--denoiser", "gaussian", "--set", "sampler.samples=4")
    assert "% of the left half and" in " ".join(said.split())
    (options,) = [line for line in said.splitlines() if line.startswith("--set interval.factor=")]
    result = image.with_name("sampled.tif")
    call("sample", image, result, "--sigma", 20, "--denoiser", "gaussian", "--samples", 2, *options.split())
    interval = stored_recipe(result)["recipe"]["interval"]
    assert f"--set interval.factor={interval['factor']:.3f} --set interval.coverage={interval['coverage']:.3f}" == options
    assert "measured coverage" in said


def test_results_of_one_name_are_not_taken_for_each_other(image: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    other = tmp_path / "again" / image.name
    write(other, 2 * read(image).data, "yx")
    for folder in (tmp_path, tmp_path / "again"):
        (folder / "first.json").write_text('{"job": "outliers"}')
    twice = failure("batch", image, tmp_path / "results", tmp_path / "first.json", tmp_path / "again" / "first.json")
    assert "several recipes are called first" in twice
    found = [image, other]
    steps = run_batch(found, {"a": Recipe(job="outliers")}, tmp_path / "results")
    first, second = last(steps)
    assert (first.status, second.status) == ("done", "failed")
    assert f"would have the name of that of {image}" in second.why


@pytest.mark.parametrize(
    "words",
    [
        ["restore", "in.tif", "psf.tif", "--degradation", "psf-blur", "--psf", "psf.tif"],
        ["restore", "in.tif", "psf.tif", "--degradation", "mask", "--array", "mask=psf.tif"],
        ["sample", "out_std.tif", "out.tif", "--denoiser", "tikhonov", "--samples", "2"],
        ["denoise", "out_outliers.tif", "out.tif", "--denoiser", "tikhonov", "--outliers"],
        ["run", "psf.tif", "in.tif", "psf.tif"],
        ["inspect", "in.tif", "score", "--result", "in.tif"],
        ["psf", "in.tif", "in.tif"],
        ["camera", "psf.tif", "--dark", "in.tif", "--flat", "psf.tif"],
    ],
)
def test_what_is_read_is_never_replaced(words: list[str], image: Path) -> None:
    folder = image.parent
    image = image.rename(folder / "in.tif")
    write(folder / "psf.tif", read(image).data, "yx", metadata={"recipe": {"job": "outliers"}})
    for name in ("out_std.tif", "out_outliers.tif"):
        (folder / name).write_bytes(image.read_bytes())
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with contextlib.chdir(folder):
        assert "is one of the files that are read" in failure(*words)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("option", [["--scheduler", "tcp://127.0.0.1:9"], ["--slurm", "2"]])
def test_a_cluster_that_is_not_there_leaves_nothing_behind(option: list[str], image: Path, tmp_path: Path) -> None:
    dask = pytest.importorskip("dask")
    pytest.importorskip("dask_jobqueue")
    with dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}):
        assert "is not found" in (told := failure("denoise", image, tmp_path / "out.zarr", *option)) or "no scheduler" in told
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("out")]
