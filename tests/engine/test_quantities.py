"""Are numbers of regions, and their intervals, those of the image that was measured?"""

from pathlib import Path

import numpy as np
import pytest

import napari_tweedie as nt
from napari_tweedie.analysis.measurements import compare
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
    expected = nt.measure(y, LABELS, threshold=100, samples=4, sigma=20.0, denoiser="unet-small")
    assert (tmp_path / "table.csv").read_text() == as_csv(expected)
    refused = CliRunner().invoke(app, ["measure", *paths, *options[:-1], "7"])
    assert "there is no region 7: the image of labels has 1, 2" in str(refused.exception)
