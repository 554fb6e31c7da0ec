"""Does nothing leave the engine that is no number, or nowhere near the image?"""

import json
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.denoisers import Denoiser
from napari_tweedie.engine import last, run
from napari_tweedie.engine.gate import json_ready
from napari_tweedie.recipe import Recipe
from napari_tweedie.solvers import Solver


class Affine(Denoiser):
    """a x + b, which is no denoiser at all."""

    name = "affine"
    factor: float = 1.0
    shift: float = 0.0

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        return self.factor * x + self.shift


class NotNumbers(Affine):
    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        x = x.clone()
        x[..., 0, 0] = float("nan")
        return x


class Amplify(Solver):
    name = "amplify"
    uses_denoiser = False
    factor: float = 1.0

    def estimates(self, problem: Any, denoiser: Any, generator: Any) -> Any:
        yield self.factor * problem.measurement


def result_of(image: np.ndarray, **recipe: Any) -> Any:
    return last(run(Recipe(**recipe), image))


@pytest.fixture
def noisy(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 1000 * scene + rng.normal(0, 10.0, scene.shape)


def test_values_that_are_not_numbers_are_refused(noisy: np.ndarray) -> None:
    before = noisy.copy()
    with pytest.raises(ValueError, match=r"denoise with 'affine' gave 1 values in 'denoised' that are not numbers: .*untouched"):
        result_of(noisy, denoiser=NotNumbers())
    np.testing.assert_array_equal(noisy, before)


def test_8_bit_colour_does_not_hide_them() -> None:
    """Cast to integers they would be numbers."""
    with pytest.raises(ValueError, match="that are not numbers"):
        result_of(np.zeros((16, 16, 3), np.uint8), axes="yxs", denoiser=NotNumbers())


def test_a_mean_that_is_lost_is_refused_and_one_that_moved_is_told(noisy: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"denoise with 'affine' changed the mean from .* more than a tenth of the range"):
        result_of(noisy, denoiser=Affine(shift=0.2))
    (note,) = [note for note in result_of(noisy, denoiser=Affine(shift=0.03)).notes if "mean" in note]
    assert note.startswith("Denoise with 'affine' changed the mean from")
    assert not [note for note in result_of(noisy, denoiser=Affine(shift=1e-3)).notes if "mean" in note]


@pytest.mark.parametrize("factor", [5.0, -5.0, 1e6])
def test_a_blown_up_denoising_is_refused(noisy: np.ndarray, factor: float) -> None:
    with pytest.raises(ValueError, match=r"denoise with 'affine' gave 'denoised' values from .* while the image spans"):
        result_of(noisy, denoiser=Affine(factor=factor))


def test_a_blown_up_restoration_is_refused(noisy: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"restore with 'identity', 'amplify' gave 'denoised' values from .* fewer iterations"):
        result_of(noisy, job="restore", solver=Amplify(factor=30.0))
    assert result_of(noisy, job="restore", solver=Amplify(factor=3.0)).images["denoised"].max() > noisy.max()


@pytest.mark.parametrize("exact", ["gaussian", "mixture"])
def test_a_denoiser_with_a_prior_of_its_own_may_move_the_mean(exact: str, noisy: np.ndarray) -> None:
    moved = result_of(noisy + 5000, denoiser=exact, noise={"sigma": 3000.0})
    assert abs(moved.images["denoised"].mean() - noisy.mean() - 5000) > 0.01 * np.ptp(noisy)


@pytest.mark.parametrize("sigma", [1e-12, 1e12])
@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e20])
def test_a_noise_level_far_from_the_range_keeps_the_image_near_or_says_so(scale: float, sigma: float, noisy: np.ndarray) -> None:
    image = scale * noisy
    try:
        result = result_of(image, denoiser="unet-small", noise={"sigma": scale * sigma}).images["denoised"]
    except ValueError as error:
        assert "at a noise level of" in str(error)  # noqa: PT017 - either is right
    else:
        assert abs(result.mean(dtype=float) - image.mean()) <= 0.11 * np.ptp(image)


def test_a_dead_frame_of_a_movie_passes(noisy: np.ndarray) -> None:
    movie = np.stack([noisy, np.full_like(noisy, 7.0)])
    result = result_of(movie, axes="tyx", denoiser="unet-small")
    np.testing.assert_allclose(result.images["denoised"][1], 7.0, atol=10)


def test_an_image_that_no_result_can_hold_is_refused_before_any_work(noisy: np.ndarray) -> None:
    with pytest.raises(ValueError, match="subtract their mean"):
        result_of(1e17 + noisy, denoiser="unet-small")
    with pytest.raises(ValueError, match="results at most"):
        result_of(1e300 * noisy, job="degrade")


@pytest.mark.parametrize("number", [np.inf, np.nan, -np.inf])
@pytest.mark.parametrize("field", [{"noise": {"sigma": 1}}, {"degradation": {"name": "gaussian-blur", "std": 1}}, {"spacing": 1}])
def test_no_parameter_is_infinite(field: dict[str, Any], number: float) -> None:
    given = {
        key: {**value, list(value)[-1]: number} if isinstance(value, dict) else (number, 1.0) for key, value in field.items()
    }
    with pytest.raises(ValueError, match="finite"):
        Recipe(**given)


def test_facts_become_json() -> None:
    facts = {"a": [1.5, float("inf"), np.float32(2)], 3: ("x", float("nan")), "n": np.arange(2), "b": np.bool_(True)}
    assert json.loads(json.dumps(json_ready(facts), allow_nan=False)) == {
        "a": [1.5, None, 2.0], "3": ["x", None], "n": [0, 1], "b": True,
    }  # fmt: skip


class Opaque(Degradation):
    """Half of the light is lost."""

    name = "opaque"

    def __call__(self, x: Tensor) -> Tensor:
        return x / 2

    def adjoint(self, y: Tensor) -> Tensor:
        return y / 2


def test_a_restoration_may_have_another_range(noisy: np.ndarray) -> None:
    result = result_of(noisy, job="restore", degradation=Opaque(), solver="tikhonov", noise={"sigma": 1.0})
    assert result.image.mean() == pytest.approx(2 * noisy.mean(), rel=0.1)
