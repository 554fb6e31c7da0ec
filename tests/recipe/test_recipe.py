import numpy as np
import pytest

from napari_tweedie import degradations, samplers, solvers
from napari_tweedie.core.array_input import MissingInput
from napari_tweedie.engine import run
from napari_tweedie.recipe import Recipe
from napari_tweedie.recipe.schema import schema


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
    assert Recipe(solver="hqs") == Recipe(solver={"name": "hqs"})
    assert Recipe(solver="auto") == Recipe(solver={"name": "auto"}) == Recipe(solver={}) == Recipe()


@pytest.mark.parametrize("degradation", [name for name in degradations.names() if name != "composition"])
@pytest.mark.parametrize("job", ["restore", "sample"])
def test_what_is_left_to_be_chosen_suits_the_degradation(job: str, degradation: str) -> None:
    needed = {name: np.ones((5, 5)) for name in degradations.registry.method(degradation).inputs()}
    recipe = Recipe(job=job, degradation=degradation).with_inputs(**needed)
    if job == "restore":
        assert (recipe.solver.name, recipe.sampler.name) == (degradations.registry.method(degradation).solver, "auto")
    else:
        suited = "moment-matched" if degradation == "identity" else "split-gibbs"
        assert (recipe.solver.name, recipe.sampler.name) == ("auto", suited)
    assert Recipe.model_validate_json(recipe.model_dump_json()).with_inputs(**needed).solver == recipe.solver


def test_parameters_go_to_the_method_that_suits() -> None:
    recipe = Recipe(job="restore", degradation="gaussian-blur", solver={"iterations": 3}, sampler={"samples": 5})
    assert recipe.with_inputs().solver == solvers.load("hqs", iterations=3)
    sampling = recipe.model_copy(update={"job": "sample"})
    assert sampling.with_inputs().sampler == samplers.load("split-gibbs", samples=5)
    with pytest.raises(ValueError, match="betta: there is no such parameter"):
        Recipe(job="restore", degradation="gaussian-blur", solver={"betta": 3}).with_inputs()


def test_two_degradations_get_the_solver_and_the_turns_that_suffice_for_both() -> None:
    blur, mask = degradations.load("gaussian-blur"), degradations.load("downsample")
    solver = Recipe(job="restore", degradation=mask @ blur).with_inputs().solver
    assert solver == solvers.load("hqs", iterations=max(type(blur).iterations, type(mask).iterations))


def test_a_blurred_stack_gets_a_solver_of_its_own_unless_the_point_spread_function_has_negative_weights() -> None:
    stack = Recipe(job="restore", degradation="gaussian-blur", volume=True)
    assert stack.with_inputs().solver == solvers.load("denoised-richardson-lucy")
    psf = np.array([[[1.0, 3.0, 1.0]]])
    measured = Recipe(job="restore", degradation="psf-blur", volume=True)
    assert measured.with_inputs(psf=psf).solver.name == "denoised-richardson-lucy"
    assert measured.with_inputs(psf=np.array([[[-1.0, 3.0, -1.0]]])).solver.name == "hqs"


def test_a_missing_array_says_how_to_give_it() -> None:
    with pytest.raises(MissingInput, match="degradation 'psf-blur' needs an array: pass it beside the recipe, as psf=array"):
        Recipe(job="restore", degradation={"name": "psf-blur"}).with_inputs()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"denoiser": "bm4d"}, "no denoiser is called 'bm4d'; there are: "),
        ({"solver": {"name": "hqs", "iterations": -1}}, "greater than or equal to 1"),
        ({"job": "paint"}, "job"),
        ({"noise": {"sigma": -1}}, "greater than or equal to 0"),
        ({"unknown": 1}, "unknown"),
        ({"degradation": {"name": "mask", "marks": "dead"}}, "marks: should be 'missing' or 'known'"),
        ({"version": 2}, "version"),
        ({"spacing": (1.0,)}, "a number for each of YX or ZYX"),
        ({"spacing": (0.0, 1.0)}, "greater than 0"),
        ({"unit": "inch"}, "unit must be pixel or one of"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**fields)


def test_the_schema_can_be_published() -> None:
    assert set(schema()["properties"]) == set(Recipe.model_fields)


def test_arrays_are_filled_in() -> None:
    recipe = Recipe(job="restore", degradation={"name": "mask", "mask": {"name": "dead pixels"}, "marks": "known"})
    filled = recipe.with_inputs(mask=np.ones((2, 2)))
    assert filled.degradation.marks == "known"
    assert filled.degradation.missing_inputs() == []
    assert recipe.degradation.missing_inputs() == ["mask"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"job": "restore", "degradation": "radon", "solver": "pnp-pgd"}, "pnp-pgd would need thousands of steps for 'radon'"),
        ({"job": "sample", "degradation": "gaussian-blur", "sampler": "snips"}, "snips needs singular values"),
        ({"job": "sample", "denoiser": "nlm", "sampler": "dps"}, "dps needs the derivative of the denoiser"),
        ({"job": "denoise", "denoiser": "file"}, "choose a file of a model"),
        ({"job": "restore", "solver": "wiener", "denoiser": "file"}, ""),
        ({"job": "degrade", "degradation": "radon", "solver": "pnp-pgd", "denoiser": "file"}, ""),
    ],
)
def test_what_cannot_work_is_known_before_anything_runs(fields: dict[str, str], reason: str) -> None:
    recipe = Recipe.model_validate(fields)
    assert recipe.obstacle.startswith(reason)
    assert bool(recipe.obstacle) == bool(reason)
    if reason:
        with pytest.raises(ValueError, match=reason):
            next(run(recipe, np.zeros((8, 8), np.float32)))


def test_tiles_that_would_take_hours_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tile must be 0, which chooses one, or at least 16 pixels \(got 1\)"):
        Recipe(tile=1)
