"""Notebooks of the examples: they run as they are, and find what they say."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of the kernel's own libraries


def test_the_segmentation_notebook_runs_and_denoising_raises_its_score() -> None:
    notebook = nbformat.read(FOLDER / "segmentation.ipynb", 4)
    NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(FOLDER)}}).execute()
    told = [output["data"]["text/plain"] for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
    error, score, table = (ast.literal_eval(text) for text in told if text.startswith("{"))
    assert error["clean"] < 0.4 * error["noisy"]
    assert score["clean"] > 0.85
    assert score["clean"] > score["noisy"] + 0.2
    assert set(table) == {"label", "area", "intensity_mean"}


def test_every_notebook_is_tested() -> None:
    assert [path.stem for path in FOLDER.glob("*.ipynb")] == ["segmentation"]
