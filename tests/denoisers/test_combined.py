import json

import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.recipe import Recipe


def test_it_is_the_weighted_sum(generator: torch.Generator) -> None:
    one, other = denoisers.load("gaussian", std=0.2), denoisers.load("gaussian", std=0.9, slope=2)
    x = torch.randn((2, 1, 12, 15), generator=generator)
    level = torch.tensor([0.1, 0.4])
    combined = denoisers.load("combined", parts=(one, other), weights=(1.5, -0.5))
    torch.testing.assert_close(combined(x, level), 1.5 * one(x, level) - 0.5 * other(x, level))
    equal = denoisers.load("combined", parts=(one, other))
    torch.testing.assert_close(equal(x, 0.3), (one(x, 0.3) + other(x, 0.3)) / 2)


def test_it_survives_a_recipe() -> None:
    inner = {"name": "combined", "parts": ["gaussian", {"name": "gaussian", "std": 0.7}], "weights": [0.25, 0.75]}
    recipe = Recipe(denoiser={"name": "combined", "parts": ["unet", inner]})
    assert Recipe.model_validate(json.loads(recipe.model_dump_json())) == recipe
    assert recipe.denoiser.parts[1].parts[1].std == 0.7


def test_it_takes_and_reaches_what_its_parts_do() -> None:
    combined = denoisers.load("combined", parts=("unet", "gaussian"))
    assert combined.ndim == (2,)
    assert combined.halo == denoisers.load("unet").halo
    assert combined.differentiable
    assert combined.provenance(torch.device("cpu"))["parts"][0]["weights"]
    assert combined.is_composed()


def test_arrays_reach_the_part_that_names_them() -> None:
    known = torch.rand(3, 6, 6)
    whole = denoisers.load("combined", parts=("gaussian", {"name": "empirical", "images": {"name": "set"}}))
    assert whole.missing_inputs() == ["images"]
    filled = whole.with_arrays({"images": known})
    assert not filled.missing_inputs()
    shifted = filled.normalised(0.5, 2.0)
    empirical = denoisers.load("empirical", images=(known - 0.5) / 2)
    x = torch.rand(1, 1, 6, 6)
    torch.testing.assert_close(shifted(x, 0.1), (denoisers.load("gaussian")(x, 0.1) + empirical(x, 0.1)) / 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": (1.0,)}, "weights must be 2"),
        ({"weights": (1.0, 1.0)}, r"sum to 1 \(got 2\)"),
        ({"parts": ()}, "at least 1"),
        ({"parts": ("unet", "unknown")}, "no denoiser is called 'unknown'"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        denoisers.load("combined", **wrong)
