"""Exact denoisers against brute force."""

import numpy as np
import pytest
import torch

from napari_tweedie import denoisers


def test_the_mixture_is_the_integral_over_its_prior(generator: torch.Generator) -> None:
    mixture = denoisers.load("mixture", dark=-0.3, bright=0.9, share=0.3, std=0.1)
    x = torch.linspace(-2, 2, 21).view(1, 1, 3, 7)
    clean = np.linspace(-3, 4, 20001)
    prior = sum(w * np.exp(-0.5 * ((clean - m) / 0.1) ** 2) for w, m in ((0.7, -0.3), (0.3, 0.9)))
    for sigma in (0.05, 0.4, 2.0):
        posterior = prior * np.exp(-0.5 * ((x.numpy().reshape(-1, 1) - clean) / sigma) ** 2)
        expected = (posterior * clean).sum(1) / posterior.sum(1)
        np.testing.assert_allclose(mixture(x, sigma).ravel(), expected, atol=1e-4)


def test_known_images_are_weighted_by_their_likelihood(rng: np.random.Generator) -> None:
    images, x = rng.random((4, 3, 5)), rng.random((2, 2, 3, 5))
    denoiser = denoisers.load("empirical", images=images)
    for sigma in (0.2, 1.0):
        likelihood = np.exp(-np.square(x[:, :, None] - images).sum((-2, -1)) / (2 * sigma**2))
        expected = np.einsum("bcn,nyx->bcyx", likelihood / likelihood.sum(-1, keepdims=True), images)
        np.testing.assert_allclose(denoiser(torch.from_numpy(x).float(), sigma), expected, atol=1e-5)


def test_without_noise_the_nearest_known_image_is_taken(rng: np.random.Generator) -> None:
    images = rng.random((4, 2, 3, 5)).astype(np.float32)
    x = torch.from_numpy(images[2] + 0.01)[None, None]
    result = denoisers.load("empirical", images=images)(x, 0.0)
    np.testing.assert_array_equal(result[0, 0], images[2])


def test_known_images_must_have_the_shape_of_the_image() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4\), the image \(4, 5\): they must be equal"):
        denoisers.load("empirical", images=np.zeros((2, 4, 4)))(torch.zeros(1, 1, 4, 5), 0.1)
