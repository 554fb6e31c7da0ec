import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import degradations
from napari_tweedie.analysis import inspections
from napari_tweedie.analysis.poisson import PoissonEditing
from napari_tweedie.denoisers.exact import Gaussian
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe
from napari_tweedie.samplers.interval import Interval


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
    small = {"name": "adaptive-basis", "side": 32}
    with pytest.raises(ValueError, match="at most 32 pixels"):
        last(run(Recipe(job="inspect", inspection=small, noise={"sigma": 1.0}), np.eye(33)))


def test_every_inspection_is_in_the_registry() -> None:
    assert inspections.registry.names() == ["score", "strength", "adaptive-basis", "ideal"]


STD, NOISE = 50.0, 25.0


@pytest.fixture(scope="module")
def measured() -> tuple[np.ndarray, np.ndarray, dict[str, object]]:
    """A Gaussian field, a noisy measurement of it, and a recipe whose denoiser knows its statistics."""
    rng = np.random.default_rng(0)
    clean = 1000 + STD * rng.standard_normal((2, 48, 40))
    noisy = (clean + NOISE * rng.standard_normal(clean.shape)).astype(np.float32)
    low, high = np.percentile(noisy, (0.1, 99.9))
    fields = {"denoiser": {"name": "gaussian", "std": STD / (high - low), "slope": 0.0}, "noise": {"sigma": NOISE}}
    return clean, noisy, fields


def test_samples_have_the_posterior_spread_in_grey_levels(measured: tuple[np.ndarray, np.ndarray, dict[str, object]]) -> None:
    _, noisy, fields = measured
    result = last(run(Recipe(job="sample", sampler={"name": "moment-matched", "samples": 32}, **fields), noisy))
    assert list(result.images) == ["mean", "std", "lower 90 %", "upper 90 %", "samples"]
    assert result.images["samples"].shape == (32, 2, 48, 40)
    exact = STD * NOISE / np.hypot(STD, NOISE)
    assert np.sqrt(np.square(result.images["std"]).mean()) == pytest.approx(exact, rel=0.05)
    np.testing.assert_allclose(result.images["mean"], result.images["samples"].mean(0), rtol=1e-4)
    width = result.images["upper 90 %"] - result.images["lower 90 %"]
    np.testing.assert_allclose(width, 2 * 1.746 * result.images["std"], rtol=1e-3)  # Student's t, 16 degrees of freedom


def test_samples_replay_and_extend(measured: tuple[np.ndarray, np.ndarray, dict[str, object]]) -> None:
    _, noisy, fields = measured
    few = last(run(Recipe(job="sample", sampler={"name": "moment-matched", "samples": 2}, seed=5, **fields), noisy))
    again = last(run(Recipe.model_validate(few.provenance["recipe"]), noisy))
    more = last(run(Recipe(job="sample", sampler={"name": "moment-matched", "samples": 4}, seed=5, **fields), noisy))
    np.testing.assert_array_equal(again.images["samples"], few.images["samples"])
    np.testing.assert_allclose(more.images["samples"][:2], few.images["samples"], rtol=1e-5)
    assert not np.allclose(few.images["samples"][0, 0], few.images["samples"][0, 1])


def test_samplers_that_do_not_draw_from_the_posterior_get_no_standard_deviation(
    measured: tuple[np.ndarray, np.ndarray, dict[str, object]],
) -> None:
    _, noisy, fields = measured
    result = last(run(Recipe(job="sample", sampler={"name": "ddrm", "samples": 2}, **fields), noisy[0]))
    assert list(result.images) == ["diverse samples"]


def test_the_instant_standard_deviation_is_exact(measured: tuple[np.ndarray, np.ndarray, dict[str, object]]) -> None:
    _, noisy, fields = measured
    result = last(run(Recipe(job="denoise", probes=4, **fields), noisy))
    exact = STD * NOISE / np.hypot(STD, NOISE)
    np.testing.assert_allclose(result.images["std"], exact, rtol=0.02)


