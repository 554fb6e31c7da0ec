"""The same job, said in a dock, on the command line, in Python and in a batch, is the same recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from pytestqt.qtbot import QtBot
from typer.testing import CliRunner

import napari_tweedie as nt
from napari_tweedie.cli import app
from napari_tweedie.engine import functions
from napari_tweedie.files import batch, run_to_file
from napari_tweedie.recipe import Recipe
from napari_tweedie.widgets.docks.decompose import Decompose
from napari_tweedie.widgets.docks.degrade import Degrade
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.posterior import Posterior
from napari_tweedie.widgets.docks.restore import Restore

pytestmark = pytest.mark.slow

DOCKS = {"denoise": Denoise, "restore": Restore, "sample": Posterior, "decompose": Decompose, "degrade": Degrade}
PLAIN = [
    name
    for name in nt.degradations.names()
    if nt.degradations.registry.method(name).components.__qualname__.startswith("Degradation.")
]
CASES = [("denoise", "identity"), ("decompose", "identity")]
CASES += [(job, name) for job in ("restore", "sample") for name in PLAIN if not Recipe(job=job, degradation=name).obstacle]
SIDE = 16


class Caught(Exception):  # noqa: N818 - no error: it brings a recipe
    def __init__(self, recipe: Recipe, inputs: dict[str, Any]) -> None:
        self.recipe = recipe.with_inputs(**inputs)


def catching(recipe: Recipe, *_: object, **inputs: Any) -> None:
    raise Caught(recipe, {name: value for name, value in inputs.items() if name in recipe.arrays()})


def arrays(degradation: str) -> dict[str, np.ndarray]:
    needed = nt.degradations.registry.method(degradation)
    marks = np.zeros((SIDE, SIDE), np.uint8)
    marks[3, 4] = 1
    return {name: marks for name in needed.inputs() if needed.needs(name)}


def said(recipe: Recipe) -> dict[str, Any]:
    """What determines the pixels: names of arrays do not."""
    dumped = recipe.model_dump(mode="json")
    for value in dumped["degradation"].values():
        if isinstance(value, dict):
            value.pop("name", None)
            value.pop("spacing", None)
    return dumped


def from_python(job: str, degradation: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(functions, "steps_of", catching)
    positional = [folder / "image.tif", *([degradation] if job in ("restore", "sample") else [])]
    with pytest.raises(Caught) as caught:
        getattr(nt, job)(*positional, **arrays(degradation))
    return caught.value.recipe


def from_command_line(job: str, degradation: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(run_to_file, "run", catching)
    words = [job, str(folder / "image.tif"), str(folder / "out.tif")]
    words += ["--degradation", degradation] if job in ("restore", "sample") else []
    for name in arrays(degradation):
        words += [f"--{name}", str(folder / "marks.tif")]
    with pytest.raises(Caught) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    return caught.value.recipe


def from_dock(job: str, degradation: str, qtbot: QtBot) -> Recipe:
    viewer = ViewerModel()
    image = viewer.add_layer(Image(np.zeros((SIDE, SIDE), np.float32), name="image"))
    marks = arrays(degradation)
    for name, array in marks.items():
        viewer.add_layer(Labels(array, name=name) if name == "mask" else Image(array, name=name))
    viewer.layers.selection.active = image
    dock = DOCKS[job](viewer)
    qtbot.addWidget(dock)
    dock.source.layer.set_value(image)
    if job in ("restore", "sample"):
        dock.choosers["degradation"].choose(degradation)
        for name in marks:
            dock.choosers["degradation"].form.editors[name].set(viewer.layers[name])
    return dock.recipe().with_inputs(**marks)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    nt.write(tmp_path / "image.tif", np.zeros((SIDE, SIDE), np.float32), "yx")
    nt.write(tmp_path / "marks.tif", arrays("mask")["mask"], "yx")
    return tmp_path


@pytest.mark.parametrize(("job", "degradation"), CASES)
def test_every_way_to_say_a_job_is_the_same_recipe(
    job: str, degradation: str, folder: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    python = from_python(job, degradation, folder, monkeypatch)
    assert said(from_command_line(job, degradation, folder, monkeypatch)) == said(python)
    assert said(from_dock(job, degradation, qtbot)) == said(python)
    monkeypatch.setattr(batch, "run_to_file", catching)
    stored = Recipe.model_validate_json(Recipe(job=job, degradation=degradation).model_dump_json())
    with pytest.raises(Caught) as caught:
        catching(stored.fitted(nt.read(folder / "image.tif")), **arrays(degradation))
    assert said(caught.value.recipe) == said(python)
