"""The network of errors: what it is shown, how far it looks, and whose errors it knows."""

import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.error_network import FEATURES, KINDS, SCALES, ErrorNetwork, seen
from napari_tweedie.denoisers.levels import levels_of_spectrum
from napari_tweedie.denoisers.network import ERRORS, load_errors, weights_file

WHITE = torch.ones(1, 10)
"""Levels of white noise."""


def shown(generator: torch.Generator, side: int = 64) -> torch.Tensor:
    return torch.randn((1, FEATURES, side, side), generator=generator)


def stirred(generator: torch.Generator) -> ErrorNetwork:
    """A network of random weights, none of them zero."""
    network = ErrorNetwork(["one", "other"])
    for weight in network.parameters():
        weight.data = 0.1 * torch.randn(weight.shape, generator=generator)
    return network.requires_grad_(False)


def test_what_is_seen_has_no_unit(generator: torch.Generator) -> None:
    noisy, clean = (torch.rand((2, 1, 40, 37), generator=generator) for _ in range(2))
    sigma = 0.05 + torch.rand((2, 1, 40, 37), generator=generator)
    torch.testing.assert_close(seen(1e4 * noisy, 1e4 * clean, 1e4 * sigma), seen(noisy, clean, sigma), rtol=1e-3, atol=1e-4)


def test_averages_of_white_noise_are_seen_with_variance_one(generator: torch.Generator) -> None:
    noise = torch.randn((24, 1, 96, 96), generator=generator)
    residuals = seen(noise, torch.zeros_like(noise), torch.ones(24, 1, 1, 1))[:, SCALES + 1 : 2 * SCALES + 1, 24:-24, 24:-24]
    torch.testing.assert_close(residuals.square().mean((0, 2, 3)), torch.ones(SCALES), rtol=0.1, atol=0)


def test_it_looks_no_further_than_tiles_overlap(generator: torch.Generator) -> None:
    network, which = stirred(generator), torch.tensor([1])
    noisy = torch.randn((1, 1, 160, 160), generator=generator)
    changed = noisy.clone()
    changed[..., 80, 80] += 5
    one, other = (network(seen(each, 0.5 * each, torch.ones(1, 1, 1, 1)), which, WHITE) for each in (noisy, changed))
    moved = (one - other).abs()[0, 0] > 1e-6
    assert bool(moved[80, 80])
    rows, columns = torch.nonzero(moved).T
    assert int((rows - 80).abs().max()) <= ErrorNetwork.reach
    assert int((columns - 80).abs().max()) <= ErrorNetwork.reach


def test_averages_of_noise_that_correlates_are_seen_with_about_the_same_variance(generator: torch.Generator) -> None:
    """Noise blurred by a pixel: those of white noise would be 2 to 12 times less."""
    frequency = torch.fft.fftfreq(96)
    power = torch.exp(-((2 * torch.pi) ** 2) * (frequency[:, None] ** 2 + frequency**2)).double()
    power /= power.mean()
    noise = torch.fft.ifft2(torch.fft.fft2(torch.randn((24, 1, 96, 96), generator=generator)) * power.sqrt()).real.float()
    levels = torch.from_numpy(levels_of_spectrum(power.numpy())).float().expand(24, -1)
    residuals = seen(noise, torch.zeros_like(noise), torch.ones(24, 1, 1, 1), levels)[:, SCALES + 1 : 2 * SCALES + 1]
    squares = residuals[..., 24:-24, 24:-24].square().mean((0, 2, 3))
    assert float(squares.min()) > 0.5
    assert float(squares.max()) < 1.6


def test_denoisers_are_told_apart_and_kinds_of_noise(generator: torch.Generator) -> None:
    network, image = stirred(generator), shown(generator)
    kinds = [network.kind(name, noise) for name in ("one", "other") for noise in KINDS]
    found = [network(image, torch.tensor([kind]), WHITE) for kind in kinds]
    found.append(network(image, torch.tensor([0]), 2 * WHITE))
    assert all(not torch.equal(a, b) for n, a in enumerate(found) for b in found[:n])


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (7, 3), (33, 61)])
def test_any_size_goes(shape: tuple[int, int], generator: torch.Generator) -> None:
    image = torch.rand((1, 1, *shape), generator=generator)
    found = stirred(generator)(seen(image, 0.9 * image, torch.full((1, 1, 1, 1), 0.1)), torch.tensor([0]), WHITE)
    assert found.shape == image.shape
    assert bool(found.isfinite().all())


def test_the_bundled_one_knows_all_denoisers_that_say_so() -> None:
    known = load_errors(weights_file(ERRORS), torch.device("cpu")).denoisers
    methods = [denoisers.registry.method(name) for name in denoisers.names()]
    assert {method.name for method in methods if issubclass(method, Denoiser) and method.knows_errors} == set(known)
