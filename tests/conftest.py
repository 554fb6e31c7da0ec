import numpy as np
import pytest
import torch


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def scene(rng: np.random.Generator) -> np.ndarray:
    """A clean 64 × 96 image in [0, 1]: discs and a ramp."""
    y, x = np.mgrid[:64, :96]
    image = 0.2 + 0.2 * x / 96
    for _ in range(12):
        cy, cx, r, level = rng.uniform((0, 0, 4, 0.2), (64, 96, 12, 0.9))
        image = np.where((y - cy) ** 2 + (x - cx) ** 2 < r**2, level, image)
    return image
