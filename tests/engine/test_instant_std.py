"""Is the standard deviation of a denoised image one that can be printed?"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt


def discs(rng: np.random.Generator) -> NDArray[np.float64]:
    """Even discs, blurred a little, on an even ground of a twentieth of their brightness."""
    y, x = np.mgrid[:96, :96]
    image = np.full((96, 96), 0.05)
    for cy, cx, radius in rng.uniform((0, 0, 8), (96, 96, 20), (6, 3)):
        image[np.hypot(y - cy, x - cx) < radius] = rng.uniform(0.4, 1)
    return np.asarray(gaussian_filter(image, 1))


@pytest.mark.parametrize(
    ("noise", "brightest"),
    [
        ({"name": "poisson", "gain": 1.0, "offset": 0.0, "read_noise": 0.0}, 20),
        ({"name": "poisson", "gain": 2.0, "offset": 100.0, "read_noise": 3.0}, 200),
        ({"name": "gaussian", "sigma": 10.0}, 200),
    ],
    ids=["photons", "photons on an offset", "gaussian"],
)
def test_the_interval_holds_the_truth_and_no_pixel_is_certain(noise: dict[str, object], brightest: float) -> None:
    """Even ground is where a network is surest and its Jacobian smallest; errors there are still errors."""
    held, largest = [], 0.0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        offset = float(noise.get("offset", 0.0))  # type: ignore[arg-type]
        truth = brightest * discs(rng) + offset
        if noise["name"] == "gaussian":
            y = truth + rng.normal(0, 10, truth.shape)
        else:
            gain, read_noise = float(noise["gain"]), float(noise["read_noise"])  # type: ignore[arg-type]
            y = gain * rng.poisson((truth - offset) / gain) + offset + rng.normal(0, read_noise, truth.shape)
        result = nt.denoise(y, "unet-small", std=True, noise=noise, outliers="keep")
        assert result.std is not None
        assert result.std.min() > 0
        z = np.abs(result.image - truth) / result.std
        held.append(np.mean(z < 1.645))
        largest = max(largest, float(z.max()))
    assert 0.87 < np.mean(held) < 0.985  # even ground is held more often
    assert largest < 8


def test_only_without_noise_nothing_is_uncertain() -> None:
    image = 100 * discs(np.random.default_rng(0))
    assert nt.denoise(image, "unet-small", sigma=0.0, std=True).std.max() == 0  # type: ignore[union-attr]
    assert nt.denoise(image, "unet-small", sigma=0.01, std=True).std.min() > 0  # type: ignore[union-attr]


def test_light_that_is_kept_brings_its_noise_along() -> None:
    """Of even light the denoised image keeps the mean over a window of 452 pixels, and with it 1/21 of the noise."""
    y = np.random.default_rng(1).poisson(50, (96, 96))
    result = nt.denoise(y, "unet-small", std=True, noise={"name": "poisson", "gain": 1.0, "offset": 0.0, "read_noise": 0.0})
    assert result.std is not None
    assert result.std.min() >= 0.95 * (50 / 452) ** 0.5
    inner = (result.image - 50)[24:-24, 24:-24]
    assert np.sqrt(np.mean(inner**2)) < 2 * result.std.mean()


@pytest.mark.parametrize("noise", [{"name": "poisson", "gain": 1.0, "offset": 0.0, "read_noise": 0.0}, {"name": "gaussian"}])
def test_the_image_is_the_same_with_a_standard_deviation_beside_it(noise: dict[str, object]) -> None:
    y = np.random.default_rng(2).poisson(50 * discs(np.random.default_rng(2)))
    alone, beside = (nt.denoise(y, "unet-small", std=std, noise=noise) for std in (False, True))
    np.testing.assert_array_equal(beside.image, alone.image)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_it_is_in_grey_levels_whatever_these_are(scale: float) -> None:
    y = 100 + 50 * discs(np.random.default_rng(3)) + np.random.default_rng(4).normal(0, 5, (96, 96))
    one, other = (nt.denoise(unit * y, "unet-small", sigma=5 * unit, std=True).std for unit in (1.0, scale))
    np.testing.assert_allclose(other / scale, one, rtol=0.02)  # type: ignore[operator]


def test_of_an_even_image_it_is_a_small_share_of_the_noise() -> None:
    y = np.random.default_rng(5).normal(100, 10, (128, 128))
    result = nt.denoise(y, "unet-small", sigma=10, std=True)
    error = np.sqrt(np.mean((result.image - 100) ** 2))
    assert result.std is not None
    assert 0.3 < error / np.sqrt(np.mean(result.std**2)) < 1.6
    assert np.percentile(result.std, 99) < 5


def test_planes_and_channels_have_one_each() -> None:
    y = np.random.default_rng(6).normal(0, 10, (2, 3, 48, 48)) + 100 * np.arange(1, 3)[:, None, None, None]
    whole = nt.denoise(y, "unet-small", sigma=10, std=True, axes="czyx").std
    assert whole is not None
    assert whole.shape == y.shape
    one = nt.denoise(y[1], "unet-small", sigma=10, std=True, axes="zyx").std
    np.testing.assert_allclose(whole[1], one, rtol=0.02)
