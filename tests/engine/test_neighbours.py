"""Frames and planes help each other, and only where they should."""

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from napari_tweedie.core.testing import check_denoiser
from napari_tweedie.denoisers import Denoiser
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe

Array = NDArray[np.float64]
SIDE, FRAMES = 64, 7
SMALL: dict[str, Any] = {"name": "unet-small", "precision": "float32"}


def denoised(stack: NDArray[Any], **recipe: Any) -> Array:
    given = {"denoiser": SMALL, "axes": "tyx", **recipe}
    return np.asarray(last(run(Recipe(**given), stack)).image, np.float64)


def rms(image: Array) -> float:
    return float(np.sqrt(np.mean(np.square(image))))


@pytest.fixture
def field(rng: np.random.Generator) -> Array:
    image = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 2)
    return 100 + 20 * image / image.std()


@pytest.fixture
def still(field: Array, rng: np.random.Generator) -> Array:
    return field + rng.normal(0, 15, (FRAMES, SIDE, SIDE))


SIGMA = {"noise": {"name": "gaussian", "sigma": 15}}


def test_frames_of_a_still_scene_help_each_other(still: Array, field: Array) -> None:
    """Seven frames have 0.38 times the noise of one: most of that must arrive, and the flicker fall with it."""
    alone, together = (denoised(still, neighbours=choice, **SIGMA) for choice in ("none", "auto"))
    assert rms(together - field) < 0.75 * rms(alone - field)
    assert together.std(0).mean() < 0.6 * alone.std(0).mean()


def test_the_first_and_the_last_frame_are_helped_as_well(still: Array, field: Array) -> None:
    errors = [rms(frame - field) for frame in denoised(still, **SIGMA)]
    assert max(errors[0], errors[-1]) < 1.25 * np.median(errors)


def test_fading_is_given_back(field: Array, rng: np.random.Generator) -> None:
    light = np.linspace(1, 0.4, FRAMES)[:, None, None]
    truth = light * field
    noisy = truth + rng.normal(0, 8, truth.shape)
    alone, together = (denoised(noisy, neighbours=choice, noise={"sigma": 8}) for choice in ("none", "t"))
    assert rms(together - truth) < 0.8 * rms(alone - truth)
    np.testing.assert_allclose(together.mean((1, 2)), truth.mean((1, 2)), rtol=0.01)


def test_a_flash_of_three_frames_keeps_its_peak_and_a_region_its_trace(field: Array, rng: np.random.Generator) -> None:
    truth = np.stack([field] * 9)
    flash = (slice(3, 6), slice(20, 36), slice(24, 40))
    truth[flash] += 60
    together = denoised(truth + rng.normal(0, 15, truth.shape), **SIGMA)
    trace = (together - np.stack([field] * 9))[:, 20:36, 24:40].mean((1, 2))
    np.testing.assert_allclose(trace[3:6], 60, atol=3)
    np.testing.assert_allclose(together[:3, 20:36, 24:40].mean((1, 2)), field[20:36, 24:40].mean(), rtol=0.01)


@pytest.mark.parametrize("axes", ["tcyx", "qtyx"])
def test_channels_and_positions_never_help_each_other(axes: str, still: Array) -> None:
    other = 1000 + 3 * still[:, ::-1]
    pairs = [np.stack([still, changed], 1 if axes == "tcyx" else 0) for changed in (other, other[::-1, :, ::-1])]
    first, second = (denoised(pair, axes=axes, **SIGMA) for pair in pairs)
    own = (slice(None), 0) if axes == "tcyx" else (0,)
    expected = denoised(still, **SIGMA)
    assert rms(first[own] - second[own]) < 0.02  # positions share the range of grey levels, which changes the last digits
    assert rms(first[own] - expected) < 0.2


def test_an_empty_frame_helps_nobody(still: Array) -> None:
    with_gap = still.copy()
    with_gap[3] = np.nan
    found = denoised(with_gap, **SIGMA)
    assert np.isnan(found[3]).all()
    kept = [0, 1, 2, 4, 5, 6]
    assert rms(found[kept] - denoised(still[kept], **SIGMA)) < 0.2


