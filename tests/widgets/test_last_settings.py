"""Are the settings that are kept from one session to the next those of the user's taste, and is a broken file no obstacle?"""

from pathlib import Path

import numpy as np
import pytest

from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms import last_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "folder" / last_settings.FILE
    monkeypatch.setattr(last_settings, "place", lambda: path)
    return path


def test_what_is_kept_holds_no_name_path_or_level_of_a_layer() -> None:
    psf = np.ones((3, 3), np.float32) / 9
    recipe = Recipe(job="restore", degradation={"name": "psf-blur", "psf": psf}, noise={"name": "gaussian", "sigma": 7.5})
    kept = last_settings.taste(recipe.model_copy(update={"axes": "yx", "spacing": (0.1, 0.1), "unit": "micrometer"}))
    assert "degradation" not in kept
    assert not {"axes", "spacing", "unit", "noise", "device", "seed"} & kept.keys()
    learnt = Recipe(denoiser={"name": "file", "path": "/home/me/patient 7.safetensors"})
    assert "denoiser" not in last_settings.taste(learnt)
    assert last_settings.taste(Recipe(strength=1.5))["strength"] == 1.5


def test_kinds_of_layers_are_kept_apart_and_forgotten_one_by_one(file: Path) -> None:
    last_settings.keep("denoise", "yx counts", {"strength": 1.5})
    last_settings.keep("denoise", "tyx", {"strength": 2.0})
    assert last_settings.recall("denoise", "yx counts") == {"strength": 1.5}
    assert last_settings.recall("restore", "yx counts") == {}
    last_settings.keep("denoise", "yx counts", {})
    assert last_settings.recall("denoise", "yx counts") == {}
    assert last_settings.recall("denoise", "tyx") == {"strength": 2.0}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"denoise": 3}', '{"denoise": {"yx": [4]}}', "[" * 9999, "\0"])
def test_a_broken_file_is_no_error_and_is_replaced(file: Path, text: str) -> None:
    file.parent.mkdir()
    file.write_text(text)
    assert last_settings.recall("denoise", "yx") == {}
    last_settings.keep("denoise", "yx", {"tile": 64})
    assert last_settings.recall("denoise", "yx") == {"tile": 64}


def test_a_folder_that_cannot_be_written_is_no_error(file: Path) -> None:
    file.parent.write_text("a file where the folder should be")
    last_settings.keep("denoise", "yx", {"tile": 64})
    assert last_settings.recall("denoise", "yx") == {}
