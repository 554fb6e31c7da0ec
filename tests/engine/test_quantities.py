"""Are numbers of regions, and their intervals, those of the image that was measured?"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_tweedie as nt
from napari_tweedie.analysis.quantity import compare
from napari_tweedie.images.picture import Picture

LABELS = np.zeros((24, 24), np.uint8)
LABELS[2:12, 2:12] = 1
LABELS[14:22, 4:20] = 2


def find(quantities, region, name):  # type: ignore[no-untyped-def]
    return next(each for each in quantities if (each.region, each.name) == (region, name))


def test_a_regions_mean_is_as_uncertain_as_the_posterior_of_independent_pixels_says() -> None:
    """Prior N(offset, (½ range)²) and noise 20 pixel by pixel: the mean of n pixels has the standard deviation of one over √n."""
    y = np.random.default_rng(0).normal(100, 40, (24, 24))
    result = nt.sample(y, samples=400, sigma=20.0, denoiser={"name": "gaussian", "std": 0.5}, outliers="keep")
    low, high = np.percentile(y, (0.1, 99.9))
    prior, noise = (0.5 * (high - low)) ** 2, 20.0**2
    shrinkage = prior / (prior + noise)
    found = nt.measure(result, LABELS)
    mean = find(found, 2, "mean")
    assert mean.value == pytest.approx(low + shrinkage * (y - low)[LABELS == 2].mean(), rel=0.01)
    assert mean.std == pytest.approx((shrinkage * noise / 128) ** 0.5, rel=0.1)
    assert find(found, 2, "integrated").std == pytest.approx(128 * mean.std)


def exact(y: np.ndarray) -> tuple[float, float, float]:
    """Return black, shrinkage and variance of a pixel of the Gaussian posterior above, of images in grey levels."""
    low, high = np.percentile(y, (0.1, 99.9))
    prior = (0.5 * (high - low)) ** 2
    return low, prior / (prior + 400), prior / (prior + 400) * 400


def test_without_samples_a_region_is_as_uncertain_as_the_posterior_says() -> None:
    """The same prior and noise; pixels that are missing are in no region."""
    y = np.random.default_rng(0).normal(100, 40, (24, 24))
    y[2:4, 2:12] = np.nan
    found = nt.measure(y, LABELS, sigma=20.0, denoiser={"name": "gaussian", "std": 0.5}, outliers="keep")
    low, shrinkage, variance = exact(y[np.isfinite(y)])
    for region, pixels in ((1, 80), (2, 128)):
        mean, total = find(found, region, "mean"), find(found, region, "integrated")
        inside = (region == LABELS) & np.isfinite(y)
        assert inside.sum() == pixels
        assert mean.value == pytest.approx(low + shrinkage * (y[inside] - low).mean(), rel=0.01)
        assert mean.std == pytest.approx((variance / pixels) ** 0.5, rel=0.02)
        assert mean.interval[1] - mean.value == pytest.approx(1.645 * mean.std, rel=1e-3)
        assert total.std == pytest.approx(pixels * mean.std)
    apart = compare(find(found, 1, "mean"), find(found, 2, "mean")).difference
    assert apart.std == pytest.approx((variance / 80 + variance / 128) ** 0.5, rel=0.02)


def test_regions_that_share_errors_differ_by_less_than_two_that_do_not() -> None:
    """Neighbours of a smooth prior err together."""
    y = np.random.default_rng(0).normal(100, 20, (32, 48))
    labels = np.zeros((32, 48), int)
    labels[8:24, 18:22], labels[8:24, 22:26] = 4, 9
    found = nt.measure(y, labels, sigma=20.0, denoiser="heat", outliers="keep")
    first, second = find(found, 4, "mean"), find(found, 9, "mean")
    together, apart = (compare(first, second, together=one_go).difference.std for one_go in (True, False))
    assert together < 0.8 * apart
    assert apart == pytest.approx(np.hypot(first.std, second.std))


def test_regions_of_a_stack_are_added_up_over_its_planes_and_told_apart_over_its_frames() -> None:
    y = np.random.default_rng(1).normal(100, 40, (2, 3, 24, 24))
    labels = np.broadcast_to(LABELS, (3, 24, 24))
    picture = Picture(y, "tzyx", (1.0, 1.0, 0.5, 0.5), "micrometer")
    given = {"sigma": 20.0, "denoiser": {"name": "gaussian", "std": 0.5}, "outliers": "keep"}
    found = [each for each in nt.measure(picture, labels, **given) if each.name == "mean"]
    assert [(each.region, each.frame) for each in found] == [(1, (0,)), (2, (0,)), (1, (1,)), (2, (1,))]
    _, _, variance = exact(y)
    assert [each.std for each in found] == pytest.approx([(variance / (3 * n)) ** 0.5 for n in (100, 128)] * 2, rel=0.02)
    assert compare(found[0], found[2]).difference.std == pytest.approx(2**0.5 * found[0].std)
    flat = [each for each in nt.measure(picture, LABELS, **given) if each.name == "mean"]
    assert len(flat) == 2 * 2 * 3


def test_a_profile_has_the_band_of_its_pixels() -> None:
    y = np.random.default_rng(0).normal(100, 40, (24, 24))
    given = {"sigma": 20.0, "denoiser": {"name": "gaussian", "std": 0.5}, "outliers": "keep"}
    line = nt.profile(y, (5, 3), (5, 15), **given)
    low, shrinkage, variance = exact(y)
    np.testing.assert_allclose(line.mean, low + shrinkage * (y[5, 3:16] - low), rtol=0.01)
    np.testing.assert_allclose((line.upper - line.lower) / 2, 1.645 * variance**0.5, rtol=0.02)
    np.testing.assert_allclose(line.distance, np.arange(13))
    between = nt.profile(y, (5.5, 3), (5.5, 15), **given)  # the mean of two pixels
    np.testing.assert_allclose((between.upper - between.lower) / 2, 1.645 * (variance / 2) ** 0.5, rtol=0.02)


def test_without_noise_nothing_is_uncertain_and_what_needs_samples_says_so() -> None:
    y = np.random.default_rng(0).normal(100, 40, (24, 24))
    (mean, *_) = nt.measure(y, LABELS, sigma=0.0, denoiser="unet-small")
    assert (mean.value, mean.std) == (pytest.approx(y[LABELS == 1].mean()), 0)
    with pytest.raises(ValueError, match="need samples: measure what the job sample returns"):
        nt.run(nt.Recipe(job="measure", regions={"threshold": 3.0}), y, labels=LABELS)
    with pytest.raises(ValueError, match="the last axes must agree"):
        nt.measure(y, LABELS[:5], sigma=20.0, denoiser="unet-small")
    with pytest.raises(ValueError, match="no pixel has a label"):
        nt.measure(y, 0 * LABELS, sigma=20.0, denoiser="unet-small")


def test_samples_that_are_there_are_measured_in_the_units_of_the_pixels() -> None:
    y = np.random.default_rng(1).normal(100, 20, (2, 24, 24))
    y[1] += 60
    picture = Picture(y, "tyx", (1.0, 0.5, 0.5), "micrometer")
    result = nt.sample(picture, samples=8, denoiser="unet-small", sigma=20.0)
    found = nt.measure(result, LABELS, threshold=120)
    area = find(found, 1, "area")
    samples = result.images["samples"]
    assert area.unit == "micrometer²"
    assert area.value == pytest.approx(0.25 * (samples[:, 0][:, LABELS == 1] > 120).sum(1).mean())
    first, second = (each for each in found if (each.region, each.name) == (1, "mean"))
    assert (first.frame, second.frame) == ((0,), (1,))
    assert compare(first, second).probability > 0.99
    with pytest.raises(ValueError, match="intervals need samples of the posterior, and this result holds denoised"):
        nt.measure(nt.denoise(y[0], "unet-small", sigma=20.0), LABELS)


def test_the_command_writes_the_table_that_python_returns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from napari_tweedie.analysis.measurements import as_csv
    from napari_tweedie.cli import app

    y = np.random.default_rng(1).normal(100, 20, (24, 24)).astype(np.float32)
    for name, data in (("image.tif", y), ("labels.tif", LABELS)):
        nt.write(tmp_path / name, data, "yx")
    paths = [str(tmp_path / name) for name in ("image.tif", "labels.tif", "table.csv")]
    options = ["--samples", "4", "--sigma", "20", "--denoiser", "unet-small", "--threshold", "100", "--difference", "1", "2"]
    ended = CliRunner().invoke(app, ["measure", *paths, *options])
    assert ended.exit_code == 0, ended.output
    assert "larger with a probability of" in ended.output
    instant = CliRunner().invoke(app, ["measure", *paths, *options[2:6], "--difference", "1", "2"])
    assert instant.exit_code == 0, instant.output
    assert "larger with a probability of" in instant.output
    assert (tmp_path / "table.csv").read_text() == as_csv(nt.measure(y, LABELS, sigma=20.0, denoiser="unet-small"))
    assert CliRunner().invoke(app, ["measure", *paths, *options]).exit_code == 0
    expected = nt.measure(y, LABELS, threshold=100, samples=4, sigma=20.0, denoiser="unet-small")
    assert (tmp_path / "table.csv").read_text() == as_csv(expected)
    refused = CliRunner().invoke(app, ["measure", *paths, *options[:-1], "7"])
    assert "there is no region 7: the image of labels has 1, 2" in str(refused.exception)


WHOLE = "labels, whole numbers from 0"


@pytest.fixture(scope="module")
def sampled() -> nt.Result:
    return nt.sample(np.random.default_rng(2).normal(100, 20, (24, 24)), samples=4, denoiser="tikhonov", device="cpu")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (-LABELS.astype(int), WHOLE),
        (0.5 * LABELS, WHOLE),
        (np.where(LABELS, np.nan, 0), WHOLE),
        (np.where(LABELS, np.inf, 0), WHOLE),
        (LABELS * 1j, "complex numbers"),
        (LABELS.astype(str), "not numbers"),
        (0 * LABELS, "no pixel has a label"),
    ],
)
def test_regions_that_are_no_labels_are_refused_before_anything_is_sampled(labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nt.measure("no such image", labels)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"level": "a"}, "level: should be a valid number"),
        ({"level": np.nan}, "level: should be a finite number"),
        ({"threshold": np.nan}, "threshold: should be a finite number"),
        ({"threshold": [1.0]}, "threshold: should be a valid number"),
        ({"samples": 3}, "an interval needs at least 4 samples"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sampled(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nt.measure("no such image", LABELS, **asked)


@pytest.mark.parametrize("factor", [2**40, 10**7])
def test_labels_may_be_huge_or_floats(factor: int, sampled: nt.Result) -> None:
    found, plain = nt.measure(sampled, LABELS * float(factor)), nt.measure(sampled, LABELS)
    assert [each.region for each in found] == [factor * each.region for each in plain]
    assert [each.value for each in found] == [each.value for each in plain]
