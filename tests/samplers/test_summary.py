import pytest
import torch
from scipy import stats

from napari_tweedie.samplers.sampler import WhiteNoise
from napari_tweedie.samplers.summary import Running, Summary


@pytest.mark.parametrize("batches", [(12,), (2, 4, 6), (1,) * 12])
def test_mean_and_std_of_batches_are_those_of_all(batches: tuple[int, ...], generator: torch.Generator) -> None:
    """Also where the mean is 10⁴ times the spread, on which sums of squares would lose all digits."""
    samples = 1000 + 0.1 * torch.randn((12, 2, 5, 6), generator=generator)
    running = Running()
    for batch in samples.split(list(batches)):
        running.add(batch)
    summary = running.summary()
    torch.testing.assert_close(summary.mean[0].double(), samples.double().mean(0), rtol=1e-6, atol=0)
    torch.testing.assert_close(summary.std[0].double(), samples.double().std(0, correction=0), rtol=1e-2, atol=0)


def test_one_sample_has_no_standard_deviation() -> None:
    running = Running()
    running.add(torch.zeros(1, 1, 3, 3))
    with pytest.raises(ValueError, match=r"at least 2 samples \(got 1\)"):
        running.summary()


@pytest.mark.parametrize("count", [4, 16])
def test_intervals_from_few_samples_hold_the_truth_as_often_as_they_say(count: int, generator: torch.Generator) -> None:
    """Truth and samples are drawn from one Gaussian posterior."""
    running = Running()
    running.add(1 + 0.2 * WhiteNoise(generator, range(count))(torch.zeros(1, 1, 200, 200)))
    truth = 1 + 0.2 * torch.randn((1, 1, 200, 200), generator=generator)
    for level in (0.5, 0.9):
        low, high = running.summary().interval(level)
        assert float(((low <= truth) & (truth <= high)).float().mean()) == pytest.approx(level, abs=0.01)


def test_a_known_standard_deviation_has_the_quantiles_of_a_gaussian() -> None:
    summary = Summary(torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5))
    low, high = summary.interval(0.9, factor=1.2)
    torch.testing.assert_close(high, torch.full((1, 1, 2, 2), 1.2 * 0.5 * stats.norm.ppf(0.95)).float())
    torch.testing.assert_close(low, -high)
