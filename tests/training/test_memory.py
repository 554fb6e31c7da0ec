"""A denoiser that gives back what it was given is told from one that does not."""

import numpy as np
import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.training.memory import ALIKE, SIDE, drawn, likeness


@pytest.fixture
def image(scene: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(scene).float()[None, None]


def memory_of(image: torch.Tensor) -> object:
    """The posterior mean where the world consists of four places of an image."""
    stored = torch.cat([image[0, :, y : y + SIDE, x : x + SIDE] for y in (0, 9) for x in (0, 11)])

    def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        if x.shape[2:] != (SIDE, SIDE):
            return x
        distances = (x - stored[None]).square().flatten(2).sum(2)
        weights = torch.softmax(-distances / (2 * sigma.view(-1, 1) ** 2), 1)
        return (weights @ stored.flatten(1)).view(x.shape)

    return denoise


def test_a_memory_draws_what_it_holds(image: torch.Tensor, generator: torch.Generator) -> None:
    assert likeness(memory_of(image), 0.05, [image], generator) > 0.99


def test_it_is_found_mirrored_too(image: torch.Tensor, generator: torch.Generator) -> None:
    assert likeness(memory_of(image), 0.05, [image.flip(2)], generator) > 0.99


def test_a_network_that_learnt_from_other_images_draws_what_is_not_there(image: torch.Tensor, generator: torch.Generator) -> None:
    network = denoisers.load("unet-small", precision="float32")
    assert likeness(network, 0.05, [image], generator) < ALIKE - 0.1


def test_what_is_drawn_follows_the_generator_alone(image: torch.Tensor) -> None:
    one, same, other = (drawn(memory_of(image), 0.05, image, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
