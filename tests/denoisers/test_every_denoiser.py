"""Every installed denoiser keeps the same promises, but for those that are named here."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from napari_tweedie import denoisers

MEAN = {
    "wavelet": 5e-3,
    "nlm": 2e-2,
    "dictionary": 2e-2,
    "bm3d": 5e-3,
    "unet": 5e-3,
    "unet-small": 5e-3,
    "lidia": 5e-3,
    "csc": 1e-2,
    "deep-ksvd": 1e-2,
}
"""How far the mean may move, in noise levels; the others keep it but for rounding."""

LEAST_GAIN = {"gaussian": 1.5}
"""By how much at least the variance of the noise falls, on discs with sharp edges; 3 for the others."""

SIGMA = 0.1


def names() -> list[object]:
    skip = pytest.mark.skipif(find_spec("bm3d") is None or find_spec("bm4d") is None, reason="bm3d and bm4d are not installed")
    return [pytest.param(name, marks=skip) if name == "bm3d" else name for name in denoisers.names() if name != "file"]


pytestmark = pytest.mark.parametrize("name", names())


def load(name: str, shape: tuple[int, ...], **parameters: object) -> denoisers.Denoiser:
    """Return a denoiser for images of a spatial shape, in float32."""
    if name == "empirical":
        parameters["images"] = np.random.default_rng(7).random((5, *shape)).astype(np.float32)
    if name == "combined":
        parameters["parts"] = ("heat", "total-variation")
    if "precision" in denoisers.registry.method(name).model_fields:
        parameters["precision"] = "float32"
    return denoisers.load(name, **parameters)


def spatial_shapes(name: str) -> list[tuple[int, ...]]:
    if name == "bm3d":  # seconds a call, however small
        return [(5, 3), (3, 9, 10)]
    denoiser = load(name, (1, 1))
    planes = [(1, 1), (1, 13), (5, 3), (17, 24)] if 2 in denoiser.ndim else []
    return planes + ([(1, 1, 1), (3, 9, 10)] if 3 in denoiser.ndim else [])


@pytest.fixture
def x(generator: torch.Generator) -> torch.Tensor:
    return torch.rand((1, 1, 17, 24), generator=generator)


@pytest.mark.slow
def test_any_shape_comes_back_finite_and_without_noise_unchanged(name: str, generator: torch.Generator) -> None:
    for shape in spatial_shapes(name):
        denoiser = load(name, shape)
        x = torch.rand((1, 2, *shape), generator=generator)
        for level in (SIGMA, 1e-6, 1e3):
            result = denoiser(x, level)
            assert result.shape == x.shape
            assert result.dtype == torch.float32
            assert torch.isfinite(result).all()
        if denoiser.keeps_without_noise:
            torch.testing.assert_close(denoiser(x, 0.0), x)
            if denoiser.follows_offset or not denoiser.is_homogeneous:
                torch.testing.assert_close(denoiser(x, 1e-6), x, rtol=0, atol=5e-5)


def test_a_batch_is_a_loop_with_a_level_a_sample(name: str, generator: torch.Generator) -> None:
    denoiser = load(name, (16, 20))
    x = torch.rand((3, 2, 16, 20), generator=generator)
    levels = torch.tensor([0.0 if denoiser.keeps_without_noise else 0.01, 0.05, 0.3])
    together = denoiser(x, levels)
    for sample, level, result in zip(x, levels, together, strict=True):
        torch.testing.assert_close(denoiser(sample[None], float(level))[0], result, rtol=1e-4, atol=1e-4)


def test_constants_are_kept(name: str) -> None:
    if not denoisers.registry.method(name).is_homogeneous:
        pytest.skip("a prior of grey levels of its own")
    for shape in ((24, 40), (6, 8, 8)):
        denoiser = load(name, shape)
        if len(shape) in denoiser.ndim:
            flat = torch.full((1, 1, *shape), 0.5)
            assert (denoiser(flat, SIGMA) - flat).abs().max() < (1e-5 if denoiser.follows_offset else 0.02)


def test_the_mean_is_kept(name: str, scene: np.ndarray, generator: torch.Generator) -> None:
    if not denoisers.registry.method(name).is_homogeneous:
        pytest.skip("a prior of grey levels of its own")
    clean = torch.from_numpy(scene).float()[None, None]
    noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator)
    assert abs(float((load(name, scene.shape)(noisy, SIGMA) - noisy).mean())) < MEAN.get(name, 1e-4) * SIGMA


@pytest.mark.parametrize("depth", [0, 8])
def test_noise_of_its_level_is_removed(name: str, depth: int, scene: np.ndarray, generator: torch.Generator) -> None:
    image = scene[:24, :32]
    clean = torch.from_numpy(np.stack([image] * depth) if depth else image).float()[None, None]
    denoiser = load(name, tuple(clean.shape[2:]), **({"slope": 2.0} if name == "gaussian" else {}))
    if clean.ndim - 2 not in denoiser.ndim:
        pytest.skip("planes only")
    if name == "mixture":
        clean = torch.where(clean > clean.mean(), 0.8, 0.2)
    if name == "empirical":
        clean = denoiser.images.tensor(clean)[1][None, None]
    noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator)
    error = (denoiser(noisy, SIGMA) - clean).square().mean()
    assert error < SIGMA**2 / LEAST_GAIN.get(name, 3)


def test_without_a_declared_derivative_there_is_none(name: str, x: torch.Tensor) -> None:
    denoiser = load(name, (17, 24))
    assert denoiser(x.requires_grad_(), SIGMA).requires_grad == denoiser.differentiable


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_gpu_agrees_with_the_cpu(name: str, x: torch.Tensor) -> None:
    denoiser = load(name, (17, 24))
    result = denoiser(x.cuda(), SIGMA)
    assert result.device.type == "cuda"
    torch.testing.assert_close(result.cpu(), denoiser(x, SIGMA), rtol=1e-3, atol=1e-3)
