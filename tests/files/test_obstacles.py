"""Does a run that cannot write end in a sentence, with what is finished kept and nothing half-written left?"""

import csv
import errno
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from napari_tweedie.cli import main
from napari_tweedie.engine import last
from napari_tweedie.engine.learning import Source
from napari_tweedie.engine.learning_session import Session
from napari_tweedie.files.batch import run_batch
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images.claim import claimed
from napari_tweedie.images.files import read, write
from napari_tweedie.recipe import Recipe
from napari_tweedie.training.learning import Learning

RECIPE = Recipe(denoiser="tikhonov")


@pytest.fixture
def image(tmp_path: Path, rng: np.random.Generator) -> Path:
    write(tmp_path / "in.tif", rng.normal(100, 10, (24, 24)).astype(np.float32), "yx")
    return tmp_path / "in.tif"


def full(*arguments: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("name", "writes"),
    [("out.tif", "tifffile.imwrite"), ("out.nii", "nibabel.save"), ("out.zarr", "napari_tweedie.images.ome_zarr_writing.create")],
)
def test_a_full_disk_is_named_and_leaves_nothing_half_written(
    name: str, writes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, full)
    with pytest.raises(OSError, match=rf"{name} cannot be written: No space left on device") as told:
        write(tmp_path / name, np.zeros((3, 8, 8), np.float32), "zyx")
    assert told.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


def test_a_result_that_was_there_outlives_a_full_disk(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = image.with_name("out.tif")
    last(run_to_file(RECIPE, image, target))
    before = target.read_bytes()
    monkeypatch.setattr("tifffile.imwrite", full)
    with pytest.raises(OSError, match="cannot be written: No space left"):
        last(run_to_file(RECIPE, image, target))
    assert target.read_bytes() == before
    assert sorted(path.name for path in image.parent.iterdir()) == ["in.tif", "out.tif"]


def test_a_batch_ends_at_a_full_disk_and_goes_on_later(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "second.tif", read(image).data, "yx")
    images, folder = [image, tmp_path / "second.tif"], tmp_path / "results"
    steps = run_batch(images, {"a": RECIPE}, folder)
    while not (folder / "in_a.tif").exists():
        next(steps)
    with monkeypatch.context() as patch:
        patch.setattr("tifffile.imwrite", full)
        with pytest.raises(OSError, match=r"No space left on device; what is finished is kept in .*results: run the same again"):
            list(steps)
    outcomes = last(run_batch(images, {"a": RECIPE}, folder))
    assert [outcome.status for outcome in outcomes] == ["kept", "done"]
    with (folder / "summary.csv").open() as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["kept", "done"]


def test_a_folder_that_cannot_be_made_is_named(image: Path) -> None:
    with pytest.raises(OSError, match=r"in.tif/results cannot be written: Not a directory: choose another folder"):
        list(run_batch([image], {"a": RECIPE}, image / "results"))


@pytest.mark.parametrize(
    "line",
    [
        "denoise in.tif none/out.tif", "restore in.tif none/out.zarr", "sample in.tif none/out.nii",
        "measure in.tif in.tif none/out.csv",
        "inspect in.tif score --result none/out.tif", "psf in.tif none/out.tif", "pack none/out.zip --photographs .",
        "measure in.tif in.tif .", "inspect in.tif score --result in.png",
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_written_is_named_before_the_work(line: str, image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*arguments: object, **options: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.chdir(image.parent)
    monkeypatch.setattr(import_module("napari_tweedie.engine.single_run").SingleRun, "steps", work)
    monkeypatch.setattr("sys.argv", ["napari-tweedie", *line.split()])
    with pytest.raises(SystemExit, match=r"there is no folder|is a folder|images are written as"):
        main()
    assert [path.name for path in image.parent.iterdir()] == ["in.tif"]


def test_weights_that_another_session_is_learning_are_not_learnt_twice(tmp_path: Path, rng: np.random.Generator) -> None:
    source = Source(rng.normal(100, 10, (32, 32)).astype(np.float32), Recipe(), None, "a")
    session = Session([source], Learning(start="unet-small", steps=1), tmp_path / "new" / "a.safetensors", device="cpu")
    (tmp_path / "new").mkdir()
    with claimed(session.path), pytest.raises(FileExistsError, match=r"a.safetensors is being written by another run"):
        next(session.states())


@pytest.mark.parametrize(
    "recipe",
    [Recipe(job="calibrate", noise={"name": "gaussian", "sigma": 5.0}), Recipe(job="measure", regions={"lines": [[1, 1, 5, 5]]})],
)
def test_a_job_without_an_image_is_refused_where_a_file_is_to_be_written(recipe: Recipe, tmp_path: Path) -> None:
    write(tmp_path / "in.tif", np.zeros((16, 16), np.float32), "yx")
    with pytest.raises(ValueError, match="makes no image that could be written"):
        list(run_to_file(recipe, tmp_path / "in.tif", tmp_path / "out.tif"))
