"""Is the kind of noise found that was added?"""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from napari_tweedie.analysis.noise_kind import identify_noise
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.training import synthetic


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return data.camera()[128:384, 128:384].astype(float)


@pytest.mark.parametrize("sigma", [5.0, 25.0])
def test_white_noise_is_found_white_and_gaussian(clean: np.ndarray, sigma: float) -> None:
    found = identify_noise([clean + np.random.default_rng(0).normal(0, sigma, clean.shape)])
    assert found.correlation is None
    assert isinstance(found.noise, Gaussian)
    assert found.noise.sigma == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize(("offset", "read_noise"), [(0.0, 0.0), (100.0, 3.0), (-20.0, 1.0)])
def test_photon_noise_is_found_with_its_gain(clean: np.ndarray, offset: float, read_noise: float) -> None:
    rng = np.random.default_rng(0)
    noisy = 4 * rng.poisson(clean / 10) + offset + rng.normal(0, read_noise, clean.shape)
    found = identify_noise([noisy])
    assert isinstance(found.noise, Poisson)
    assert found.correlation is None
    assert found.noise.gain == pytest.approx(4, rel=0.15)
    assert "bright" in found.sentence()


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.7, 1.0, (0.0, 1.0), (1.0, 0.0)])
def test_correlated_noise_is_found_with_its_autocorrelation(clean: np.ndarray, width: float) -> None:
    noise = gaussian_filter(np.random.default_rng(0).normal(size=clean.shape), width, mode="wrap")
    noise *= 20 / noise.std()
    found = identify_noise([clean + noise])
    assert found.correlation is not None
    assert found.noise.level(0.0) == pytest.approx(20, rel=0.2)
    r = found.correlation.autocorrelation()
    middle = r.shape[0] // 2
    across = np.mean(noise[:, 1:] * noise[:, :-1]) / 400
    down = np.mean(noise[1:] * noise[:-1]) / 400
    assert r[middle, middle + 1] == pytest.approx(across, abs=0.12)
    assert r[middle + 1, middle] == pytest.approx(down, abs=0.12)


@pytest.mark.parametrize("axis", [0, 1])
def test_noise_of_whole_lines_is_found(clean: np.ndarray, axis: int) -> None:
    rng = np.random.default_rng(0)
    lines = rng.normal(0, 6, (256, 1) if axis == 0 else (1, 256))
    found = identify_noise([clean + rng.normal(0, 15, clean.shape) + lines])
    levels = [found.lines.rows.level, found.lines.columns.level]
    assert levels[axis] == pytest.approx(6, rel=0.2)
    assert levels[1 - axis] == 0
    assert found.correlation is None
    assert found.noise.level(0.0) == pytest.approx(15, rel=0.1)
    assert "which is taken off" in found.sentence()


@pytest.mark.parametrize("axis", [0, 1])
def test_noise_that_drifts_along_lines_is_told_from_one_offset_a_line(axis: int) -> None:
    """Faint discs in noise of which a twentieth of the variance is shared over some fifty pixels of a line."""
    rng = np.random.default_rng(0)
    y, x = np.indices((384, 384))
    discs = 15.0 * ((y % 96 - 48) ** 2 + (x % 96 - 48) ** 2 < 200)
    slow = gaussian_filter(rng.normal(size=discs.shape), (0, 25) if axis == 0 else (25, 0), mode="wrap")
    found = identify_noise([discs + rng.normal(0, 50, discs.shape) + 12 * slow / slow.std()])
    assert found.correlation is not None
    lines = (found.correlation.rows, found.correlation.columns)
    assert lines[axis]
    assert not lines[1 - axis]
    assert found.noise.level(0.0) == pytest.approx(np.hypot(50, 12), rel=0.05)


@pytest.mark.parametrize(("factor", "word"), [(1.0, ""), (2.0, "too high"), (0.5, "too low")])
def test_a_level_that_was_given_is_judged_with_the_offsets_of_lines(clean: np.ndarray, factor: float, word: str) -> None:
    rng = np.random.default_rng(0)
    planes = [clean + rng.normal(0, 15, clean.shape) + rng.normal(0, 10, (256, 1))]
    told = identify_noise(planes).advice(Gaussian(sigma=factor * np.hypot(15, 10), correlated=True), True, planes)
    assert word in told
    assert bool(told) == bool(word)


def test_what_is_given_is_kept(clean: np.ndarray) -> None:
    noisy = 4.0 * np.random.default_rng(0).poisson(clean / 10)
    assert identify_noise([noisy], gain=3.0, offset=1.0).noise.model_dump() | {"read_noise": 0} == {
        "gain": 3.0, "offset": 1.0, "read_noise": 0, "correlated": False,
    }  # fmt: skip
    assert isinstance(identify_noise([noisy], "gaussian").noise, Gaussian)
    assert identify_noise([noisy], correlation="correlated").correlation is not None


@pytest.mark.parametrize("size", [1, 4, 12, 40])
def test_small_images_are_taken_for_gaussian(size: int) -> None:
    found = identify_noise([np.random.default_rng(0).normal(10, 1, (size, size))])
    assert isinstance(found.noise, Gaussian)
    assert found.correlation is None


def test_the_spectrum_of_a_correlation_is_that_of_its_noise(clean: np.ndarray) -> None:
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(256, 256)), 1.0, mode="wrap")
    found = identify_noise([noise])
    assert found.correlation is not None
    power = found.correlation.spectrum((64, 48))
    assert power.mean() == pytest.approx(1)
    expected = np.exp(-np.add.outer(*((2 * np.pi * np.fft.fftfreq(n)) ** 2 for n in (64, 48))))
    assert np.corrcoef(power.ravel(), expected.ravel())[0, 1] > 0.98


def test_of_large_planes_the_noise_is_that_of_the_whole(clean: np.ndarray) -> None:
    large = np.tile(clean, (6, 7))
    noisy = 4.0 * np.random.default_rng(0).poisson(large / 10) + 30
    found = identify_noise([noisy.astype(np.float32)])
    assert isinstance(found.noise, Poisson)
    assert found.correlation is None
    assert found.noise.gain == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_neighbours_that_share_a_quarter_of_their_noise_are_found_on_a_small_image(seed: int) -> None:
    """As a mild blur leaves it, next to drawn cells with texture of their own; taken for white it would be half as strong."""
    rng = np.random.default_rng(seed)
    clean = gaussian_filter(synthetic.cells(160, rng), 0.8)
    noise = gaussian_filter(rng.standard_normal(clean.shape), 0.5, mode="wrap")
    kind = identify_noise([clean / clean.max() + 0.1 * noise / noise.std()])
    assert kind.correlation is not None
    assert kind.correlation.autocorrelation()[7, 8] == pytest.approx(0.26, abs=0.12)
    assert kind.noise.level(0.3) == pytest.approx(0.1, rel=0.2)