def test_only_what_is_asked_for_is_worked_on(still: Array) -> None:
    """A frame in the middle of a crop that holds what helps it is the same frame of the whole run."""
    long = np.concatenate([still, still[::-1]])
    recipe = Recipe(denoiser=SMALL, axes="tyx", neighbours="t", **SIGMA)
    inside = (slice(3, 4), slice(0, SIDE), slice(0, SIDE))
    crop = last(run(recipe, long[2:9], inside=inside)).image
    assert crop.shape == (1, SIDE, SIDE)
    assert rms(crop[0] - denoised(long, **SIGMA)[5]) < 0.2


def test_planes_help_only_where_their_distance_is_known(still: Array) -> None:
    known = last(run(Recipe(denoiser=SMALL, axes="zyx", spacing=(1, 1, 1), **SIGMA), still))
    unknown = last(run(Recipe(denoiser=SMALL, axes="zyx", **SIGMA), still))
    assert known.provenance["recipe"]["neighbours"] == "z"
    assert unknown.provenance["recipe"]["neighbours"] == "none"
    assert any("distance of the planes" in note for note in unknown.notes)
    np.testing.assert_array_equal(unknown.image, denoised(still, axes="zyx", neighbours="none", **SIGMA))


def test_the_recipe_of_a_result_gives_the_same_pixels(still: Array) -> None:
    result = last(run(Recipe(denoiser=SMALL, axes="tyx", **SIGMA), still))
    assert result.provenance["recipe"]["neighbours"] == "t"
    assert any("beside them" in note for note in result.notes)
    np.testing.assert_array_equal(last(run(Recipe(**result.provenance["recipe"]), still)).image, result.image)


def test_what_neighbours_tell_is_learnt_for_some_denoisers_and_averaged_for_the_others(still: Array) -> None:
    still = still[:3, :32, :32]
    results = {
        name: last(run(Recipe(axes="tyx", neighbours="t", **given, **SIGMA), still))
        for name, given in {
            "own": {"denoiser": SMALL},
            "learnt": {"denoiser": SMALL, "fusion": "learnt"},
            "averaged": {"denoiser": SMALL, "fusion": "averaged"},
            "other": {"denoiser": {"name": "gaussian", "std": 1.0}},
        }.items()
    }
    resolved = {name: result.provenance["recipe"]["fusion"] for name, result in results.items()}
    assert resolved == {"own": "learnt", "learnt": "learnt", "averaged": "averaged", "other": "averaged"}
    np.testing.assert_array_equal(results["own"].image, results["learnt"].image)
    assert rms(results["own"].image - results["averaged"].image) > 0.01
    assert "weights_for_stacks" in results["own"].provenance["denoiser"]


def test_what_is_learnt_changes_no_light(still: Array) -> None:
    """The mean over some pixels, as a trace takes it, is that of the average; borders, which are continued, aside."""
    stack = still[:3]
    learnt, averaged = (denoised(stack, neighbours="t", fusion=fusion, **SIGMA) for fusion in ("learnt", "averaged"))
    apart = learnt - averaged
    means = gaussian_filter(apart, (0, 12, 12))[:, 20:-20, 20:-20]
    assert np.abs(means).max() < 0.15 * apart.std()


def test_fusion_that_was_learnt_for_other_denoisers_is_refused(still: Array) -> None:
    with pytest.raises(ValueError, match="not learnt for the denoiser 'gaussian'"):
        denoised(still, denoiser="gaussian", fusion="learnt", neighbours="t")


