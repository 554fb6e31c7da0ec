import json

import dask.array as da
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie.denoisers.network import Unet
from napari_tweedie.engine import Cancelled, Preview, Progress, last, measure, run
from napari_tweedie.recipe import Recipe


def denoised(image: object, **recipe: object) -> np.ndarray:
    return last(run(Recipe(**recipe), image)).images["denoised"]


def rms(image: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(image))))


@pytest.fixture
def noisy(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return scene + rng.normal(0, 0.1, scene.shape)


def test_noise_is_estimated_and_removed(noisy: np.ndarray, scene: np.ndarray) -> None:
    result = last(run(Recipe(), noisy))
    assert result.provenance["noise_levels"] == pytest.approx([0.1], rel=0.1)
    assert rms(result.images["denoised"] - scene) < 0.035
    assert result.images["denoised"].dtype == np.float32


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 1000.0), (1e-6, -3e-6), (50.0, 0.0)])
def test_grey_levels_keep_their_units(noisy: np.ndarray, gain: float, offset: float) -> None:
    expected = denoised(noisy, denoiser={"name": "unet-small", "precision": "float32"})
    scaled = denoised(gain * noisy + offset, denoiser={"name": "unet-small", "precision": "float32"})
    assert rms((scaled - offset) / gain - expected) < 1e-3


def test_counts_with_an_offset_keep_their_mean(noisy: np.ndarray) -> None:
    counts = np.clip(1000 + 200 * noisy, 0, None).astype(np.uint16)
    assert denoised(counts).mean() == pytest.approx(counts.mean(), rel=0.005)


def test_the_input_is_never_changed(noisy: np.ndarray) -> None:
    noisy.setflags(write=False)
    before = noisy.copy()
    denoised(noisy)
    np.testing.assert_array_equal(noisy, before)


@pytest.mark.parametrize("axes", ["tczyx", "czyx", "yxc"])
def test_other_axes_are_looped(axes: str, noisy: np.ndarray) -> None:
    """Every plane of a stack comes out as it does alone, with channels of their own range and noise."""
    sizes = {"t": 2, "c": 2, "z": 1, "y": 64, "x": 96}
    stack = np.empty([sizes[axis] for axis in axes])
    channel_gain = np.array([1.0, 50.0]).reshape([2 if axis == "c" else 1 for axis in axes])
    stack[:] = channel_gain * noisy.reshape([sizes[axis] if axis in "yx" else 1 for axis in axes])
    result = last(run(Recipe(axes=axes), stack))
    np.testing.assert_allclose(result.provenance["noise_levels"], [0.1, 5.0], rtol=0.1)
    alone = denoised(noisy).reshape([sizes[axis] if axis in "yx" else 1 for axis in axes])
    assert rms(result.images["denoised"] / channel_gain - alone) < 2e-3


def test_dask_equals_numpy(noisy: np.ndarray) -> None:
    stack = np.stack([noisy, noisy[::-1]])
    np.testing.assert_array_equal(denoised(da.from_array(stack, chunks=(1, 32, 32))), denoised(stack))


def test_colour_is_denoised_jointly_and_stays_8_bit(scene: np.ndarray, rng: np.random.Generator) -> None:
    clean = np.stack([scene, scene[::-1], 0.5 * scene], axis=-1) * 200
    noisy = np.clip(clean + rng.normal(0, 20, clean.shape), 0, 255).astype(np.uint8)
    result = denoised(noisy, axes="yxs")
    assert result.dtype == np.uint8
    assert rms(result - clean) < 0.5 * rms(noisy - clean)
    assert denoised(np.dstack([noisy, np.full((64, 96), 255, np.uint8)]), axes="yxs").shape == (64, 96, 3)


