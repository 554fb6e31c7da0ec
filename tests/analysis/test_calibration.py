import json

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from napari_tweedie import degradations, denoisers, samplers
from napari_tweedie.analysis.calibration import Calibration, calibrate, calibration, cross_validated
from napari_tweedie.degradations.linear_algebra import fourier_filter
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.samplers.summary import Running, Summary

FIELD = denoisers.load("gaussian", std=0.5)
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
WIDTHS = {level: float(stats.norm.ppf((1 + level) / 2)) for level in LEVELS}


def truths(count: int, generator: torch.Generator) -> list[torch.Tensor]:
    white = torch.randn((count, 1, 1, 30, 30), generator=generator)
    return [fourier_filter(image, FIELD.spectrum(image).sqrt()) for image in white]


def stating(share: float) -> object:
    """A posterior of a white field whose standard deviation is stated as a share of the right one."""

    def summarise(problem: Problem) -> Summary:
        y, noise = problem.measurement, problem.noise_level**2
        std = (0.25 * noise / (0.25 + noise)) ** 0.5
        return Summary(0.25 / (0.25 + noise) * y, torch.full_like(y, share * std))

    return summarise


@pytest.mark.parametrize("share", [0.5, 1.0, 2.0])
def test_the_factor_undoes_a_wrong_standard_deviation(share: float, generator: torch.Generator) -> None:
    identity, noise = degradations.load("identity"), Gaussian(sigma=0.2)
    found = calibrate(truths(20, generator), identity, noise, stating(share), generator)
    for level, coverage in zip(found.levels, found.coverages, strict=True):
        assert coverage == pytest.approx(2 * stats.norm.cdf(share * WIDTHS[level]) - 1, abs=0.015)
    assert found.coverage == found.coverages[found.levels.index(0.9)]
    assert found.factor == pytest.approx(1 / share, rel=0.02)
    assert (found.images, found.pixels) == (20, 18000)
    held_out = calibrate(truths(20, generator), identity, noise, stating(share), generator, factor=found.factor)
    assert held_out.coverage == pytest.approx(0.9, abs=0.01)
    assert held_out.factor == pytest.approx(found.factor, rel=0.02)


@pytest.mark.slow
def test_samples_of_a_blurred_field_are_calibrated_as_they_are(generator: torch.Generator) -> None:
    """Also beyond the field of view: only what the camera saw of the truth counts."""
    blur = degradations.load("gaussian-blur", std=0.6, boundary="pad")

    def summarise(problem: Problem) -> Summary:
        *_, state = samplers.load("split-gibbs", iterations=20, samples=8)(problem, FIELD)
        running = Running()
        running.add(state.estimate)
        return running.summary()

    found = calibrate(truths(4, generator), blur, Gaussian(sigma=0.2), summarise, generator)
    assert found.coverage == pytest.approx(0.9, abs=0.02)
    assert found.pixels == 4 * 900


def test_the_quantile_counts_one_more_pixel_than_there_are() -> None:
    """Of 19 scores the 90 % quantile of split conformal prediction is the 18th, of 9 the last; 8 are too few."""
    scores = np.arange(1, 20, dtype=np.float32)
    assert calibration([scores], WIDTHS, 0.9).factor == pytest.approx(18 / WIDTHS[0.9])
    assert calibration([scores[:4], scores[4:9]], WIDTHS, 0.9).factor == pytest.approx(9 / WIDTHS[0.9])
    with pytest.raises(ValueError, match="more pixels than 8"):
        calibration([scores[:8]], WIDTHS, 0.9)


def test_every_image_is_held_by_the_factor_of_the_others() -> None:
    """Three kinds of image whose errors are 1, 2 and 4 times those stated: the others decide, not the image itself."""
    one = stats.norm.ppf(0.5 + (np.arange(20000) + 0.5) / 40000).astype(np.float32)
    held = cross_validated([one, 2 * one, 4 * one], 0.9)

    def pooled(*shares: float) -> float:
        def excess(width: float) -> float:
            return float(np.mean([2 * stats.norm.cdf(width / share) - 1 for share in shares])) - 0.9

        return float(optimize.brentq(excess, 0.1, 20))

    expected = [2 * stats.norm.cdf(pooled(*others) / own) - 1 for own, *others in ((1, 2, 4), (2, 1, 4), (4, 1, 2))]
    assert held == pytest.approx(expected, abs=0.006)
    assert cross_validated([one] * 4, 0.9) == pytest.approx([0.9] * 4, abs=1e-3)
    with pytest.raises(ValueError, match="more pixels than 8"):
        cross_validated([one[:5], one[:3], one[:5]], 0.9)


def test_a_spread_of_zero_holds_only_what_it_meets(generator: torch.Generator) -> None:
    def certain(problem: Problem) -> Summary:
        return Summary(problem.measurement.round(), torch.zeros_like(problem.measurement))

    image = torch.zeros(1, 1, 10, 10)
    image[..., :4] = 0.7
    found = calibrate([image], degradations.load("identity"), Gaussian(sigma=0.0), certain, generator)
    assert found.coverage == pytest.approx(0.6)
    assert found.factor == np.inf


def test_the_result_is_json() -> None:
    found = calibration([np.linspace(0, 3, 100, dtype=np.float32)], WIDTHS, 0.9)
    assert Calibration.model_validate(json.loads(found.model_dump_json())) == found