@pytest.mark.parametrize(
    ("recipe", "shape", "reason"),
    [
        ({"neighbours": "z", "axes": "tyx"}, (3, 16, 16), "have no z"),
        ({"neighbours": "z", "axes": "zyx", "volume": True}, (3, 16, 16), "already"),
        ({"neighbours": "t", "axes": "tyxs"}, (3, 16, 16, 3), "colour"),
    ],
)
def test_where_there_are_no_neighbours_to_use_that_is_said(recipe: dict[str, Any], shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        last(run(Recipe(denoiser=SMALL, **recipe), np.ones(shape)))


@pytest.mark.parametrize("speed", [0.0, 1.0], ids=["still", "moving"])
@pytest.mark.parametrize("denoiser", [SMALL, {"name": "wavelet"}], ids=["learnt", "from the Jacobian"])
def test_a_standard_deviation_is_that_of_the_planes_that_help_each_other(
    denoiser: dict[str, Any], speed: float, field: Array, rng: np.random.Generator
) -> None:
    """It is smaller than that of planes alone, as the error is, and holds the truth about as often; less where all moves."""
    truth = np.stack([shift(field, (0, speed * frame), mode="reflect") for frame in range(FRAMES)])
    noisy, given = truth + rng.normal(0, 15, truth.shape), {"denoiser": denoiser, "axes": "tyx", "outliers": "keep", **SIGMA}
    alone, together = (last(run(Recipe(**given, neighbours=choice, probes=4), noisy)) for choice in ("none", "t"))
    assert together.std is not None
    assert alone.std is not None
    error, std = np.asarray(together.image, np.float64) - truth, np.asarray(together.std, np.float64)
    assert rms(std) < 0.9 * rms(np.asarray(alone.std, np.float64))
    assert (0.82 if speed == 0 else 0.72) < np.mean(np.abs(error) < 1.645 * std) < 0.97
    without = last(run(Recipe(**given, neighbours="t"), noisy))
    np.testing.assert_allclose(together.image, without.image, rtol=0, atol=0.2 if denoiser is not SMALL else 0)


def test_no_standard_deviation_is_known_of_a_denoiser_that_looks_at_neighbours_itself(still: Array) -> None:
    with pytest.raises(ValueError, match="no standard deviation is known of the denoiser 'mean-of-planes'"):
        last(run(Recipe(denoiser=MeanOfPlanes(), axes="tyx", neighbours="t", probes=2, **SIGMA), still))


class MeanOfPlanes(Denoiser):
    """The mean of planes: neighbours are all it knows."""

    name: ClassVar[str] = "mean-of-planes"
    title: ClassVar[str] = "Mean of planes"
    context: ClassVar[int] = 1

    def __call__(self, x: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
        return x.clone()

    def among(self, x: torch.Tensor, sigma: torch.Tensor, plane: int) -> torch.Tensor:
        weights = (sigma**-2 / (sigma**-2).sum()).view(1, 1, -1, 1, 1)
        return (weights * x).sum(2)


class LastPlane(MeanOfPlanes):
    """A wrong one: it returns a plane that was not asked for, and changes one alone."""

    def among(self, x: torch.Tensor, sigma: torch.Tensor, plane: int) -> torch.Tensor:
        return x[:, :, -1] + 1


def test_a_denoiser_with_a_context_gets_its_neighbours(field: Array, rng: np.random.Generator) -> None:
    still = np.stack([field] * 5) + rng.normal(0, 1e-3, (5, SIDE, SIDE))
    still[:, 0, 0] = [1, 2, 4, 8, 16]
    found = denoised(still, denoiser=MeanOfPlanes(), noise={"sigma": 1}, outliers="keep")
    np.testing.assert_allclose(found[:, 0, 0], [7 / 3, 7 / 3, 14 / 3, 28 / 3, 28 / 3], rtol=1e-3)


def test_the_public_check_knows_the_contract() -> None:
    check_denoiser(MeanOfPlanes())
    with pytest.raises(AssertionError, match="among of one plane"):
        check_denoiser(LastPlane())


def test_a_volume_without_a_known_distance_is_denoised_plane_by_plane(still: Array) -> None:
    found = denoised(still, axes="zyx", volume=True, **SIGMA)
    assert rms(found - denoised(still, axes="zyx", neighbours="none", **SIGMA)) < 0.01
