import pytest

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.recipe.defaults import sampler_of, solver_of
from napari_tweedie.recipe.reasons import of_denoiser, of_sampler, of_solver
from napari_tweedie.recipe.recipe import Recipe


@pytest.mark.parametrize("volume", [False, True])
@pytest.mark.parametrize("name", degradations.names())
def test_the_solver_that_is_proposed_is_told_with_its_reason_and_another_with_the_proposed_one(name: str, volume: bool) -> None:
    kinds = (degradations.registry.method(name),)
    suited = solver_of(kinds, volume)["name"]
    assert of_solver(suited, kinds, volume).startswith("Chosen because")
    other = next(solver for solver in solvers.names() if solver != suited)
    assert solvers.registry.method(suited).title in of_solver(other, kinds, volume)


def test_denoisers_and_samplers_are_told_in_the_same_way() -> None:
    untouched = Recipe().denoiser.name
    assert of_denoiser(untouched).startswith("Chosen because")
    assert denoisers.registry.method(untouched).title in of_denoiser("nlm")
    for degradation in ("identity", "gaussian-blur"):
        suited = sampler_of("sample", degradation)["name"]
        assert of_sampler(suited, "sample", degradation).startswith("Chosen because")
        assert samplers.registry.method(suited).title in of_sampler("dps", "sample", degradation)


def test_a_name_keeps_its_capital_within_a_reason_and_other_words_do_not() -> None:
    def why(degradation: str) -> str:
        kinds = (degradations.registry.method(degradation),)
        return of_solver(solver_of(kinds)["name"], kinds)

    assert "for Gaussian blur" in why("gaussian-blur")
    assert "for missing pixels" in why("mask")
