"""The network of trained samplers: what its noise does, and what it must not change."""

from pathlib import Path

import pytest
import torch

from napari_tweedie.denoisers.network import denoise, load_network
from napari_tweedie.denoisers.sampling_network import SamplingUNet, drawn, sampling
from napari_tweedie.denoisers.tiling import Tiled
from napari_tweedie.denoisers.unet import UNet, initialise
from napari_tweedie.training.export import write_weights

WIDTHS = (8, 8, 8)
SIGMA = torch.tensor([0.1, 0.2])


@pytest.fixture
def network(generator: torch.Generator) -> SamplingUNet:
    plain = UNet(widths=WIDTHS, blocks=1).eval().requires_grad_(False)
    initialise(plain, 0.5, generator)
    return sampling(plain, generator).eval().requires_grad_(False)


def test_without_noise_it_is_the_network_that_it_began_as(network: SamplingUNet, generator: torch.Generator) -> None:
    plain = UNet(widths=WIDTHS, blocks=1).eval().requires_grad_(False)
    plain.load_state_dict({name: weight for name, weight in network.state_dict().items() if not name.startswith("noise")})
    x = torch.rand((2, 1, 21, 18), generator=generator)
    found = drawn(network, x, SIGMA, torch.zeros(2, 3, 21, 18), torch.float32)
    torch.testing.assert_close(found, denoise(plain, x, SIGMA, torch.float32), rtol=1e-5, atol=1e-6)


def test_other_noise_at_any_scale_is_another_sample(network: SamplingUNet, generator: torch.Generator) -> None:
    x, noise = torch.rand((2, 1, 16, 16), generator=generator), torch.randn((2, 3, 16, 16), generator=generator)
    first = drawn(network, x, SIGMA, noise, torch.float32)
    for scale in range(3):
        other = noise.clone()
        other[:, scale] = torch.randn((2, 16, 16), generator=generator)
        assert (drawn(network, x, SIGMA, other, torch.float32) - first).abs().max() > 1e-4


def test_positively_homogeneous_for_the_same_noise(network: SamplingUNet, generator: torch.Generator) -> None:
    x, noise = torch.rand((2, 1, 16, 24), generator=generator), torch.randn((2, 3, 16, 24), generator=generator)
    found = drawn(network, 300 * x, 300 * SIGMA, noise, torch.float32)
    torch.testing.assert_close(found, 300 * drawn(network, x, SIGMA, noise, torch.float32), rtol=1e-4, atol=1e-3)


def test_tiles_get_the_noise_of_their_place(network: SamplingUNet, generator: torch.Generator) -> None:
    both = torch.cat([torch.rand((1, 1, 96, 96), generator=generator), torch.randn((1, 3, 96, 96), generator=generator)], 1)

    def at_once(both: torch.Tensor, sigma: float | torch.Tensor) -> torch.Tensor:
        level = torch.as_tensor(sigma).expand(len(both))
        return drawn(network, both[:, :1], level, both[:, 1:], torch.float32)

    tiled = Tiled(at_once, 32, 24)(both, 0.1)[:, :1]
    torch.testing.assert_close(tiled, at_once(both, 0.1), rtol=1e-4, atol=1e-5)


def test_its_weights_are_read_back_as_what_they_are(network: SamplingUNet, tmp_path: Path) -> None:
    write_weights(network, tmp_path / "a.safetensors")
    found = load_network(tmp_path / "a.safetensors", torch.device("cpu"))
    assert isinstance(found, SamplingUNet)
    assert "noise at 3 scales" in str(found)
    for weight, other in zip(network.parameters(), found.parameters(), strict=True):
        torch.testing.assert_close(weight, other, rtol=1e-3, atol=1e-6)
