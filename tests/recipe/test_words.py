import pytest

from napari_tweedie import degradations
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.recipe.words import in_words


def test_a_recipe_is_said_in_words_with_what_was_changed_and_no_more() -> None:
    assert in_words(Recipe(job="denoise")).splitlines() == ["Noise removed", "Denoiser: U-Net", "Noise: measured on the image"]
    blurred = {"name": "gaussian-blur", "std": 2.5}
    told = in_words(Recipe(job="restore", degradation=blurred, solver={"name": "hqs", "iterations": 9}, strength=1.5))
    assert "Gaussian blur (2.5 px wide) undone" in told
    assert "9 iterations" in told
    assert "1.5 times as strong" in told
    assert "Denoiser" not in in_words(Recipe(job="restore", degradation=blurred, solver="richardson-lucy"))
    sampled = in_words(Recipe(job="sample", sampler={"name": "moment-matched", "samples": 7}))
    assert sampled.startswith("Noise removed: 7 samples")


def test_it_is_said_who_helps_and_how() -> None:
    helped = Recipe(neighbours="t", fusion="averaged")
    assert "Helped by neighbouring frames" in in_words(helped).splitlines()
    assert "Helped by neighbouring planes, as it was learnt" in in_words(Recipe(neighbours="z", fusion="learnt"))


@pytest.mark.parametrize("name", degradations.registry.names())
def test_every_degradation_is_said_in_words(name: str) -> None:
    degradation = degradations.registry.all()[name].model_construct()
    recipe = Recipe(job="restore").model_copy(update={"degradation": degradation})
    assert in_words(recipe).startswith(degradation.title)


def test_a_blur_is_as_wide_as_both_its_widths_say() -> None:
    blurred = {"name": "gaussian-blur", "std": 2, "relative_width": 0.6}
    assert "(1.2 px wide)" in in_words(Recipe(job="restore", degradation=blurred))
