import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import denoisers
from napari_tweedie.analysis.sure import PRECISION, Sure, search

SIGMA = 0.1
FIELD = denoisers.load("gaussian", std=0.3, slope=2)


def noisy(clean: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return clean + SIGMA * torch.randn(clean.shape, generator=generator)


@pytest.fixture
def clean(scene: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(scene).float()[None, None]


@pytest.mark.parametrize("strength", [0.03, 0.1, 0.3])
def test_the_estimate_has_no_bias(strength: float, clean: torch.Tensor, generator: torch.Generator) -> None:
    """Its mean over noise is the mean of the true error, within four standard errors, which are small."""
    differences, errors = [], []
    for _ in range(40):
        y = noisy(clean, generator)
        errors.append(float((FIELD(y, strength) - clean).square().mean()))
        differences.append(Sure(FIELD, y, SIGMA, generator).error(strength) - errors[-1])
    uncertainty = np.std(differences) / len(differences) ** 0.5
    assert abs(np.mean(differences)) < 4 * uncertainty
    assert uncertainty < 0.02 * np.mean(errors)


def test_the_estimate_of_a_linear_denoiser_is_its_formula(clean: torch.Tensor, generator: torch.Generator) -> None:
    """With tr J = Σ S / (S + s²), known, instead of probes."""
    y = noisy(clean, generator)
    spectrum = FIELD.spectrum(y)
    shrinkage = spectrum / (spectrum + 0.2**2)
    trace = float(torch.cat([shrinkage, shrinkage[:, 1:-1]], 1).sum())
    expected = float((FIELD(y, 0.2) - y).square().mean()) + SIGMA**2 * (2 * trace / y.numel() - 1)
    assert Sure(FIELD, y, SIGMA, generator, probes=30).error(0.2) == pytest.approx(expected, abs=0.02 * SIGMA**2)


def test_the_map_shows_where_the_error_is(clean: torch.Tensor, generator: torch.Generator) -> None:
    """A denoiser that spoils one half of the image."""

    def half(x: torch.Tensor, sigma: float) -> torch.Tensor:
        result = FIELD(x, sigma)
        return torch.cat([result[..., :48], 0.5 * result[..., 48:]], -1)

    y = noisy(clean, generator)
    estimated = gaussian_filter(Sure(half, y, SIGMA, generator, probes=4).map(SIGMA)[0, 0].numpy(), 6)
    true = gaussian_filter((half(y, SIGMA) - clean).square()[0, 0].numpy(), 6)
    assert np.corrcoef(estimated.ravel(), true.ravel())[0, 1] > 0.95
    assert estimated[:, 56:].mean() == pytest.approx(true[:, 56:].mean(), rel=0.2)


@pytest.mark.parametrize("name", ["gaussian", "unet-small"])
def test_the_strength_it_favours_is_nearly_the_best(name: str, clean: torch.Tensor, generator: torch.Generator) -> None:
    f = FIELD if name == "gaussian" else denoisers.load("unet-small", precision="float32")
    clean = clean[..., :48, :48]
    y = noisy(clean, generator)

    def true(strength: float) -> float:
        return float((f(y, strength) - clean).square().mean())

    with torch.no_grad():
        *_, chosen = Sure(f, y, SIGMA, generator).search()
        *_, oracle = search(true, SIGMA)
        assert true(chosen.best) < 1.05 * min(oracle.errors)


def test_the_curve_grows_and_closes_in_on_the_minimum() -> None:
    asked = []

    def error(strength: float) -> float:
        asked.append(strength)
        return float(np.log(strength / 0.13) ** 2)

    curves = list(search(error, SIGMA))
    assert [len(curve.strengths) for curve in curves] == list(range(1, len(curves) + 1))
    assert len(set(asked)) == len(asked) == len(curves)
    assert list(curves[-1].strengths) == sorted(asked)
    assert curves[-1].best == pytest.approx(0.13, rel=PRECISION - 1)


@pytest.mark.parametrize(("slope", "end"), [(1, 0.25), (-1, 4.0)])
def test_a_minimum_at_the_end_is_found(slope: int, end: float) -> None:
    *_, curve = search(lambda strength: slope * strength, SIGMA)
    assert curve.best == pytest.approx(end * SIGMA)


def test_without_noise_there_is_nothing_to_estimate(generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="sigma must be > 0"):
        Sure(FIELD, torch.zeros(1, 1, 4, 4), 0.0, generator)