def test_the_spread_of_photon_noise_follows_the_light() -> None:
    rng = np.random.default_rng(0)
    light = np.repeat([[20.0], [80.0]], 32, 0) * np.ones((64, 64))
    counts = 2.0 * rng.poisson(light) + 100
    noise = {"name": "poisson", "gain": 2.0, "offset": 100.0, "read_noise": 0.0}
    fields = {"noise": noise, "denoiser": {"name": "gaussian", "std": 100.0}}  # a denoiser that knows nothing
    instant = last(run(Recipe(job="denoise", probes=4, **fields), counts)).images["std"]
    sampled = last(run(Recipe(job="sample", sampler={"name": "moment-matched", "samples": 64}, **fields), counts)).images["std"]
    for std in (instant, sampled):
        assert std[:32].mean() == pytest.approx(2 * 20**0.5, rel=0.1)
        assert std[32:].mean() == pytest.approx(2 * 80**0.5, rel=0.1)


BLURRED = {
    "denoiser": {"name": "gaussian", "std": 0.3},
    "degradation": {"name": "gaussian-blur", "std": 1.0, "boundary": "circular"},
}


def test_calibration_says_that_it_takes_photon_noise_as_gaussian() -> None:
    sampler = {"name": "split-gibbs", "samples": 2, "iterations": 2}
    image = 100 + np.random.default_rng(0).random((32, 32))
    for noise, said in (({"name": "poisson", "gain": 2.0, "offset": 0.0, "read_noise": 1.0}, True), ({"sigma": 1.0}, False)):
        notes = last(run(Recipe(job="calibrate", noise=noise, sampler=sampler, **BLURRED), image)).notes
        assert any("Photon noise" in note for note in notes) == said


def test_a_blurred_image_of_counted_light_is_restored_in_its_grey_levels() -> None:
    """50 photons a pixel in a smooth disc: its light is kept to half a percent, and none is negative."""
    rng = np.random.default_rng(0)
    distance = np.hypot(*(np.indices((64, 64)) - 32))
    light = 50 / (1 + np.exp(distance - 12))
    counts = 100 + 2 * rng.poisson(light) + rng.normal(0, 2, light.shape)
    noise = {"name": "poisson", "gain": 2.0, "offset": 100.0, "read_noise": 2.0}
    solver = {"name": "hqs", "iterations": 8}
    blur = {"name": "gaussian-blur", "std": 1.0}
    result = last(run(Recipe(job="restore", denoiser="unet-small", degradation=blur, noise=noise, solver=solver), counts))
    restored = result.image - 100
    assert restored.min() >= -1e-3
    assert restored.sum() == pytest.approx((counts - 100).sum(), rel=0.005)
    assert np.abs(restored - 2 * light).mean() < 0.5 * np.abs(counts - 100 - 2 * light).mean()
    assert result.provenance["data_residuals"][0] / result.provenance["noise_levels"][0] == pytest.approx(1, abs=0.1)


def test_colour_is_refused_where_it_has_no_meaning() -> None:
    for job in ("sample", "decompose", "inspect"):
        with pytest.raises(ValueError, match="split the layer into channels"):
            last(run(Recipe(job=job, axes="yxs", noise={"sigma": 5}), np.zeros((8, 8, 3), np.uint8)))


def test_an_interval_that_is_true_is_found_to_be() -> None:
    like = torch.zeros((1, 1, 64, 64))
    field = Gaussian(std=STD, slope=2.0).draw(like, torch.Generator().manual_seed(1))[0, 0].numpy()
    low, high = np.percentile(field, (0.1, 99.9))
    denoiser = {"name": "gaussian", "std": STD / (high - low), "slope": 2.0}
    sampler = {"name": "moment-matched", "samples": 32}
    result = last(run(Recipe(job="calibrate", sampler=sampler, denoiser=denoiser, noise={"sigma": NOISE}), 1000 + field))
    read = result.provenance["read"]
    assert not result.images
    assert read["coverage"] == pytest.approx(0.9, abs=0.03)
    assert read["factor"] == pytest.approx(1, abs=0.1)
    assert read["coverage_corrected"] == pytest.approx(0.9, abs=0.02)
    assert (read["images"], read["pixels"]) == (1, field.size)


