import csv
import io

import numpy as np
import pytest
from scipy import ndimage, stats

from napari_tweedie.analysis.measurements import as_csv, as_features, measure_regions, widened
from napari_tweedie.analysis.quantity import compare

REGIONS = np.zeros((24, 30), int)
REGIONS[2:10, 3:12] = 1
REGIONS[12:20, 5:25] = 3


def correlated(count: int, rng: np.random.Generator) -> np.ndarray:
    """Images whose pixels err together, with a standard deviation of 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal((count, 24, 30)), (0, 2, 2), mode="wrap")
    return noise / np.sqrt((ndimage.gaussian_filter(np.eye(1, 24 * 30).reshape(24, 30), 2, mode="wrap") ** 2).sum())


def find(quantities, region, name):  # type: ignore[no-untyped-def]
    return next(each for each in quantities if (each.region, each.name) == (region, name))


def test_the_interval_of_a_mean_holds_the_truth_as_often_as_it_says() -> None:
    """The truth is one more draw of the same posterior; independent pixels would be sure of the mean of 160 of them."""
    rng, held = np.random.default_rng(0), []
    for _ in range(300):
        draws = correlated(17, rng)
        mirrored = np.concatenate([draws[:8], 2 * 0.0 - draws[:8]])  # antithetic pairs about the posterior mean, 0
        for quantity in measure_regions(mirrored, REGIONS):
            low, high = quantity.interval
            inside = draws[16][quantity.region == REGIONS]
            held.append(low <= (inside.mean() if quantity.name == "mean" else inside.sum()) <= high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.035)
    widths = find(measure_regions(correlated(400, rng), REGIONS), 3, "mean").std
    assert widths > 3 / np.sqrt((REGIONS == 3).sum())


def test_a_sum_is_the_mean_times_the_pixels_and_areas_count_what_is_above() -> None:
    samples = np.random.default_rng(1).normal(5, 1, (8, 24, 30))
    found = measure_regions(samples, REGIONS, threshold=5.5, pixel=0.25, unit="µm²")
    mean, total, area = (find(found, 3, name) for name in ("mean", "integrated", "area"))
    np.testing.assert_allclose(total.draws, mean.draws * (REGIONS == 3).sum())
    np.testing.assert_allclose(area.draws, 0.25 * (samples[:, REGIONS == 3] > 5.5).sum(1))
    assert area.unit == "µm²"
    assert {each.region for each in found} == {1, 3}


def test_counts_have_a_distribution() -> None:
    """One bright spot in every sample, a second one in a quarter of them, diagonal neighbours of it count as one."""
    samples = np.zeros((16, 24, 30))
    samples[:, 4, 5] = samples[:, 5, 6] = 9
    samples[:4, 8, 10] = 9
    count = find(measure_regions(samples, REGIONS, threshold=1), 1, "count")
    assert count.distribution == {1.0: 0.75, 2.0: 0.25}
    assert count.interval == (1, 2)
    assert find(measure_regions(samples, REGIONS, threshold=1), 3, "count").interval == (0, 0)


def test_the_probability_of_a_difference_is_that_of_students_law() -> None:
    samples = np.random.default_rng(2).normal(0, 1, (16, 24, 30))
    samples[:, REGIONS == 3] += 0.1
    first, second = (find(measure_regions(samples, REGIONS), region, "mean") for region in (1, 3))
    found, draws = compare(first, second), second.draws - first.draws
    assert found.probability == pytest.approx(stats.t.cdf(draws.mean() / draws.std(), 8))
    assert compare(second, first).probability == pytest.approx(1 - found.probability)
    assert compare(first, first).probability == 0.5
    apart = compare(first, second, together=False)
    assert apart.difference.std == pytest.approx(np.hypot(first.std, second.std))
    with pytest.raises(ValueError, match="a mean and a integrated cannot be compared"):
        compare(first, find(measure_regions(samples, REGIONS), 1, "integrated"))


def test_frames_are_measured_one_by_one() -> None:
    samples = np.random.default_rng(3).normal(0, 1, (6, 2, 24, 30))
    samples[:, 1] += 4
    found = measure_regions(samples, REGIONS)
    frames = [each for each in found if (each.region, each.name) == (1, "mean")]
    assert [each.frame for each in frames] == [(0,), (1,)]
    assert compare(*frames).probability > 0.999


def test_regions_may_differ_between_frames() -> None:
    """An object that moves is the same region where it is, and not the space that it leaves."""
    samples = np.random.default_rng(3).normal(0, 1, (6, 2, 24, 30))
    moving = np.stack([REGIONS == 1, np.roll(REGIONS == 1, 6, axis=1)]).astype(int)
    found = measure_regions(samples, moving, axes=2)
    assert [each.frame for each in found if each.name == "mean"] == [(0,), (1,)]
    for each in (each for each in found if each.name == "mean"):
        np.testing.assert_allclose(each.draws, samples[:, each.frame[0], moving[each.frame[0]] == 1].mean(1))
    assert as_features(found, frame=(1,))["index"] == [1]


def test_calibrated_samples_lie_further_apart_about_the_same_mean() -> None:
    samples = np.random.default_rng(3).normal(7, 1, (6, 24, 30))
    wider = [find(measure_regions(widened(samples, factor), REGIONS), 1, "mean") for factor in (1.0, 1.5)]
    assert wider[1].std == pytest.approx(1.5 * wider[0].std, rel=1e-5)
    assert wider[1].value == pytest.approx(wider[0].value, rel=1e-5)


def test_missing_pixels_are_left_out() -> None:
    samples = np.ones((4, 24, 30))
    samples[:, 2:6, 3:12] = np.nan
    assert find(measure_regions(samples, REGIONS), 1, "integrated").value == 4 * 9
    samples[:, 2:10, 3:12] = np.nan
    assert {each.region for each in measure_regions(samples, REGIONS)} == {3}


def test_the_table_can_be_read_again() -> None:
    samples = np.random.default_rng(5).normal(5, 1, (8, 24, 30))
    found = measure_regions(samples, REGIONS, threshold=7)
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert len(rows) == len(found)
    for row, quantity in zip(rows, found, strict=True):
        assert (int(row["region"]), row["quantity"]) == (quantity.region, quantity.name)
        assert float(row["value"]) == pytest.approx(quantity.value, rel=1e-5)
        assert (float(row["lower"]), float(row["upper"])) == pytest.approx(quantity.interval, rel=1e-5, abs=1e-6)
    features = as_features(found)
    assert features["index"] == [1, 3]
    assert features["mean"] == pytest.approx([find(found, region, "mean").value for region in (1, 3)])


@pytest.mark.parametrize(
    ("samples", "regions", "said"),
    [
        (np.zeros((3, 24, 30)), REGIONS, r"at least 4 samples \(got 3\)"),
        (np.zeros((4, 24, 31)), REGIONS, "the last axes must agree"),
        (np.zeros((4, 24, 30)), 0 * REGIONS, "no pixel has a label"),
    ],
)
def test_what_cannot_be_measured_is_said(samples: np.ndarray, regions: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        measure_regions(samples, regions)
