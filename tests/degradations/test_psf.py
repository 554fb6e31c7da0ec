"""Measured point-spread functions are brought to the pixels of the image, to their middle and to sum 1."""

import numpy as np
import pytest
import torch

from napari_tweedie import degradations
from napari_tweedie.core.array_input import Input
from napari_tweedie.degradations.psf_array import offset, resampled
from napari_tweedie.degradations.psf_noise import background
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe


def gaussian(std: float, side: int, centre: float = 0.0) -> np.ndarray:
    along = np.arange(-side, side + 1)
    return np.exp(-0.5 * ((along[:, None] - centre) ** 2 + along**2) / std**2)


def spread(psf: np.ndarray) -> float:
    along = np.arange(len(psf)) - len(psf) // 2
    return float(np.sqrt((psf.sum(1) * along**2).sum() / psf.sum()))


@pytest.mark.parametrize("ratio", [0.5, 1.7, 3.0])
def test_other_pixels_keep_the_width_in_the_sample(ratio: float) -> None:
    """Pixels that grow by r average over a box, whose variance is (r² − 1)/12: the old values were means over pixels, too."""
    psf = gaussian(6.0, 30)
    out = resampled(psf, (ratio, ratio))
    assert all(side % 2 for side in out.shape)
    assert spread(out) * ratio == pytest.approx(np.sqrt(6**2 + max(ratio**2 - 1, 0) / 12), rel=0.005)
    assert out.sum() * ratio**2 == pytest.approx(psf.sum(), rel=1e-3)
    np.testing.assert_allclose(offset(out), 0, atol=1e-9)


def test_the_same_pixels_change_nothing(rng: np.random.Generator) -> None:
    psf = rng.random((5, 7))
    np.testing.assert_allclose(resampled(psf, (1.0, 1.0)), psf, atol=1e-9)


def test_a_background_is_found_where_the_border_stands_on_one(rng: np.random.Generator) -> None:
    psf = 1000 * gaussian(2.0, 12)
    measured = psf + 100 + 2 * rng.standard_normal(psf.shape)
    assert background(measured) == pytest.approx(100, abs=1)
    for kernel in (psf, gaussian(3.0, 5), np.ones((9, 9)), rng.random((7, 7)), np.eye(9)):
        assert background(kernel) == 0


def test_background_and_place_are_corrected_with_a_note() -> None:
    psf = gaussian(1.5, 12, centre=4) + 0.1
    operator = degradations.load("psf-blur", psf=psf)
    np.testing.assert_allclose(offset(operator.kernel(2)), 0, atol=1e-6)
    assert spread(operator.kernel(2)) == pytest.approx(1.5, rel=0.01)
    subtracted, moved = operator.notes(2)
    assert "background of 0.1 was subtracted" in subtracted
    assert "moved by (-4, +0) px" in moved
    as_given = degradations.load("psf-blur", psf=psf, correct=False)
    np.testing.assert_allclose(as_given.kernel(2), psf / psf.sum())
    assert as_given.notes(2) == []


@pytest.mark.parametrize("of_layer", [True, False])
def test_the_pixels_of_layer_and_function_meet_in_a_run(of_layer: bool, scene: np.ndarray) -> None:
    """A function on pixels of half the size blurs as one on the pixels of the image."""
    fine = {"psf": Input.of(gaussian(4.0, 16), "beads", (50.0, 50.0))} if of_layer else {"psf": gaussian(4.0, 16), "pixel": 50.0}
    recipe = Recipe(job="degrade", degradation={"name": "psf-blur", **fine}, spacing=(0.1, 0.1), unit="micrometer")
    result = last(run(recipe, scene))
    expected = last(run(Recipe(job="degrade", degradation={"name": "gaussian-blur", "std": 2.0}), scene))
    np.testing.assert_allclose(result.images["degraded"], expected.images["degraded"], atol=0.02)
    assert "resampled to the pixels of the image, 2 × 2 times as large" in result.notes[0]
    assert Recipe.model_validate_json(recipe.model_dump_json()).degradation.pixel == (None if of_layer else 50)


def test_pixels_of_unknown_size_count_as_equal_and_that_is_told(scene: np.ndarray) -> None:
    plain = Recipe(job="degrade", degradation={"name": "psf-blur", "psf": gaussian(2.0, 8), "pixel": 50})
    for recipe in (plain, plain.model_copy(update={"spacing": (3.0, 1.0, 1.0)})):
        (note,) = last(run(recipe, scene)).notes
        assert "function are 50 nm large, those of the image are of unknown size" in note
    sized = Recipe(
        job="degrade", degradation={"name": "psf-blur", "psf": gaussian(2.0, 8)}, spacing=(0.1, 0.1), unit="micrometer"
    )
    (note,) = last(run(sized, scene)).notes
    assert "image are 100 nm large, those of the function are of unknown size" in note
    neither = Recipe(job="degrade", degradation={"name": "psf-blur", "psf": gaussian(2.0, 8)})
    assert last(run(neither, scene)).notes == []


def test_what_cannot_be_a_kernel_is_named() -> None:
    image = torch.zeros(1, 1, 8, 8)
    with pytest.raises(ValueError, match="3 axes"):
        degradations.load("psf-blur", psf=np.ones((3, 3, 3)))(image)
    with pytest.raises(ValueError, match="sum positive"):
        degradations.load("psf-blur", psf=np.zeros((3, 3)))(image)


@pytest.mark.parametrize("centre", [7.5, 8.4, 5.7])
def test_a_function_between_pixels_is_centred(centre: float) -> None:
    """Even sizes have their middle between pixels; against a Gaussian that stands on one."""
    along = np.arange(16)
    psf = np.exp(-0.5 * (((along[:, None] - centre) / 1.5) ** 2 + ((along - 8) / 1.5) ** 2))
    operator = degradations.load("psf-blur", psf=psf)
    kernel = operator.kernel(2)
    np.testing.assert_allclose(offset(kernel), 0, atol=0.02)
    assert spread(kernel) == pytest.approx(1.5, rel=0.02)
    assert f"moved by ({8 - centre:+g}, +0) px" in " ".join(operator.notes(2))


def test_a_function_around_the_corner_is_brought_to_the_middle() -> None:
    psf = gaussian(1.5, 10)
    operator = degradations.load("psf-blur", psf=np.fft.ifftshift(psf))
    np.testing.assert_allclose(operator.kernel(2), psf / psf.sum(), atol=1e-8)
    assert any("quadrants were swapped" in note for note in operator.notes(2))


def test_the_trace_of_a_motion_keeps_its_place() -> None:
    trace = np.zeros((9, 9))
    trace[4, 3:8] = [1, 2, 3, 1, 0.2]
    trace[5:7, 4] = [3, 0.5]
    np.testing.assert_allclose(degradations.load("psf-blur", psf=trace).kernel(2), trace / trace.sum())


@pytest.mark.parametrize("width", [0.6, 1.7])
def test_a_width_makes_the_function_as_many_times_as_wide(width: float) -> None:
    wanted = degradations.load("gaussian-blur", std=2 * width).kernel(2)
    np.testing.assert_allclose(degradations.load("gaussian-blur", std=2, relative_width=width).kernel(2), wanted, atol=1e-12)
    measured = degradations.load("psf-blur", psf=gaussian(2.0, 10), relative_width=width).kernel(2)
    assert spread(measured) == pytest.approx(2 * width, rel=0.03)
    assert measured.sum() == pytest.approx(1)
    assert spread(degradations.load("psf-blur", psf=gaussian(2.0, 10)).wider(width).kernel(2)) == pytest.approx(spread(measured))