def test_an_interval_that_is_too_narrow_is_widened(measured: tuple[np.ndarray, np.ndarray, dict[str, object]]) -> None:
    clean, _, fields = measured
    fields = fields | {"denoiser": {"name": "gaussian", "std": 0.02}}  # far too sure of itself
    read = last(run(Recipe(job="calibrate", **fields), clean)).provenance["read"]
    assert read["coverage"] < 0.7
    assert read["factor"] > 1.5
    assert read["coverage_corrected"] == pytest.approx(0.9, abs=0.01)


def test_the_factor_is_that_of_the_whole_image_and_checked_by_halves() -> None:
    """On one side the truth is rougher than the denoiser believes: the halves disagree, and neither alone decides."""
    field = Gaussian(std=STD, slope=2.0).draw(torch.zeros((1, 1, 64, 64)), torch.Generator().manual_seed(1))[0, 0].numpy()
    field[:, 32:] += NOISE * np.random.default_rng(1).standard_normal((64, 32))
    low, high = np.percentile(field, (0.1, 99.9))
    fields = {"denoiser": {"name": "gaussian", "std": STD / (high - low), "slope": 2.0}, "noise": {"sigma": NOISE}}
    recipe = Recipe(job="calibrate", sampler={"name": "moment-matched", "samples": 8}, **fields)
    read, mirrored = (last(run(recipe, image)).provenance["read"] for image in (field, field[:, ::-1].copy()))
    smooth, rough = read["coverage_of_halves"]
    assert smooth > 0.93
    assert rough < 0.85
    assert mirrored["coverage_of_halves"] == pytest.approx([rough, smooth], abs=0.03)
    assert read["coverage_corrected"] == pytest.approx((smooth + rough) / 2)
    assert mirrored["factor"] == pytest.approx(read["factor"], rel=0.05)


@pytest.mark.parametrize(("own", "told"), [(0.0, False), (2.0, True)])
def test_noise_of_the_clean_image_is_told(scene: np.ndarray, own: float, told: bool) -> None:
    clean = 255 * scene + own * np.random.default_rng(0).standard_normal(scene.shape)
    recipe = Recipe(job="calibrate", denoiser="unet-small", sampler={"name": "moment-matched", "samples": 2}, noise={"sigma": 10})
    notes = last(run(recipe, clean)).notes
    assert any("noisy itself" in note for note in notes) is told


def test_what_is_known_of_the_interval_is_told(measured: tuple[np.ndarray, np.ndarray, dict[str, object]]) -> None:
    _, noisy, fields = measured
    sampler = {"name": "moment-matched", "samples": 2}
    for coverage, told in ((0.904, "90 % interval, measured coverage 90.4 %"), (None, "90 % interval, not calibrated")):
        result = last(run(Recipe(job="sample", sampler=sampler, interval={"coverage": coverage}, **fields), noisy[0]))
        assert result.provenance["interval"] == told
    one = last(run(Recipe(job="sample", sampler={**sampler, "samples": 1}, **fields), noisy[0]))
    assert "interval" not in one.provenance


def test_samples_of_the_prior_have_its_spread() -> None:
    fields = {"job": "synthesise", "denoiser": {"name": "gaussian", "std": 0.2}}
    sampler = {"name": "moment-matched", "samples": 4, "iterations": 20}
    images = last(run(Recipe(**fields, sampler=sampler), np.zeros((48, 40)))).images["synthesised"]
    assert images.shape == (4, 48, 40)
    assert images.std() == pytest.approx(0.2, rel=0.05)
    ascent = {"name": "implicit-prior", "samples": 1, "beta": 0.5, "iterations": 300}
    result = last(run(Recipe(**fields, sampler=ascent), np.zeros((40, 40))))
    assert result.images["synthesised"].std() > 0.1
    with pytest.raises(ValueError, match="needs a measurement"):
        last(run(Recipe(**fields, sampler="split-gibbs"), np.zeros((8, 8))))


