"""Are stored recipes read, and what is none refused in a sentence?"""

import json
from pathlib import Path
from typing import Any

import pytest

from napari_tweedie.recipe import Recipe
from napari_tweedie.recipe.provenance import as_one, recipe_in, stored_recipe


def test_a_list_of_recipes_is_one_of_steps() -> None:
    steps = [{"job": "denoise"}, {"job": "restore", "first": [{"job": "average"}]}]
    assert as_one(steps) == {"job": "restore", "first": [{"job": "denoise"}, {"job": "average"}]}


@pytest.mark.parametrize("first", [None, [], 3, "denoise", {"job": "denoise"}])
def test_steps_that_are_none_are_passed_over_or_refused(tmp_path: Path, first: object) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps([{"job": "denoise"}, {"job": "restore", "degradation": "gaussian-blur", "first": first}]))
    stored = stored_recipe(path)["recipe"]
    if not first:
        assert len(Recipe(**stored).first) == 1
    else:
        with pytest.raises(ValueError, match="first"):
            Recipe(**stored)


@pytest.mark.parametrize(
    ("stored", "fusion"),
    [({"neighbours": "t"}, "averaged"), ({"neighbours": "none"}, "auto"), ({"neighbours": "t", "fusion": "learnt"}, "learnt")],
)
def test_frames_that_were_averaged_before_there_was_a_choice_are_averaged_again(stored: dict[str, Any], fusion: str) -> None:
    made = {"recipe": {"job": "denoise", "axes": "tyx", **stored}, "denoiser": {"weights": "…"}}
    assert Recipe(**recipe_in(made)).fusion == fusion


def test_a_recipe_that_was_no_run_leaves_it_open() -> None:
    assert Recipe(**recipe_in({"recipe": {"job": "denoise", "neighbours": "t"}})).fusion == "auto"
