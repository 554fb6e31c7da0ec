import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer

from napari_tweedie.engine import Progress
from napari_tweedie.images.files import read, write
from napari_tweedie.recipe import Recipe
from napari_tweedie.widgets.docks.batch import Batch
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.layers.input import METADATA
from napari_tweedie.widgets.runs.run import PAUSES

Press = Callable[[Panel], str]
SHARP = Recipe(job="restore", degradation={"name": "gaussian-blur", "std": 0.8}, solver={"name": "tikhonov", "weight": 0.05})


@pytest.fixture
def images(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder of two images and a file that is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "c"):
        write(folder / f"{name}.tif", rng.random((40, 48)).astype(np.float32), "yx")
    (folder / "b.tif").write_text("not an image")
    return folder


@pytest.fixture
def dock(viewer: Viewer, images: Path, tmp_path: Path) -> Batch:
    """The dock with two recipes, one of a result that is open and one of a file."""
    dock = Batch(viewer)
    viewer.window.add_dock_widget(dock, name="Batch")
    assert "folder of images" in dock.bar.run.toolTip()
    dock.images.text.setText(str(images))
    assert "Add a recipe" in dock.bar.run.toolTip()
    made = {"recipe": SHARP.model_copy(update={"axes": "zyx"}).model_dump(mode="json")}
    viewer.add_image(np.zeros((4, 4)), name="cells · sharp & clear", metadata={METADATA: made})
    dock.recipes.add_layers()
    (tmp_path / "smooth.json").write_text(Recipe(denoiser="tikhonov", noise={"sigma": 0.1}).model_dump_json())
    dock.recipes.add_file(tmp_path / "smooth.json")
    return dock


def rows(dock: Batch) -> list[list[str]]:
    table = dock.table
    return [[table.item(row, place).text() for place in range(3)] for row in range(table.rowCount())]


def test_every_file_meets_every_recipe_and_a_bad_one_is_told_of(dock: Batch, images: Path, press: Press, viewer: Viewer) -> None:
    assert dock.folder.path() == images / "results"
    assert press(dock) == f"4 of 6 results are in {images / 'results'}; 2 failed, see summary.csv there."  # type: ignore[arg-type]
    found = rows(dock)
    assert [row[:2] for row in found] == [[f"{file}.tif", name] for file in "abc" for name in ("sharp-clear", "smooth")]
    assert [row[2].split(" ")[0] for row in found] == ["done", "done", "failed:", "failed:", "done", "done"]
    with (images / "results" / "summary.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["status"] for row in table] == ["done", "done", "failed", "failed", "done", "done"]
    assert found[2][2] == f"failed: {table[2]['why']}"
    result = read(images / "results" / "c_smooth.tif")
    assert result.data.shape == (40, 48)
    assert result.metadata["recipe"]["denoiser"]["name"] == "tikhonov"
    assert read(images / "results" / "a_sharp-clear.tif").metadata["recipe"]["axes"] == "yx"
    assert press(dock).startswith("4 of 6")  # type: ignore[arg-type]
    assert [row[2].split(":")[0] for row in rows(dock)] == ["kept", "kept", "failed", "failed", "kept", "kept"]
    assert [layer.name for layer in viewer.layers] == ["cells · sharp & clear"]


def test_a_pattern_chooses_files_and_the_format_is_followed(dock: Batch, images: Path, press: Press) -> None:
    dock.images.text.setText(str(images / "[ac].tif"))
    assert dock.folder.path() == images / "results"
    dock.folder.set_path(images / "zarr")
    dock.format.setCurrentIndex(1)
    assert press(dock) == f"4 of 4 results are in {images / 'zarr'}."  # type: ignore[arg-type]
    assert read(images / "zarr" / "a_smooth.zarr").data.shape == (40, 48)
    dock.images.text.setText(str(images / "nothing"))
    assert "no images" in press(dock)  # type: ignore[arg-type]


def test_a_cancelled_batch_keeps_what_is_done_and_goes_on(
    dock: Batch, images: Path, finish: Press, press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = dock._show_outcomes

    def cancel_after_one(outcomes: list[object]) -> None:
        honest(outcomes)  # type: ignore[arg-type]
        if outcomes and dock._run is not None:
            dock.bar.run.click()

    monkeypatch.setattr(dock, "_show_outcomes", cancel_after_one)
    monkeypatch.setitem(PAUSES, Progress, 0)
    dock.run()
    told = finish(dock)  # type: ignore[arg-type]
    assert told.startswith("Cancelled after ")
    done = len(list((images / "results").glob("*.tif")))
    assert 1 <= done < 4
    monkeypatch.setattr(dock, "_show_outcomes", honest)
    assert press(dock).startswith("4 of 6")  # type: ignore[arg-type]
    assert [row[2].startswith("kept") for row in rows(dock)].count(True) == done


def test_arrays_come_from_open_layers(dock: Batch, viewer: Viewer, press: Press, images: Path) -> None:
    dock.recipes.list.selectAll()
    for row in (1, 0):
        dock.recipes.list.setCurrentRow(row)
        dock.recipes.remove.click()
    viewer.layers.clear()
    blur = {"name": "psf-blur", "psf": {"name": "beads"}}
    recipe = Recipe(job="restore", degradation=blur, solver={"name": "tikhonov", "weight": 0.05})
    layer = viewer.add_image(np.zeros((4, 4)), name="x · sharp", metadata={METADATA: {"recipe": recipe.model_dump(mode="json")}})
    viewer.layers.selection = {layer}
    dock.recipes.from_layers.click()
    assert "needs the layer 'beads'" in press(dock)  # type: ignore[arg-type]
    viewer.add_image(np.ones((3, 3), np.float32), name="beads")
    assert press(dock).startswith("2 of 3")  # type: ignore[arg-type]
    assert read(images / "results" / "a_sharp.tif").metadata["recipe"]["degradation"]["psf"]["name"] == "beads"


def test_what_is_no_recipe_is_said(dock: Batch, viewer: Viewer, tmp_path: Path) -> None:
    before = dock.recipes.list.count()
    (tmp_path / "wrong.json").write_text('{"seed": -1}')
    dock.recipes.add_file(tmp_path / "wrong.json")
    assert "seed" in dock.bar.status.toolTip()
    dock.recipes.add_file(tmp_path / "missing.json")
    assert "missing.json" in dock.bar.status.toolTip()
    viewer.layers.selection.clear()
    dock.recipes.add_layers()
    assert "No result is selected" in dock.bar.status.toolTip()
    assert dock.recipes.list.count() == before
