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
