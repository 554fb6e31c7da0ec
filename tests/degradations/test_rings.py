"""Errors of single detector pixels: found where they are, not where there are none, and counted as what they are."""

import numpy as np
import pytest
import torch
from skimage import data, transform

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.degradations.ringed import Ringed
from napari_tweedie.degradations.rings import Rings, find_rings
from napari_tweedie.engine import measure

SIZE, ANGLES, NOISE = 96, 60, 0.01


def slices() -> dict[str, np.ndarray]:
    """Return slices without rings, some of them as round about the axis as rings are."""
    y, x = np.indices((SIZE, SIZE)) - SIZE // 2
    r = np.hypot(y - 0.3, x + 0.2)
    inside = r < 0.45 * SIZE
    grains = np.random.default_rng(3).random((SIZE, SIZE)) * inside
    years = np.interp(r, np.arange(SIZE), np.random.default_rng(4).random(SIZE)) * inside
    tube = (inside & (r > 0.42 * SIZE)) + 0.3 * transform.resize(data.shepp_logan_phantom(), (SIZE, SIZE), anti_aliasing=True)
    coins = transform.resize(data.coins()[:300, :300] / 255, (SIZE, SIZE), anti_aliasing=True) * inside
    return {"grains": grains, "years": years, "tube": tube, "coins": coins, "onion": (1 + np.sin(1.1 * r)) * inside}


def sinogram_of(image: np.ndarray, noise: float = NOISE, **geometry: object) -> np.ndarray:
    clean = degradations.load("radon", angles=ANGLES, **geometry)(torch.from_numpy(image.astype(np.float32))[None, None])
    clean = clean[0, 0].double().numpy()
    return clean + noise * clean.max() * np.random.default_rng(0).normal(size=clean.shape)


@pytest.mark.parametrize("name", sorted(slices()))
@pytest.mark.parametrize("noise", [0.0, 0.002, 0.02])
@pytest.mark.parametrize("limit", [180.0, 360.0])
def test_slices_without_rings_have_none(name: str, noise: float, limit: float) -> None:
    assert find_rings(sinogram_of(slices()[name], noise, limit=limit), 0.0) is None


@pytest.mark.parametrize("name", ["grains", "coins"])
def test_offsets_are_found_with_their_size(name: str) -> None:
    sinogram = sinogram_of(slices()[name])
    size = 2 * NOISE * sinogram.max()
    found = find_rings(sinogram + size * np.random.default_rng(1).normal(size=(SIZE, 1)), 0.0)
    assert found is not None
    assert (found.variances[0, 0] / ANGLES) ** 0.5 == pytest.approx(size, rel=0.35)
    assert "about" in found.words(ANGLES)


def test_errors_that_drift_are_found_as_drifting() -> None:
    sinogram = sinogram_of(slices()["coins"])
    size, random = 2 * NOISE * sinogram.max(), np.random.default_rng(1)
    drift = random.normal(size=(SIZE, 1)) + 2 * random.normal(size=(SIZE, 1)) * np.linspace(-1, 1, ANGLES)
    found = find_rings(sinogram + size * drift, 0.0)
    assert found is not None
    # of a line from −1 to 1, the first component along the angles holds nearly all
    assert found.variances[0, 1] == pytest.approx((2 * size) ** 2 * ANGLES / 3, rel=0.7)
    assert "changes with the angle" in found.words(ANGLES)


def test_few_pixels_that_are_far_off_are_found_one_by_one() -> None:
    sinogram = sinogram_of(slices()["coins"])
    off = [20, 21, 70]
    sinogram[off] += 15 * NOISE * sinogram.max()
    found = find_rings(sinogram, 0.0)
    assert found is not None
    assert np.flatnonzero(found.striking).tolist() == off
    assert found.words(ANGLES) == "3 pixels of the detector differ from all beside"
    clean = sinogram_of(slices()["coins"])
    assert abs(sinogram - found.errors(sinogram) - clean)[off].mean() < 0.3 * abs(sinogram - clean)[off].mean()