def test_same_recipe_same_pixels(noisy: np.ndarray) -> None:
    recipe = Recipe(job="degrade", noise={"sigma": 0.2}, seed=3)
    first, second = (last(run(recipe, noisy)).images["degraded"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = last(run(recipe.model_copy(update={"seed": 4}), noisy)).images["degraded"]
    assert rms(other - first) == pytest.approx(0.2 * np.sqrt(2), rel=0.05)


def test_a_result_replays_from_its_provenance(noisy: np.ndarray) -> None:
    result = last(run(Recipe(job="restore", degradation={"name": "gaussian-blur", "std": 1.0}), noisy))
    replayed = last(run(Recipe.model_validate(json.loads(json.dumps(result.provenance["recipe"]))), noisy))
    np.testing.assert_array_equal(replayed.image, result.image)
    assert set(result.provenance) >= {"version", "denoiser", "device", "noise_levels", "seconds", "data_residuals"}
    assert len(result.provenance["denoiser"]["weights"]) == 64


def test_deblurring_keeps_an_offset(scene: np.ndarray) -> None:
    recipe = {"degradation": {"name": "gaussian-blur", "std": 1.5}, "noise": {"sigma": 1.0}}
    measured = last(run(Recipe(job="degrade", **recipe), 1000 + 100 * scene)).images["degraded"]
    restored = last(run(Recipe(job="restore", **recipe), measured)).image
    assert restored.shape == scene.shape
    assert rms(restored - 1000 - 100 * scene) < 0.8 * rms(measured - 1000 - 100 * scene)
    assert restored.mean() == pytest.approx(measured.mean(), rel=0.002)


@pytest.mark.slow
@pytest.mark.parametrize("marks", ["nan", "zero"])
def test_missing_pixels_are_filled_whatever_they_hold(marks: str, scene: np.ndarray, rng: np.random.Generator) -> None:
    missing = rng.random(scene.shape) < 0.4
    measured = np.where(missing, np.nan if marks == "nan" else 0.0, 1000 + 100 * scene)
    recipe = Recipe(job="restore", degradation={"name": "mask", "mask": missing}, noise={"sigma": 0.0})
    restored = last(run(recipe, measured)).image
    assert rms(restored - 1000 - 100 * scene) < 8


@pytest.mark.slow
def test_a_mask_may_be_as_large_as_the_stack(scene: np.ndarray, rng: np.random.Generator) -> None:
    stack = np.stack([scene, scene[::-1]])
    missing = rng.random(stack.shape) < 0.3
    recipe = Recipe(job="restore", degradation={"name": "mask", "mask": missing}, noise={"sigma": 0.0})
    restored = last(run(recipe, np.where(missing, np.nan, stack))).image
    assert rms(restored - stack) < 0.08


def test_super_resolution_zooms(scene: np.ndarray) -> None:
    recipe = {"degradation": {"name": "downsample", "factor": 2}, "noise": {"sigma": 0.01}}
    small = last(run(Recipe(job="degrade", **recipe), scene))
    assert small.images["degraded"].shape == (32, 48)
    large = last(run(Recipe(job="restore", **recipe), small.images["degraded"]))
    assert large.image.shape == scene.shape
    assert large.zoom == (2, 2)


@pytest.mark.slow
def test_a_stack_is_deblurred_in_depth_without_rings_at_its_faces(rng: np.random.Generator) -> None:
    """Within 3 voxels of a face the error is at most a quarter larger than inside, though light came in from beyond."""
    truth = 1000 + 100 * (gaussian_filter(rng.normal(size=(32, 64, 64)), 2) > 0)
    point = np.zeros((9, 9, 9))
    point[4, 4, 4] = 1
    field = (slice(8, -8), slice(12, -12), slice(12, -12))
    blurred, psf = (gaussian_filter(volume.astype(float), (1.5, 1.0, 1.0)) for volume in (truth, point))
    measured = (blurred + rng.normal(0, 2, blurred.shape))[field]
    centre = np.zeros(measured.shape, bool)
    centre[3:-3, 3:-3, 3:-3] = True

    def error(boundary: str) -> np.ndarray:
        degradation = {"name": "psf-blur", "psf": psf, "boundary": boundary}
        recipe = Recipe(job="restore", volume=True, degradation=degradation, noise={"sigma": 2.0})
        return last(run(recipe, measured)).image - truth[field]

    padded = error("pad")
    assert rms(padded[~centre]) < 1.25 * rms(padded[centre])
    assert rms(padded) < 0.8 * rms(measured - truth[field])
    assert rms(error("circular")[~centre]) > 1.25 * rms(padded[~centre])


@pytest.mark.parametrize(
    ("image", "recipe", "message"),
    [
        (np.full((8, 8), np.nan), {}, "the image holds no numbers: every pixel is NaN, infinite or masked"),
        (np.zeros((8, 8), complex), {}, "complex numbers .complex128."),
        (np.zeros(8), {}, "at least two axes"),
        (np.zeros((3, 8, 8)), {"axes": "yx"}, "name 2 axes, but the image has 3"),
        (np.zeros((0, 8)), {}, "empty"),
        (np.zeros((8, 8)), {"volume": True}, "have no z"),
        (np.zeros((8, 8)), {"device": "cuda:77"}, "'cuda:77' is not on this machine"),
        (np.zeros((8, 8)), {"job": "restore", "degradation": {"name": "mask", "mask": np.zeros((4, 4))}}, r"\(4, 4\).*\(8, 8\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named(image: np.ndarray, recipe: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        last(run(Recipe(**recipe), image))


def test_missing_arrays_are_asked_for() -> None:
    recipe = Recipe(job="restore", degradation={"name": "psf-blur", "psf": {"name": "beads", "sha256": ""}})
    with pytest.raises(ValueError, match="needs an array: pass it beside the recipe, as psf=array"):
        last(run(recipe, np.zeros((8, 8))))
    with pytest.raises(ValueError, match="take no mask"):
        last(run(recipe, np.zeros((8, 8)), mask=np.zeros((8, 8))))
    assert last(run(recipe, np.random.default_rng(0).random((16, 16)), psf=np.ones((3, 3)))).image.shape == (16, 16)


@pytest.mark.parametrize("job", ["denoise", "restore"])
def test_known_images_are_in_the_grey_levels_of_the_image(job: str, scene: np.ndarray, rng: np.random.Generator) -> None:
    known = 1000 + 200 * np.stack([scene[::-1], scene, 1 - scene])
    denoiser = {"name": "empirical", "images": {"name": "known", "sha256": ""}}
    recipe = Recipe(job=job, denoiser=denoiser, solver="pnp-pgd", noise={"sigma": 20.0})
    with pytest.raises(ValueError, match="the denoiser 'empirical' needs an array: pass it beside the recipe, as images=array"):
        last(run(recipe, scene))
    result = last(run(recipe, known[1] + rng.normal(0, 20, scene.shape), images=known))
    error = rms(next(iter(result.images.values())) - known[1])
    assert error < (0.1 if job == "denoise" else 5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2)])
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_tiny_and_constant_images_come_back(shape: tuple[int, int], value: float) -> None:
    np.testing.assert_allclose(denoised(np.full(shape, value)), value, atol=1e-3)


def test_cancelling_stops_between_tiles(noisy: np.ndarray) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    steps = run(Recipe(tile=16), np.tile(noisy, (2, 2)), cancelled=cancelled)
    with pytest.raises(Cancelled):
        last(steps)
    assert len(asked) == 4


def test_progress_rises_to_one_and_the_last_preview_is_the_result(noisy: np.ndarray) -> None:
    recipe = Recipe(job="restore", degradation={"name": "gaussian-blur", "std": 1.0}, solver={"name": "hqs", "iterations": 4})
    steps, seen = run(recipe, np.stack([noisy, noisy])), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            result = end.value
            break
    shares = [step.share for step in seen if isinstance(step, Progress)]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    facts = [step.facts for step in seen if isinstance(step, Progress)]
    assert facts[3]["residual"] == pytest.approx(result.provenance["data_residuals"][0], rel=1e-4)
    assert [fact["iteration"] for fact in facts] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert facts[0]["noise_level"] == pytest.approx(result.provenance["noise_levels"][0], rel=1e-5)
    for name in ("residual", "change"):
        assert result.provenance["convergence"][name] == pytest.approx([fact[name] for fact in facts[4:]], rel=1e-4)
    assert [step.stage for step in seen if isinstance(step, Progress)][5] == "image 2 of 2 · iteration 2 of 4"
    assert [step for step in seen if isinstance(step, Preview)][-1].images["deblurred"] is result.image


@pytest.mark.parametrize(
    ("solver", "denoiser"),
    [("richardson-lucy", {"name": "unet"}), ("red-fp", {"name": "gaussian"}), ("hqs", {"name": "gaussian"})],
)
def test_a_known_objective_is_reported_and_falls(solver: str, denoiser: dict[str, str], noisy: np.ndarray) -> None:
    """Splitting with a falling strength minimises no one function, and states none."""
    chosen = {"name": solver, "iterations": 5} | ({"smoothing": 0, "accelerated": False} if solver == "richardson-lucy" else {})
    blur = {"name": "gaussian-blur", "std": 1.0, "boundary": "circular"}
    recipe = Recipe(job="restore", degradation=blur, solver=chosen, denoiser=denoiser, noise={"sigma": 8.0})
    steps = [step.facts for step in run(recipe, noisy) if isinstance(step, Progress)]
    reported = last(run(recipe, noisy)).provenance["convergence"]
    if solver == "hqs":
        assert "objective" not in reported
        return
    assert reported["objective"] == pytest.approx([fact["objective"] for fact in steps], rel=1e-4)
    assert reported["objective"] == sorted(reported["objective"], reverse=True)


@pytest.mark.parametrize("times", [1, 3])
def test_out_of_memory_is_retried_with_smaller_tiles(times: int, noisy: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    honest, sizes = Unet.__call__, []

    def greedy(self: Unet, x: torch.Tensor, sigma: object) -> torch.Tensor:
        sizes.append(x.shape)
        if len(sizes) <= times:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(self, x, sigma)

    expected = denoised(noisy)
    monkeypatch.setattr(Unet, "__call__", greedy)
    result = last(run(Recipe(tile=1024), noisy))
    assert result.provenance["tile"] == 1024 // 2**times
    assert ["ran short" in note for note in result.notes] == [False, True]
    np.testing.assert_allclose(result.images["denoised"], expected, atol=2e-3)


def test_out_of_memory_for_good_is_a_clear_error(noisy: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(self: Unet, x: torch.Tensor, sigma: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Unet, "__call__", greedy)
    with pytest.raises(MemoryError, match="tiles of 128 pixels"):
        last(run(Recipe(), noisy))


def test_other_errors_are_not_swallowed(noisy: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Unet, x: torch.Tensor, sigma: object) -> torch.Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Unet, "__call__", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        last(run(Recipe(), noisy))


def test_the_callers_gradient_mode_is_left_alone(noisy: np.ndarray) -> None:
    steps = run(Recipe(), noisy)
    next(steps)
    assert torch.is_grad_enabled()
    last(steps)


def test_noise_levels_are_those_of_the_run(noisy: np.ndarray) -> None:
    measured = [channel.sigma for channel in measure(Recipe(), noisy)]
    assert measured == last(run(Recipe(), noisy)).provenance["noise_levels"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_agrees_with_the_cpu(noisy: np.ndarray) -> None:
    precise = {"denoiser": {"name": "unet-small", "precision": "float32"}}
    np.testing.assert_allclose(denoised(noisy, device="cuda", **precise), denoised(noisy, device="cpu", **precise), atol=1e-3)


def test_a_solver_that_diverges_far_from_the_image_is_refused(noisy: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def exploding(self: Unet, x: torch.Tensor, sigma: object) -> torch.Tensor:
        return 100 * x

    monkeypatch.setattr(Unet, "__call__", exploding)
    recipe = Recipe(job="restore", solver="pnp-pgd", degradation="gaussian-blur")
    with pytest.raises(ValueError, match="restore with 'unet', 'gaussian-blur', 'pnp-pgd' gave 'deblurred' values from"):
        last(run(recipe, np.stack([noisy, noisy])))


def test_the_distance_of_planes_reaches_the_denoiser_of_volumes(rng: np.random.Generator) -> None:
    """A stack that is sharp within planes and unrelated across them comes out better once their distance is known."""
    planes = gaussian_filter(rng.random((6, 64, 64)), (0, 3, 3))
    clean = (planes - planes.min()) / np.ptp(planes)
    noisy = clean + rng.normal(0, 0.1, clean.shape)
    far, unknown = (
        denoised(noisy, volume=True, spacing=spacing, noise={"sigma": 0.1}) for spacing in ((8.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    )
    assert rms(far - clean) < 0.8 * rms(unknown - clean)
