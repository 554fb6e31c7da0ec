"""Magnetic resonance images with phase, restored from the k-space of several coils."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.degradations import coils

SIZE = 96
NOISE = 0.01


def brain() -> np.ndarray:
    """A magnitude image with edges, thin lines and texture."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    image = 0.9 * ((y / 42) ** 2 + (x / 34) ** 2 < 1) - 0.6 * ((y / 38) ** 2 + (x / 30) ** 2 < 1)
    for cy, cx, ry, rx, level in ((-8, 8, 14, 6, 0.3), (-8, -8, 14, 6, 0.3), (18, 0, 8, 12, 0.2), (-25, 0, 5, 3, 0.4)):
        image += level * (((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1)
    image += 0.1 * ((x % 8 == 0) & (np.hypot(y, x) < 26))
    return gaussian_filter(image, 0.8)  # a scan has no sharper edges than its pixels


@pytest.fixture(scope="module")
def scan() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Magnitudes, sensitivities, which frequencies are measured, and the measurement of an object with phase."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    phase = np.exp(1j * (0.7 + 3 * y - 2 * x + 3 * y * x))
    angles = 2 * np.pi * (np.arange(6) + 0.2) / 6
    maps = np.stack(
        [np.exp(-2.5 * ((y - 0.6 * np.sin(a)) ** 2 + (x - 0.6 * np.cos(a)) ** 2) + 1j * (a + 2 * x * np.sin(a))) for a in angles]
    )
    mask = degradations.load("fourier-mask", acceleration=4.0, centre=0.12).mask((SIZE, SIZE))
    noise = rng.normal(0, NOISE, maps.shape) + 1j * rng.normal(0, NOISE, maps.shape)
    return brain(), maps, mask, (coils.transformed(brain() * phase * maps) + noise).astype(np.complex64) * mask


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(truth.max() ** 2 / np.mean((image - truth) ** 2)))


def best_sense(y: np.ndarray, maps: np.ndarray, mask: np.ndarray, truth: np.ndarray) -> float:
    """Return the PSNR of SENSE by conjugate gradients (Pruessmann 2001) at its best iteration."""
    x = np.zeros(truth.shape, complex)
    r = p = (maps.conj() * coils.inverse(y)).sum(0)
    found = []
    for _ in range(25):
        q = (maps.conj() * coils.inverse(mask * coils.transformed(maps * p))).sum(0)
        step = np.vdot(r, r).real / np.vdot(p, q).real
        x = x + step * p
        smaller = r - step * q
        p = smaller + np.vdot(smaller, smaller).real / np.vdot(r, r).real * p
        r = smaller
        found.append(psnr(np.abs(x), truth))
    return max(found)


@pytest.mark.parametrize("given", ["as they are", "relative to one coil", "none"])
def test_an_object_with_phase_is_restored_better_than_by_sense(
    given: str, scan: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
) -> None:
    truth, maps, mask, y = scan
    known = {"as they are": maps, "relative to one coil": maps * np.exp(-1j * np.angle(maps[:1])), "none": None}[given]
    arrays = {} if known is None else {"sensitivity": known}
    result = nt.restore(y, "fourier-mask", denoiser="unet-small", phase="auto", **arrays)
    weight = np.sqrt((np.abs(maps) ** 2).sum(0)) if known is None else 1.0  # estimated ones are of unit length at every pixel
    found = psnr(result.image, truth * weight) if known is None else psnr(result.image, truth)
    assert found > best_sense(y, maps, mask, truth) + 2
    assert result.provenance["noise_levels"][0] == pytest.approx(NOISE, rel=0.3)
    assert any("magnitude" in note for note in result.notes)


def test_real_and_imaginary_parts_along_a_first_axis_are_the_same_measurement(
    scan: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    _, _, _, y = scan
    y = y[:2]
    channels = np.stack([y.real, y.imag], 1).reshape(4, SIZE, SIZE)
    options = {"denoiser": "unet-small", "solver": {"name": "pnp-admm", "iterations": 2}}
    images = [nt.restore(each, "fourier-mask", **options).image for each in (y, channels)]
    np.testing.assert_allclose(images[0], images[1], atol=1e-5)


def test_the_scale_of_the_transform_scales_the_image_and_nothing_else(
    scan: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    *_, y = scan
    options = {"denoiser": "unet-small", "solver": {"name": "pnp-admm", "iterations": 4}}
    images = [nt.restore(factor * y[:2], "fourier-mask", **options).image / factor for factor in (1, SIZE)]
    np.testing.assert_allclose(images[0], images[1], atol=1e-2)


def test_the_phase_is_returned_where_it_is_wanted(scan: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> None:
    truth, maps, _, y = scan
    result = nt.restore(y, "fourier-mask", denoiser="unet-small", sensitivity=maps, phase="keep")
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    expected = 0.7 + 3 * rows - 2 * columns + 3 * rows * columns
    off = np.angle(np.exp(1j * (result.images["phase"] - expected)))[truth > 0.25]
    assert np.sqrt(np.mean(off**2)) < 0.1


def test_samples_of_an_object_with_phase_are_magnitudes(scan: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> None:
    *_, y = scan
    sampler = {"name": "split-gibbs", "samples": 2, "iterations": 3}
    result = nt.sample(y[:2], "fourier-mask", denoiser="unet-small", sampler=sampler)
    assert result.images["samples"].shape == (2, SIZE, SIZE)
    assert result.images["samples"].min() >= 0