def test_errors_and_noise_are_together_white_of_the_level_of_noise() -> None:
    """Against draws: noise of level σ and errors of the stated variances."""
    angles, sigma, random = 40, 0.3, np.random.default_rng(0)
    variances = np.tile([9.0, 2.0, 0.5], (SIZE, 1))
    rings = Rings(variances, np.zeros(SIZE, bool))
    slow = np.cos(np.pi * np.outer(np.arange(3), np.arange(angles) + 0.5) / angles) * (2 / angles) ** 0.5
    slow[0] /= 2**0.5
    errors = (random.normal(size=(200, SIZE, 3)) * variances**0.5) @ slow
    y = torch.from_numpy((errors + sigma * random.normal(size=errors.shape)).astype(np.float32))[:, None]
    ringed = Ringed.of(degradations.load("radon", angles=angles).with_rings(rings), rings, y[:1], sigma)
    white = ringed.of_measured(y)
    covariance = torch.einsum("ncdi,ncdj->ij", white, white) / (200 * SIZE)
    assert torch.allclose(covariance, sigma**2 * torch.eye(angles), atol=0.05 * sigma**2)


@pytest.mark.parametrize("along", ["x", "y"])
def test_the_adjoint_is_the_adjoint(along: str) -> None:
    plain = degradations.load("radon", angles=30, angles_along=along)
    x = torch.rand(1, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    y = plain(x)
    rings = Rings(np.tile([4.0, 1.0], (48, 1)), np.zeros(48, bool))
    ringed = Ringed.of(plain.with_rings(rings), rings, y, 0.5)
    v = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    assert float((ringed(x) * v).sum()) == pytest.approx(float((x * ringed.adjoint(v)).sum()), rel=1e-4)
    assert float(ringed(x).norm()) <= float(plain(x).norm())


def test_rings_are_suppressed_untouched_and_kept_where_asked() -> None:
    truth = slices()["coins"]
    sinogram = sinogram_of(truth, 0.005)
    bad = sinogram + 0.04 * sinogram.max() * np.random.default_rng(1).normal(size=(SIZE, 1))
    bad[[40, 41]] = np.nan  # and pixels that see nothing
    bad = bad.T.astype(np.float32)
    solver = {"name": "hqs", "iterations": 2, "start": 0.05}
    known = {"angles": ANGLES, "axis": 0.0, "sigma": 0.005 * sinogram.max(), "denoiser": "heat", "solver": solver}
    results = {rings: nt.restore(bad, "radon", rings=rings, **known) for rings in ("keep", "auto")}
    errors = {rings: np.mean((result.image - truth) ** 2) for rings, result in results.items()}
    assert errors["auto"] < 0.5 * errors["keep"]
    assert any("each pixel of the detector has an error" in note for note in results["auto"].notes)
    assert not any("each pixel of the detector" in note for note in results["keep"].notes)


def test_solvers_that_know_no_such_noise_get_the_measurement_without_its_likeliest_errors() -> None:
    truth = slices()["coins"]
    sinogram = sinogram_of(truth, 0.005)
    bad = (sinogram + 0.015 * sinogram.max() * np.random.default_rng(1).normal(size=(SIZE, 1))).astype(np.float32)
    known = {
        "angles": ANGLES,
        "axis": 0.0,
        "sigma": 0.005 * sinogram.max(),
        "solver": {"name": "richardson-lucy", "iterations": 20},
    }
    kept, untouched = (nt.restore(bad, "radon", rings=rings, **known).image for rings in ("keep", "auto"))
    assert np.mean((untouched - truth) ** 2) < 0.8 * np.mean((kept - truth) ** 2)


def test_the_noise_is_measured_without_the_errors() -> None:
    sinogram = sinogram_of(slices()["coins"])
    level = NOISE * sinogram.max()
    bad = (sinogram + 3 * level * np.random.default_rng(1).normal(size=(SIZE, 1))).astype(np.float32)
    recipe = nt.Recipe(job="restore", degradation={"name": "radon", "angles": ANGLES, "axis": 0.0}, axes="yx")
    noises = [measure(recipe, image)[0].sigma for image in (sinogram.astype(np.float32), bad)]
    assert noises[1] == pytest.approx(noises[0], rel=0.25)
