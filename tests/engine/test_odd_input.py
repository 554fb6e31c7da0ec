"""Is input that nobody thought of a result, or one sentence, and never a library's error, a warning or NaN?"""

from typing import Any

import numpy as np
import pytest

import napari_tweedie as nt
from napari_tweedie.core import device
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe

RNG = np.random.default_rng(0)
REGION = np.zeros((16, 16), bool)
REGION[4:8, 4:8] = True


def noise(*shape: int) -> np.ndarray:
    return RNG.normal(100, 10, shape)


def images_of(image: np.ndarray, **recipe: Any) -> dict[str, np.ndarray]:
    return last(run(Recipe.model_validate({"denoiser": "tikhonov", "device": "cpu"} | recipe), image)).images


def with_nan(*place: int) -> np.ndarray:
    image = noise(16, 16)
    image[place] = np.nan
    return image


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 12, 12), (3, 4, 4)])
def test_a_stack_of_few_planes_has_a_standard_deviation(shape: tuple[int, ...]) -> None:
    std = images_of(noise(*shape), axes="zyx", volume=True, probes=2)["std"]
    assert std.shape == shape
    assert np.isfinite(std).all()


@pytest.mark.parametrize("shape", [(12, 40), (2, 12), (3, 3)])
def test_a_plane_of_few_rows_has_a_standard_deviation(shape: tuple[int, ...]) -> None:
    assert np.isfinite(images_of(noise(*shape), probes=2)["std"]).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_colour_may_come_first(dtype: type) -> None:
    image = RNG.integers(0, 255, (3, 16, 20)).astype(dtype)
    first = images_of(image, axes="syx")["denoised"]
    np.testing.assert_array_equal(first, np.moveaxis(images_of(np.moveaxis(image, 0, -1), axes="yxs")["denoised"], -1, 0))


def test_colour_volumes_are_denoised_channel_by_channel() -> None:
    image = RNG.normal(100, 10, (4, 16, 16, 3))
    result = images_of(image, axes="zyxs", volume=True)["denoised"]
    assert result.shape == image.shape
    np.testing.assert_allclose(result.mean((0, 1, 2)), image.mean((0, 1, 2)), atol=0.5)


MASK = {"name": "mask", "mask": np.ones((16, 16))}


@pytest.mark.parametrize(
    ("degradation", "message"),
    [
        (MASK, "the image holds no numbers|the mask leaves no known pixel"),
        ({"name": "mask", "mask": np.where(REGION, np.nan, 0)}, "holds 16 values that are not finite"),
        ({"name": "mask", "mask": np.full((16, 16), "a")}, "not numbers"),
        ({"name": "mask", "mask": [[1, 2], [3]]}, "rows have different lengths"),
        ({"name": "psf-blur", "psf": np.full((3, 3), np.inf)}, "9 values that are not finite"),
        ({"name": "psf-blur", "psf": np.ones((3, 3)) * 1j}, "complex numbers"),
        ({"name": "psf-blur", "psf": np.zeros((3, 3))}, "its sum positive"),
        ({"name": "psf-blur", "psf": np.zeros((0, 3))}, r"is empty \(shape \(0, 3\)\): give an array of numbers"),
        ({"name": "radon", "flat": 3.0}, "is a single number: give an array of numbers"),
        ({"name": "fourier-mask", "sensitivity": np.zeros((0, 16, 16))}, "is empty"),
        ({"name": "fourier-mask", "sensitivity": np.array(1.0)}, "is a single number"),
        ({"name": "mask", "mask": {"foo": 1}}, "an array is described by name, sha256 and spacing"),
        ({"name": "mask", "mask": {"name": 3}}, "an array is described by name"),
        ({"name": "mask", "mask": {"name": "m", "spacing": 5}}, "sizes above 0"),
        ({"name": "mask", "mask": {"name": "m", "spacing": [0, "a"]}}, "sizes above 0"),
    ],
)
def test_an_array_that_is_none_is_named(degradation: dict[str, Any], message: str) -> None:
    for sigma in ({}, {"noise": {"sigma": 1.0}}):
        with pytest.raises(ValueError, match=message):
            images_of(noise(16, 16), job="restore", degradation=degradation, **sigma)


