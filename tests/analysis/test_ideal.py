import json

import numpy as np
import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.analysis.ideal import PROPERTIES, Property, Report, examine

SIGMA = 0.1
FIELD = denoisers.load("gaussian", std=0.4, slope=2)


@pytest.fixture
def x(scene: np.ndarray, generator: torch.Generator) -> torch.Tensor:
    clean = torch.from_numpy(scene[:24, :24]).float()[None, None]
    return clean + SIGMA * torch.randn(clean.shape, generator=generator)


def measured(denoiser: object, x: torch.Tensor, generator: torch.Generator, probes: int = 8) -> dict[str, float]:
    *_, report = examine(denoiser, x, SIGMA, generator, probes)
    return {found.name: found.measured for found in report.properties}


def test_the_exact_denoiser_measures_what_its_formula_says(x: torch.Tensor, generator: torch.Generator) -> None:
    """Fields of mean zero pull constants and the mean down by σ² / (S + σ²)."""
    report = measured(FIELD, x, generator, probes=40)
    spectrum = FIELD.spectrum(x)
    shrinkage = spectrum / (spectrum + SIGMA**2)
    trace = float(torch.cat([shrinkage, shrinkage[:, 1:-1]], 1).sum())
    lost = float((1 - shrinkage[0, 0]) * x.mean()) / SIGMA
    assert report["identity"] < 1e-6
    assert report["constants"] == pytest.approx(lost, rel=1e-2)
    assert report["mean"] == pytest.approx(lost, rel=1e-2)
    assert report["symmetry"] < 1e-5
    assert report["closure"] < 1e-5
    assert report["non-expansiveness"] == pytest.approx(float(shrinkage.max()), rel=0.03)
    assert report["effective dimension"] == pytest.approx(trace / x.numel(), rel=0.05)
    other = float((FIELD(2 * x, 2 * SIGMA) - 2 * FIELD(x, SIGMA)).norm() / (2 * FIELD(x, SIGMA)).norm())
    assert report["homogeneity"] == pytest.approx(other, rel=1e-4)
    assert other > 0.01  # it knows how strong its images are, hence is not homogeneous


def test_a_denoiser_with_every_fault_is_found_out(x: torch.Tensor, generator: torch.Generator) -> None:
    def faulty(image: torch.Tensor, sigma: float) -> torch.Tensor:
        """Moves the image by a pixel, doubles it and makes it brighter: J = 2 shift, not symmetric."""
        return 2 * image.roll(1, dims=-1) + 0.3

    report = measured(faulty, x, generator)
    level = float(x.mean())
    assert report["identity"] > 1
    assert report["constants"] == pytest.approx((level + 0.3) / SIGMA, rel=1e-3)
    assert report["mean"] == pytest.approx((level + 0.3) / SIGMA, rel=1e-3)
    assert report["homogeneity"] > 0.1
    assert report["symmetry"] == pytest.approx(2**0.5, rel=0.1)  # ‖shift − shiftᵀ‖ / ‖shift‖
    assert report["closure"] == pytest.approx(2**0.5, rel=0.1)
    assert report["non-expansiveness"] == pytest.approx(2, rel=1e-3)
    assert abs(report["effective dimension"]) < 0.2


def test_doing_nothing_is_ideal_in_all_but_the_noise(x: torch.Tensor, generator: torch.Generator) -> None:
    report = measured(lambda image, sigma: 1.0 * image, x, generator)
    assert report.pop("effective dimension") == pytest.approx(1, rel=1e-3)
    assert report.pop("non-expansiveness") == pytest.approx(1, rel=1e-5)
    assert max(report.values()) < 1e-6


def test_a_combination_keeps_what_its_parts_have(x: torch.Tensor, generator: torch.Generator) -> None:
    combined = denoisers.load("combined", parts=(FIELD, {"name": "gaussian", "std": 2.0}), weights=(1.5, -0.5))
    report = measured(combined, x, generator)
    assert max(report["symmetry"], report["closure"], report["identity"]) < 1e-5


def test_the_learned_denoiser_is_homogeneous_and_keeps_the_mean(x: torch.Tensor, generator: torch.Generator) -> None:
    report = measured(denoisers.load("unet-small"), x, generator, probes=2)
    assert report["identity"] == 0
    assert report["homogeneity"] < 1e-4
    assert report["mean"] < 0.2
    assert 0 < report["effective dimension"] < 1


def test_without_gradients_it_goes_by_finite_differences(x: torch.Tensor, generator: torch.Generator) -> None:
    def opaque(image: torch.Tensor, sigma: float) -> torch.Tensor:
        return FIELD(image, sigma).detach()

    opaque.differentiable = False  # type: ignore[attr-defined]
    *_, report = examine(opaque, x, SIGMA, generator)
    symmetry = next(found for found in report.properties if found.name == "symmetry")
    assert symmetry.measured < 0.01
    assert "finite differences" in symmetry.explanation
    exact, by_differences = measured(FIELD, x, generator), {found.name: found.measured for found in report.properties}
    assert by_differences["non-expansiveness"] == pytest.approx(exact["non-expansiveness"], rel=1e-2)


def test_the_report_grows_and_is_told_as_json_and_table(x: torch.Tensor, generator: torch.Generator) -> None:
    reports = list(examine(FIELD, x, SIGMA, generator, probes=2))
    assert [len(report.properties) for report in reports] == list(range(1, PROPERTIES + 1))
    assert Report.model_validate(json.loads(reports[-1].model_dump_json())) == reports[-1]
    small = Report(sigma=0.1, shape=(1, 4, 4), properties=(Property(name="a", measured=0.12345, ideal="0", explanation="b."),))
    assert small.table().splitlines()[-1] == "| a | 0.123 | 0 | b. |"


def test_a_constant_image_is_refused(generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="constant"):
        next(examine(FIELD, torch.ones(1, 1, 8, 8), SIGMA, generator))
