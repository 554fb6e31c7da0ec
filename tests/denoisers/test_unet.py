import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_tweedie import denoisers
from napari_tweedie.analysis.jacobian import Jacobian
from napari_tweedie.denoisers.levels import levels_of_spectrum
from napari_tweedie.denoisers.unet import UNet, initialise, with_levels


@pytest.fixture(params=["unet", "unet-small"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def unet(name: str) -> denoisers.Denoiser:
    return denoisers.load(name, precision="float32")


def test_noise_of_its_level_is_removed(unet: denoisers.Denoiser, scene: np.ndarray, generator: torch.Generator) -> None:
    clean = torch.from_numpy(scene).float()[None, None]
    for sigma, gain in ((0.02, 3), (0.1, 10), (0.3, 20)):
        noisy = clean + sigma * torch.randn(clean.shape, generator=generator)
        error = (unet(noisy, sigma) - clean).square().mean()
        assert error * gain < sigma**2


@pytest.mark.parametrize("factor", [1e-3, 0.5, 255.0, 4e4])
def test_positively_homogeneous(unet: denoisers.Denoiser, scene: np.ndarray, factor: float) -> None:
    x = torch.from_numpy(scene).float()[None, None]
    torch.testing.assert_close(unet(factor * x, factor * 0.1) / factor, unet(x, 0.1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 1, 37), (1, 1, 5, 3), (2, 3, 17, 24), (1, 1, 64, 64)])
def test_any_size_keeps_shape_and_is_finite(unet: denoisers.Denoiser, shape: tuple[int, ...], generator: torch.Generator) -> None:
    result = unet(torch.rand(shape, generator=generator), 0.1)
    assert result.shape == shape
    assert result.dtype == torch.float32
    assert torch.isfinite(result).all()


def test_batch_equals_loop_and_takes_a_level_a_sample(unet: denoisers.Denoiser, generator: torch.Generator) -> None:
    x = torch.rand((3, 2, 16, 24), generator=generator)
    levels = torch.tensor([0.0, 0.05, 0.3])
    together = unet(x, levels)
    for sample, level, result in zip(x, levels, together, strict=True):
        torch.testing.assert_close(unet(sample[None], float(level))[0], result, rtol=1e-4, atol=1e-5)


def test_identity_without_noise(unet: denoisers.Denoiser, generator: torch.Generator) -> None:
    x = torch.rand((1, 1, 24, 24), generator=generator)
    assert torch.equal(unet(x, 0.0), x)


def test_constants_are_kept(unet: denoisers.Denoiser) -> None:
    flat = torch.full((1, 1, 64, 64), 0.5)
    assert (unet(flat, 0.1) - flat).abs().max() < 0.02


def test_the_mean_is_kept(unet: denoisers.Denoiser, scene: np.ndarray, generator: torch.Generator) -> None:
    x = torch.from_numpy(scene).float()[None, None]
    noisy = x + 0.1 * torch.randn(x.shape, generator=generator)
    assert abs(unet(noisy, 0.1).mean() / noisy.mean() - 1) < 0.005


def test_bfloat16_is_close_to_float32(name: str, unet: denoisers.Denoiser, scene: np.ndarray, generator: torch.Generator) -> None:
    x = torch.from_numpy(scene).float()[None, None]
    noisy = x + 0.1 * torch.randn(x.shape, generator=generator)
    fast = denoisers.load(name, precision="bfloat16")(noisy, 0.1)
    assert (fast - unet(noisy, 0.1)).square().mean().sqrt() < 0.02 * 0.1


def test_gradients_flow(unet: denoisers.Denoiser, generator: torch.Generator) -> None:
    x = torch.rand((1, 1, 16, 16), generator=generator, requires_grad=True)
    unet(x, 0.1).sum().backward()
    assert x.grad is not None
    assert float(x.grad.abs().sum()) > 0


def test_pixels_further_away_than_the_halo_hardly_matter(unet: denoisers.Denoiser, generator: torch.Generator) -> None:
    x = torch.rand((1, 1, 32, 320), generator=generator, requires_grad=True)
    unet(x, 0.1)[..., 160].sum().backward()
    influence = x.grad[0, 0].abs().sum(0)
    assert influence[: 160 - unet.halo].sum() + influence[161 + unet.halo :].sum() < 1e-4 * influence.sum()


@pytest.mark.parametrize("shape", [(2, 1, 40, 24), (1, 1, 33, 16)])
def test_bands_of_rows_and_gradients_change_nothing(
    unet: denoisers.Denoiser, shape: tuple[int, ...], generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.rand(shape, generator=generator)
    with torch.enable_grad():
        expected = unet(x, 0.1)
    for rows in (7, 128):
        monkeypatch.setattr("napari_tweedie.denoisers.unet.STRIP", rows)
        with torch.no_grad():
            torch.testing.assert_close(unet(x, 0.1), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_derivatives_are_the_same_whether_or_not_the_weights_need_some(dtype: torch.dtype, generator: torch.Generator) -> None:
    """Once and again, as products with J and its transpose are computed; in half precision within its accuracy."""
    network = UNet(widths=(4, 6, 8), blocks=1)
    initialise(network, 0.7, generator)
    network = network.double() if dtype is torch.float64 else network
    x = torch.rand((2, 1, 12, 8), generator=generator).to(network.tail.weight.dtype).requires_grad_()
    level = torch.full((2,), 0.1, dtype=x.dtype)
    v = torch.randn(x.shape, generator=generator).to(x.dtype)
    products = []
    for trained in (True, False):
        network.requires_grad_(trained)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
            y = network(x, level)
        u = v.to(y.dtype).requires_grad_()
        (pulled,) = torch.autograd.grad(y, x, u, create_graph=True)
        (pushed,) = torch.autograd.grad(pulled, u, v, retain_graph=True)
        products.append((y, pulled, pushed))
    for expected, found in zip(*products, strict=True):
        assert found.dtype == expected.dtype
        assert (found - expected).norm() <= (1e-12 if dtype is torch.float64 else 0.02) * expected.norm()


def test_a_product_with_the_jacobian_costs_a_call(unet: denoisers.Denoiser, generator: torch.Generator) -> None:
    x = torch.rand((1, 1, 32, 32), generator=generator)
    jacobian = Jacobian(unet, x, 0.1)
    costs = []
    for call in (lambda: unet(x, 0.1), lambda: jacobian.times(x), lambda: jacobian.transposed(x)):
        with FlopCounterMode(display=False) as counter:
            call()
        costs.append(counter.get_total_flops())
    assert costs[0] > 0
    assert max(costs) <= 1.01 * costs[0]


def test_white_noise_told_as_a_map_or_as_levels_is_the_same(unet: denoisers.Denoiser, generator: torch.Generator) -> None:
    x = torch.rand((2, 2, 21, 24), generator=generator)
    expected = unet(x, torch.full((1, 1, 1, 1), 0.1))
    for shape in ((2, 1, 21, 24), (1, 10, 1, 1), (2, 10, 21, 24), (1, 10, 21, 1)):
        torch.testing.assert_close(unet(x, torch.full(shape, 0.1)), expected, rtol=0, atol=1e-5)


def test_white_noise_told_as_a_map_is_removed_as_well(
    unet: denoisers.Denoiser, scene: np.ndarray, generator: torch.Generator
) -> None:
    """Within half a decibel, though the weights may be others."""
    clean = torch.from_numpy(scene).float()[None, None]
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=generator)
    number, even = ((unet(noisy, sigma) - clean).square().mean() for sigma in (0.1, torch.full(clean.shape, 0.1)))
    assert even < 1.12 * number


def test_noise_that_is_not_white_goes_when_its_levels_are_told(scene: np.ndarray, generator: torch.Generator) -> None:
    """Blurred by a pixel: less than half of the error that is left if it is taken for white."""
    unet = denoisers.load("unet", precision="float32")
    clean = torch.from_numpy(scene).float()[None, None]
    v, u = torch.fft.fftfreq(clean.shape[2])[:, None], torch.fft.rfftfreq(clean.shape[3])
    spectrum = torch.exp(-((2 * torch.pi) ** 2) * (v**2 + u**2))
    white = torch.randn(clean.shape, generator=generator)
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * spectrum.sqrt(), s=clean.shape[2:])
    full = torch.exp(-((2 * torch.pi) ** 2) * (v**2 + torch.fft.fftfreq(clean.shape[3]) ** 2))
    levels = torch.from_numpy(levels_of_spectrum(full.numpy())).float().view(1, 10, 1, 1)
    scale = 0.1 / levels[0, 0]
    noisy = clean + scale * noise
    told, taken_for_white = ((unet(noisy, s) - clean).square().mean() for s in (scale * levels, 0.1))
    assert told < 0.4 * taken_for_white


def test_homogeneous_in_levels_and_maps(unet: denoisers.Denoiser, scene: np.ndarray, generator: torch.Generator) -> None:
    x = torch.from_numpy(scene).float()[None, None]
    for shape in ((1, 1, *scene.shape), (1, 10, 1, 1)):
        level = 0.05 + 0.1 * torch.rand(shape, generator=generator)
        torch.testing.assert_close(unet(300 * x, 300 * level) / 300, unet(x, level), rtol=1e-3, atol=1e-4)


def test_pixels_without_noise_are_kept_where_a_map_says_so(unet: denoisers.Denoiser, generator: torch.Generator) -> None:
    x, level = torch.rand((1, 1, 32, 32), generator=generator), torch.full((1, 1, 32, 32), 0.1)
    level[..., :16] = 0
    clean = unet(x, level)
    assert torch.equal(clean[..., :16], x[..., :16])
    assert not torch.equal(clean[..., 16:], x[..., 16:])


def test_a_map_follows_the_noise(unet: denoisers.Denoiser, scene: np.ndarray, generator: torch.Generator) -> None:
    """Half of the image is four times noisier: told so, the error is lower than with the root mean square everywhere."""
    clean = torch.from_numpy(scene).float()[None, None]
    level = torch.full(clean.shape, 0.04)
    level[..., : clean.shape[3] // 2] = 0.16
    noisy = clean + level * torch.randn(clean.shape, generator=generator)
    told, even = (unet(noisy, sigma) for sigma in (level, float(level.square().mean().sqrt())))
    assert (told - clean).square().mean() < 0.95 * (even - clean).square().mean()


def test_more_channels_of_levels_change_nothing_at_first(generator: torch.Generator) -> None:
    network = UNet(widths=(4, 6), blocks=1)
    initialise(network, 0.7, generator)
    wide = with_levels(network, 10)
    x, sigma = torch.rand((2, 1, 8, 12), generator=generator), torch.tensor([0.1, 0.3])
    torch.testing.assert_close(wide(x, sigma), network(x, sigma), rtol=1e-4, atol=1e-6)
    levels = torch.rand((2, 10, 8, 12), generator=generator)
    torch.testing.assert_close(wide(x, levels), network(x, levels), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="one channel of noise levels"):
        with_levels(wide, 10)