def test_coils_that_saw_nothing_are_named() -> None:
    coils = {"name": "fourier-mask", "sensitivity": np.zeros((2, 16, 16))}
    with pytest.raises(ValueError, match="the sensitivities are zero everywhere"):
        images_of(noise(4, 16, 16), job="restore", degradation=coils, noise={"sigma": 1.0})


def test_a_region_is_filled_whatever_is_in_it_or_far_from_it() -> None:
    for place in ((5, 5), (0, 0)):
        filled = images_of(with_nan(*place), job="blend", blending={"region": REGION})["blended"]
        assert np.isnan(filled).sum() == (place == (0, 0))


@pytest.mark.parametrize(("place", "gradients"), [((3, 4), "replace"), ((5, 5), "maximum")])
def test_a_region_whose_border_is_not_finite_is_named(place: tuple[int, int], gradients: str) -> None:
    with pytest.raises(ValueError, match="1 values that are not finite at the border of the region"):
        images_of(with_nan(*place), job="blend", blending={"region": REGION, "gradients": gradients})


def nested(depth: int) -> dict[str, Any]:
    return {"name": "combined", "parts": [nested(depth - 1)]} if depth else {"name": "tikhonov"}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"denoiser": {"name": 5}}, "described by its name, a word"),
        ({"denoiser": {"name": ["unet"]}}, "described by its name, a word"),
        ({"denoiser": nested(400)}, "nested too deeply"),
        ([], "should be a valid dictionary"),
    ],
)
def test_a_recipe_of_another_form_is_named(recipe: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate(recipe)


@pytest.mark.parametrize("recipe", [[1, 2], "denoise", None, np.ones((2, 2)), 5, {1: 2}, {"noise": {1: 2}}, {"colour": 1}])
def test_what_is_no_recipe_is_named_by_the_function_that_runs_one(recipe: Any) -> None:
    with pytest.raises(ValueError, match=r"valid dictionary|no such parameter|named by words|described by its name"):
        nt.run(recipe, noise(8, 8))


@pytest.mark.parametrize("job", ["denoise", "restore", "sample", "decompose"])
@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, sigma: None, lambda x, sigma: x.numpy(), lambda x, sigma: x[..., 1:], lambda x, sigma: x * float("nan"),
        lambda x, sigma: x.long(), lambda x, sigma: x + 1j, lambda x, sigma: 1 / 0, lambda x, sigma: {}["a"], lambda x: x,
        lambda x, sigma: [x], lambda x, sigma: 1e6 * x,
    ],
)  # fmt: skip
def test_a_denoiser_of_ones_own_that_is_none_is_a_sentence_or_has_a_result(wrong: Any, job: str) -> None:
    more = {"sampler": {"samples": 2}} if job == "sample" else {}
    images, told = {}, ""
    try:
        images = images_of(noise(12, 12), job=job, denoiser=wrong, **more)
    except ValueError as error:
        told = str(error)
    assert images or told
    assert "\n" not in told
    assert all(np.isfinite(image).all() for image in images.values())


def test_a_denoiser_may_be_named_alone() -> None:
    assert Recipe.model_validate({"denoiser": "tikhonov"}).denoiser.name == "tikhonov"


def test_memory_that_linux_cannot_allocate_is_memory_that_is_short() -> None:
    told = (
        "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes."
    )
    assert device.is_out_of_memory(RuntimeError(told))
    assert not device.is_out_of_memory(RuntimeError("size mismatch"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"progress": 5}, "progress must be a function"),
        ({"job": "restore"}, "job: denoise says that itself"),
        ({"probes": 3}, "probes: denoise says that itself"),
        ({"sigma": 1e300}, r"sigma: should be at most 1e\+37 \(got 1e\+300\)$"),
        ({"noise": {"name": "poisson", "offset": -1e300}}, "offset: should be at most"),
        ({"spacing": (1e300, 1.0)}, "spacing: should be at most"),
    ],
)
def test_what_a_function_cannot_take_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nt.denoise(noise(12, 12), "tikhonov", device="cpu", **fields)
