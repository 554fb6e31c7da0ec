import numpy as np
import pytest
import torch
from scipy import stats

from napari_tweedie.degradations import noise
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.recipe import Recipe

MODELS = [
    noise.Gaussian(sigma=3.0),
    noise.Poisson(gain=2.0, offset=100.0, read_noise=5.0),
    noise.Quantised(step=8.0, sigma=4.0),
    noise.Quantised(step=0.5),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_stated_level_is_the_spread_of_what_is_added(model: noise.Noise, generator: torch.Generator) -> None:
    clean = torch.linspace(150, 450, 200_000)
    added = model.add(clean, generator) - clean
    assert float(added.mean()) == pytest.approx(0, abs=0.1)
    assert float(added.std()) == pytest.approx(model.level(300.0), rel=0.01)


def test_photon_counts_follow_the_poisson_law(generator: torch.Generator) -> None:
    model = noise.Poisson(gain=2.0, offset=10.0)  # no read noise in simulations
    photons = ((model.add(torch.full((100_000,), 16.0), generator) - 10) / 2).numpy()
    np.testing.assert_array_equal(photons, np.rint(photons))
    observed = np.bincount(photons.astype(int), minlength=12)[:12] / len(photons)
    np.testing.assert_allclose(observed, stats.poisson.pmf(np.arange(12), 3.0), atol=0.005)


def test_levels_are_multiples_of_the_step(generator: torch.Generator) -> None:
    y = noise.Quantised(step=0.25, sigma=1.0).add(torch.randn(1000, generator=generator), generator)
    torch.testing.assert_close(4 * y, torch.round(4 * y))


@pytest.mark.parametrize("model", MODELS[:3], ids=str)
def test_the_same_seed_adds_the_same_noise(model: noise.Noise) -> None:
    first, same, other = (model.add(torch.full((50,), 200.0), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_recipes_carry_every_model(model: noise.Noise) -> None:
    recipe = Recipe(noise=model)
    assert Recipe.model_validate_json(recipe.model_dump_json()).noise == model


def test_a_model_without_a_name_is_gaussian() -> None:
    assert Recipe(noise={"sigma": 2.0}).noise == noise.Gaussian(sigma=2.0)
    with pytest.raises(ValueError, match="no noise is called 'pink'; there are: auto, camera, gaussian, poisson, quantised"):
        Recipe(noise="pink")


def test_a_problem_knows_the_level_of_photon_noise() -> None:
    from napari_tweedie import degradations

    stated = Problem(
        torch.full((1, 1, 4, 4), 0.36), degradations.load("identity"), noise.Poisson(gain=0.01, offset=0, read_noise=0)
    )
    assert stated.noise_level == pytest.approx(0.06)
    with pytest.raises(ValueError, match="not known"):
        _ = Problem(torch.zeros(1, 1, 4, 4), degradations.load("identity"), noise.Gaussian()).noise_level