@pytest.mark.parametrize("gradients", ["replace", "maximum", "average"])
def test_a_region_is_blended_in_every_slice_as_by_hand(image: np.ndarray, gradients: str) -> None:
    region = np.zeros((32, 28), bool)
    region[5:20, 8:25] = True
    source = np.random.default_rng(1).random(image.shape)
    recipe = Recipe(job="blend", blending={"region": {"name": "marks"}, "source": {"name": "other"}, "gradients": gradients})
    result = last(run(recipe, image, region=region, source=source))
    expected = PoissonEditing(region=region, source=source, gradients=gradients)(image)
    np.testing.assert_array_equal(result.images["blended"], expected)
    stored = Recipe.model_validate(result.provenance["recipe"])
    again = last(run(stored, image, region=region, source=source))
    np.testing.assert_array_equal(again.images["blended"], expected)


def test_a_slice_without_marks_stays_and_dead_pixels_are_filled(image: np.ndarray) -> None:
    region = np.zeros(image.shape, bool)
    region[1, 3:9, 4:12] = True
    data = np.where(region, np.nan, image)
    blended = last(run(Recipe(job="blend", blending={"region": region}), data)).images["blended"]
    np.testing.assert_array_equal(blended[~region], data[~region].astype(np.float32))
    inside, around = blended[1, 3:9, 4:12], data[1, 2:10, 3:13]
    assert np.nanmin(around) <= inside.min() <= inside.max() <= np.nanmax(around)  # the maximum principle


def test_colour_is_blended_channel_by_channel() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    region = np.zeros((24, 20), bool)
    region[5:15, 6:12] = True
    blended = last(run(Recipe(job="blend", axes="yxs", blending={"region": region}), rgb)).images["blended"]
    assert (blended.shape, blended.dtype) == (rgb.shape, np.uint8)
    np.testing.assert_array_equal(blended[~region], rgb[~region])
    expected = PoissonEditing(region=region)(np.moveaxis(rgb, -1, 0))
    np.testing.assert_allclose(np.moveaxis(blended, -1, 0), expected, atol=0.51)


def test_blending_says_what_it_needs(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="needs a region"):
        last(run(Recipe(job="blend"), image))
    with pytest.raises(ValueError, match="needs an array: pass it beside the recipe, as region=array"):
        last(run(Recipe(job="blend", blending={"region": {"name": "marks"}}), image))


def test_a_standard_deviation_of_more_than_noise_is_marked_until_it_is_calibrated(
    measured: tuple[np.ndarray, np.ndarray, dict[str, object]],
) -> None:
    _, noisy, fields = measured
    recipe = Recipe(job="sample", sampler={"name": "split-gibbs", "samples": 2, "iterations": 3}, **fields)
    blurred = recipe.model_copy(update={"degradation": degradations.load("gaussian-blur")})
    calibrated = blurred.model_copy(update={"interval": Interval(factor=1.2, coverage=0.9)})
    told = [last(run(job, noisy[0])).notes for job in (recipe, blurred, calibrated)]
    assert [sum("until it is calibrated" in note for note in notes) for notes in told] == [0, 1, 0]


@pytest.mark.parametrize(
    ("std", "sigma", "said"), [(1.5, 5.0, ""), (4.0, 5.0, "point-spread function is wrong"), (1.5, 1.5, "level is too low")]
)
def test_a_restoration_says_which_assumption_is_likely_wrong(std: float, sigma: float, said: str) -> None:
    """A blur of 1.5 pixels and noise of 5 grey levels, of which one is told wrong."""
    rng = np.random.default_rng(0)
    clean = 200.0 * (np.indices((64, 64)).sum(0) // 8 % 2)
    noisy = gaussian_filter(clean, 1.5) + rng.normal(0, 5, clean.shape)
    degradation = {"name": "gaussian-blur", "std": std}
    recipe = Recipe(job="restore", degradation=degradation, noise={"sigma": sigma}, solver="wiener")
    notes = [note for note in last(run(recipe, noisy)).notes if "leaves of the measurement" in note]
    assert len(notes) == bool(said)
    assert all(said in note for note in notes)
