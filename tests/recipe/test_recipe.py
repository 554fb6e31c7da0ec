import numpy as np
import pytest
from pydantic import ValidationError

from napari_tweedie.recipe import Recipe


def test_a_recipe_survives_json() -> None:
    recipe = Recipe(
        job="restore",
        degradation={"name": "gaussian-blur", "std": 2.5},
        solver={"name": "pnp-admm", "iterations": 7},
        noise={"sigma": 3.0},
        axes="tyx",
        seed=5,
    )
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_names_alone_mean_defaults() -> None:
    assert Recipe(solver="hqs") == Recipe(solver={"name": "hqs"}) == Recipe()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"denoiser": "bm4d"}, "no denoiser is called 'bm4d'; there are: "),
        ({"solver": {"name": "hqs", "iterations": -1}}, "greater than or equal to 1"),
        ({"job": "paint"}, "job"),
        ({"noise": {"sigma": -1}}, "greater than or equal to 0"),
        ({"unknown": 1}, "unknown"),
        ({"degradation": {"name": "mask"}}, "mask"),
        ({"version": 2}, "version"),
        ({"spacing": (1.0,)}, "a number for each of YX or ZYX"),
        ({"spacing": (1.0, 1.0), "volume": True}, "a number for each of ZYX"),
        ({"spacing": (0.0, 1.0)}, "greater than 0"),
        ({"unit": "inch"}, "unit must be pixel or one of"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe(**fields)


def test_the_schema_can_be_published() -> None:
    schema = Recipe.model_json_schema()
    assert set(schema["properties"]) == set(Recipe.model_fields)


def test_arrays_are_filled_in() -> None:
    recipe = Recipe(job="restore", degradation={"name": "mask", "mask": {"name": "dead pixels"}, "marks": "known"})
    filled = recipe.with_inputs(mask=np.ones((2, 2)))
    assert filled.degradation.marks == "known"
    assert filled.degradation.missing_inputs() == []
    assert recipe.degradation.missing_inputs() == ["mask"]
