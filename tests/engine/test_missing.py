"""Are pixels that are not finite, or masked, missing: without effect on others, and empty in the result?"""

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_tweedie.engine import last, measure, run
from napari_tweedie.recipe import Recipe

SIGMA = 20.0
QUICK = Recipe(denoiser="unet-small", noise={"sigma": SIGMA}, axes="tyx")


@pytest.fixture
def stack(rng: np.random.Generator) -> np.ndarray:
    """Five noisy frames of 48 × 64 smooth structures, from about 500 to 1500."""
    clean = 1000 + 2500 * gaussian_filter(rng.normal(size=(48, 64)), 4)
    return (clean + rng.normal(0, SIGMA, (5, 48, 64))).astype(np.float32)


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_a_frame_without_numbers_costs_no_other(stack: np.ndarray, nothing: float) -> None:
    alone = QUICK.model_copy(update={"neighbours": "none"})
    whole = last(run(alone, stack)).images["denoised"]
    stack[2] = nothing
    result = last(run(alone, stack))
    denoised = result.images["denoised"]
    assert np.isnan(denoised[2]).all()
    others = [0, 1, 3, 4]
    assert np.sqrt(np.mean((denoised[others] - whole[others]) ** 2)) < 0.1 * SIGMA  # the range is that of other frames
    assert result.notes == result.provenance["notes"]
    assert any("3072 pixels are missing (1 of 5 images wholly, not finite, or masked)" in note for note in result.notes)


def test_masked_pixels_are_as_missing_as_nan(stack: np.ndarray) -> None:
    mask = np.zeros(stack.shape, bool)
    mask[1, 10:14, 20:30] = mask[3, 40, 50] = True
    counts = np.rint(stack).astype(np.uint16)
    as_nan = np.where(mask, np.nan, counts).astype(np.float32)
    wanted = last(run(QUICK, as_nan)).images["denoised"]
    np.testing.assert_array_equal(np.isnan(wanted), mask)
    for masked in (np.ma.MaskedArray(counts, mask), da.from_array(np.ma.MaskedArray(counts, mask), chunks=(1, 48, 64))):
        result = last(run(QUICK, masked))
        np.testing.assert_array_equal(result.images["denoised"], wanted)
        assert any(note.startswith("41 pixels are missing") for note in result.notes)


def test_what_a_hole_hides_changes_nothing(stack: np.ndarray) -> None:
    """The error around a hole is that of the image without one, whatever was in it."""
    mask = np.zeros(stack.shape, bool)
    mask[:, 20:24, 30:34] = True
    whole = last(run(QUICK, stack)).images["denoised"]
    holed = last(run(QUICK, np.where(mask, np.nan, stack))).images["denoised"]
    assert np.abs(holed - whole)[~mask].max() < 1.5 * SIGMA
    assert np.sqrt(np.mean((holed - whole)[~mask] ** 2)) < 0.1 * SIGMA


def test_noise_is_measured_on_the_frames_that_hold_numbers(stack: np.ndarray) -> None:
    (channel,) = measure(Recipe(axes="tyx"), stack)
    stack[[0, 1, 3, 4]] = np.nan  # those that would be sampled
    (alone,) = measure(Recipe(axes="tyx"), stack)
    assert alone.sigma == pytest.approx(channel.sigma, rel=0.1)


def test_a_volume_is_denoised_around_a_plane_without_numbers(stack: np.ndarray) -> None:
    stack[2] = np.nan
    recipe = Recipe(denoiser="tikhonov", noise={"sigma": SIGMA}, axes="zyx", volume=True)
    denoised = last(run(recipe, stack)).images["denoised"]
    np.testing.assert_array_equal(np.isnan(denoised), np.isnan(stack))


def test_missing_pixels_are_inpainted_with_those_that_are_marked(stack: np.ndarray) -> None:
    image, marked = stack[0].copy(), np.zeros((48, 64), np.uint8)
    marked[5:9, 5:9] = 1
    both = marked.copy()
    both[30, 40:44] = 1
    solver = {"name": "tikhonov", "weight": 0.05}

    def restored(measured: np.ndarray, mask: np.ndarray) -> np.ndarray:
        recipe = Recipe(job="restore", degradation={"name": "mask", "mask": mask}, solver=solver, noise={"sigma": SIGMA})
        return last(run(recipe, measured)).image

    wanted = restored(image, both)
    image[30, 40:44] = np.nan
    result = restored(image, marked)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(result, wanted, rtol=1e-5)


def test_a_restored_image_is_empty_where_the_measurement_is(stack: np.ndarray) -> None:
    image = stack[0].copy()
    image[10, 12] = np.nan
    recipe = Recipe(job="restore", degradation={"name": "downsample", "factor": 2}, solver="tikhonov", noise={"sigma": SIGMA})
    (result,) = last(run(recipe, image)).images.values()
    wanted = np.zeros(result.shape, bool)
    wanted[20:22, 24:26] = True
    np.testing.assert_array_equal(np.isnan(result), wanted)


@pytest.mark.parametrize("job", ["sample", "decompose"])
def test_every_image_of_a_result_is_empty_there(stack: np.ndarray, job: str) -> None:
    image = stack[0].copy()
    image[10, 12] = np.nan
    sampler = {"name": "moment-matched", "samples": 2, "iterations": 3}
    more = {"sampler": sampler} if job == "sample" else {"decomposition": {"levels": 1}}
    result = last(run(Recipe(job=job, denoiser="tikhonov", noise={"sigma": SIGMA}, axes="yx", **more), image))
    for found in result.images.values():
        assert np.isnan(found[..., 10, 12]).all()
        assert np.isnan(found).sum() == found[..., 10, 12].size


# precision


@pytest.mark.parametrize(("pedestal", "dtype"), [(4e9, np.uint32), (4e9, np.float64), (2**40, np.int64), (-(2**40), np.float64)])
def test_counts_on_a_large_pedestal_are_kept(stack: np.ndarray, pedestal: float, dtype: type) -> None:
    counts = np.rint(stack[:1]).astype(np.int64)
    wanted = last(run(QUICK, counts.astype(np.float32))).images["denoised"]
    result = last(run(QUICK, (counts + int(pedestal)).astype(dtype))).images["denoised"]
    assert result.dtype == np.float64
    np.testing.assert_allclose(result - pedestal, wanted, atol=0.01 * SIGMA)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_what_float32_holds_stays_float32(stack: np.ndarray, dtype: type) -> None:
    assert last(run(QUICK, np.rint(stack[:1]).astype(dtype))).images["denoised"].dtype == np.float32


def test_photon_counts_on_a_pedestal_are_kept(rng: np.random.Generator) -> None:
    counts = 2 * rng.poisson(np.tile(np.linspace(20, 200, 64), (48, 1)))

    def denoised(offset: int) -> np.ndarray:
        noise = {"name": "poisson", "gain": 2.0, "offset": float(offset), "read_noise": 0.0}
        recipe = Recipe(denoiser="unet-small", noise=noise, axes="yx")
        return last(run(recipe, (counts + offset).astype(np.int64))).images["denoised"]

    np.testing.assert_allclose(denoised(2**36) - 2**36, denoised(0), atol=0.2)
