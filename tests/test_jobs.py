import numpy as np
import pytest
import torch

from napari_tweedie.analysis import inspections
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe


@pytest.fixture
def image() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (1000 + 200 * rng.standard_normal((2, 32, 28))).astype(np.uint16)


def test_a_decomposition_adds_up_to_the_image(image: np.ndarray) -> None:
    result = last(run(Recipe(job="decompose", denoiser="gaussian", decomposition={"levels": 3}), image))
    assert list(result.images) == ["base", "band 1", "band 2", "band 3"]
    assert [output.kind for output in result.outputs.values()] == ["image", *["difference"] * 3]
    np.testing.assert_allclose(sum(result.images.values()), image, atol=1e-5 * np.ptp(image))
    assert result.provenance["reconstruction_error"] <= 1e-5


def test_the_score_is_in_one_over_grey_levels(image: np.ndarray) -> None:
    recipe = Recipe(job="inspect", inspection="score", denoiser={"name": "gaussian", "std": 1e-3}, noise={"sigma": 200.0})
    score = last(run(recipe, image[0])).images["score"]
    low, _ = np.percentile(image[0], (0.1, 99.9))
    np.testing.assert_allclose(score, -(image[0] - low) / 200.0**2, rtol=1e-3, atol=1e-6)


def test_the_adaptive_basis_of_a_linear_denoiser_is_known(image: np.ndarray) -> None:
    inspection = {"name": "adaptive-basis", "count": 3}
    denoiser = {"name": "gaussian", "slope": 2.0}
    recipe = Recipe(job="inspect", inspection=inspection, denoiser=denoiser, noise={"sigma": 100.0})
    result = last(run(recipe, image[0]))
    vectors, read = result.images["basis"], result.provenance["read"]
    assert vectors.shape == (3, 32, 28)
    np.testing.assert_allclose(np.square(vectors).sum((1, 2)), 1, rtol=1e-4)
    low, high = np.percentile(image[0], (0.1, 99.9))
    f = recipe.denoiser
    for vector, shrinkage in zip(vectors, read["shrinkage"], strict=True):
        kept = f(torch.from_numpy(vector)[None, None], 100.0 / (high - low))[0, 0].numpy()
        np.testing.assert_allclose(kept, shrinkage * vector, atol=2e-2)


def test_the_best_strength_and_the_report_can_be_read(image: np.ndarray) -> None:
    strength = last(run(Recipe(job="inspect", inspection="strength", denoiser="gaussian", noise={"sigma": 150.0}), image[0]))
    read = strength.provenance["read"]
    assert read["best"] == read["strengths"][int(np.argmin(read["errors"]))]
    ideal = last(run(Recipe(job="inspect", inspection="ideal", denoiser="gaussian", noise={"sigma": 150.0}), image[0]))
    measured = {row["name"]: row["measured"] for row in ideal.provenance["read"]["properties"]}
    assert not ideal.images
    assert measured["symmetry"] < 1e-5
    assert measured["non-expansiveness"] <= 1


def test_a_region_too_large_is_refused_with_a_way_out() -> None:
    with pytest.raises(ValueError, match="at most 128 pixels"):
        last(run(Recipe(job="inspect", inspection="ideal", noise={"sigma": 1.0}), np.eye(200)))


def test_every_inspection_is_in_the_registry() -> None:
    assert inspections.registry.names() == ["score", "strength", "adaptive-basis", "ideal"]
