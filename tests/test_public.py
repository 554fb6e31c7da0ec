"""What `import napari_tweedie as nt` gives."""

from importlib.metadata import version
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import torch
import xarray as xr
from napari.layers import Image

import napari_tweedie as nt
from napari_tweedie.core.array_input import MissingInput
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.engine import last
from napari_tweedie.engine import run as steps

SMALL = "unet-small"


@pytest.fixture
def noisy(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (scene + rng.normal(0, 0.1, scene.shape)).astype(np.float32)


def test_what_is_meant_is_shown_and_there() -> None:
    assert dir(nt) == sorted(nt.__all__)
    assert all(getattr(nt, name) is not None for name in nt.__all__)
    assert nt.__version__ == version("napari-tweedie")
    with pytest.raises(AttributeError, match="has no attribute 'denois'"):
        nt.denois  # noqa: B018


def test_denoise_is_the_engine_with_the_same_recipe(noisy: np.ndarray, scene: np.ndarray) -> None:
    found = nt.denoise(noisy, SMALL, std=True)
    recipe = nt.Recipe(denoiser=SMALL, probes=8)
    expected = last(steps(recipe, noisy))
    np.testing.assert_array_equal(found.image, expected.images["denoised"])
    np.testing.assert_array_equal(found.std, expected.images["std"])
    assert np.square(found.image - scene).mean() < 0.2 * np.square(noisy - scene).mean()
    assert nt.denoise(noisy, SMALL).std is None


def test_every_kind_of_image_gives_the_same_pixels(noisy: np.ndarray, tmp_path: Path) -> None:
    nt.write(tmp_path / "noisy.tif", noisy, "yx")
    expected = nt.denoise(noisy, SMALL, sigma=0.1).image
    layer = Image(noisy, scale=(0.5, 0.5), units=("um", "um"), axis_labels=("y", "x"))
    kinds = [da.from_array(noisy, chunks=32), xr.DataArray(noisy, dims=("y", "x")), torch.from_numpy(noisy), layer,
             tmp_path / "noisy.tif", str(tmp_path / "noisy.tif"), nt.read(tmp_path / "noisy.tif")]  # fmt: skip
    for kind in kinds:
        np.testing.assert_array_equal(nt.denoise(kind, SMALL, sigma=0.1).image, expected)


def test_a_layer_brings_its_axes_and_pixel_size() -> None:
    layer = Image(np.zeros((2, 16, 16)), scale=(1, 0.2, 0.2), units=("pixel", "um", "um"), axis_labels=("c", "y", "x"))
    recipe = nt.denoise(layer, SMALL, sigma=1.0).provenance["recipe"]
    assert (recipe["axes"], recipe["unit"], recipe["spacing"]) == ("cyx", "micrometer", [0.2, 0.2])
    layer = Image(np.zeros((2, 16, 16)), scale=(1, 0.2, 0.2), units=("um", "um", "um"), axis_labels=("z", "y", "x"))
    recipe = nt.denoise(layer, SMALL, sigma=1.0).provenance["recipe"]
    assert (recipe["axes"], recipe["unit"], recipe["spacing"]) == ("zyx", "micrometer", pytest.approx([1, 0.2, 0.2]))


def test_dimensions_of_xarray_are_axes() -> None:
    image = xr.DataArray(np.zeros((2, 16, 16)), dims=("channel", "y", "x"))
    assert nt.denoise(image, SMALL, sigma=1.0).provenance["axes"] == "cyx"
    assert nt.denoise(xr.DataArray(np.zeros((16, 16))), SMALL, sigma=1.0).provenance["axes"] == "yx"


def test_any_function_is_a_denoiser(noisy: np.ndarray) -> None:
    def mean(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    expected = mean(torch.from_numpy(noisy)[None, None], 0.1)[0, 0]
    np.testing.assert_allclose(nt.denoise(noisy, mean, sigma=0.1, outliers="keep").image, expected, atol=1e-5)


def test_a_degradation_takes_its_parameters_and_arrays_beside_its_name(scene: np.ndarray) -> None:
    by_name = nt.restore(scene, "gaussian-blur", "wiener", std=2, boundary="circular", sigma=0.01)
    built = nt.restore(scene, nt.degradations.load("gaussian-blur", std=2, boundary="circular"), "wiener", sigma=0.01)
    np.testing.assert_array_equal(by_name.image, built.image)
    delta = np.zeros((3, 3))
    delta[1, 1] = 1
    found = nt.restore(scene, "psf-blur", "richardson-lucy", psf=delta, sigma=0.01)
    np.testing.assert_allclose(found.image, scene, atol=0.05)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda image: nt.restore(image, "gaussian-blur", sdt=2),
            ValueError,
            "sdt: no parameter of 'gaussian-blur' .it has bound",
        ),
        (lambda image: nt.restore(image, "psf-blur"), MissingInput, "pass it beside the recipe, as psf=array"),
        (lambda image: nt.denoise(image, sigma=1, noise="gaussian"), ValueError, "give one of them"),
        (lambda image: nt.denoise(image, "unett"), ValueError, "unet"),
        (lambda image: nt.denoise(image[0]), ValueError, "at least two axes"),
        (lambda image: nt.denoise(image, sigma=-1), ValueError, "sigma: should be greater than or equal to 0 .got -1"),
        (lambda image: nt.denoise("nowhere.tif"), FileNotFoundError, "there is no file"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(call: object, error: type[Exception], message: str, scene: np.ndarray) -> None:
    with pytest.raises(error, match=message) as caught:
        call(scene)  # type: ignore[operator]
    assert "pydantic" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_samples_have_a_mean_a_std_and_an_interval(noisy: np.ndarray) -> None:
    found = nt.sample(noisy[:32, :32], samples=4, denoiser=SMALL, sigma=0.1, sampler={"name": "moment-matched", "iterations": 3})
    assert found.images["samples"].shape == (4, 32, 32)
    np.testing.assert_array_equal(found.image, found.images["mean"])
    assert (found.std > 0).all()


def test_bands_add_up(noisy: np.ndarray) -> None:
    found = nt.decompose(noisy, levels=2, denoiser=SMALL)
    np.testing.assert_allclose(sum(found.images.values()), noisy, atol=1e-5)
    np.testing.assert_array_equal(found.image, found.images["base"])


def test_progress_is_told(noisy: np.ndarray) -> None:
    shares: list[float] = []
    nt.run(nt.Recipe(denoiser=SMALL), noisy, progress=lambda progress: shares.append(progress.share))
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_noise_is_measured_for_every_channel(rng: np.random.Generator) -> None:
    stack = np.stack([rng.normal(0, level, (96, 96)) for level in (2.0, 8.0)])
    assert [channel.sigma for channel in nt.measure_noise(stack, axes="cyx")] == pytest.approx([2, 8], rel=0.1)
    assert nt.measure_noise(stack[0], Gaussian(sigma=3.0))[0].sigma == 3


@pytest.mark.parametrize("name", ["unet-small", "wavelet", "total-variation"])
@pytest.mark.parametrize("shape", [(24, 32), (3, 24, 32), (1, 1, 24, 32)])
def test_denoisers_take_numpy_arrays(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    f, x = nt.denoisers.load(name), rng.random(shape)
    y = f(x, 0.1)
    assert isinstance(y, np.ndarray)
    assert y.shape == shape
    block = torch.from_numpy(x.astype(np.float32)).reshape(-1, 1, 24, 32)
    np.testing.assert_allclose(y.reshape(-1, 1, 24, 32), f(block, 0.1).detach().numpy(), atol=1e-6)
