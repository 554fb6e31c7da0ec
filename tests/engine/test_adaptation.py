"""Is a network shown what a denoiser would see, and is no file of the user's overwritten?"""

from pathlib import Path

import numpy as np
import pytest

from napari_tweedie.engine.adaptation import MAX_BLOCKS, noisy_blocks, unused
from napari_tweedie.recipe import Recipe


def test_blocks_of_a_stack_represent_it_in_units_of_its_range(rng: np.random.Generator) -> None:
    image = 1000 + 50 * rng.random((40, 64, 64)) + rng.normal(0, 5, (40, 64, 64))
    blocks = noisy_blocks(image, Recipe(axes="tyx", noise={"sigma": 5.0}), "cpu")
    low, high = np.percentile(image, (0.1, 99.9))
    assert len(blocks) == MAX_BLOCKS
    for x, level in blocks:
        assert tuple(x.shape) == (1, 1, 64, 64)
        assert level == pytest.approx(5 / (high - low), rel=0.05)
    np.testing.assert_allclose(blocks[0][0][0, 0], (image[0] - low) / (high - low), atol=0.1)


def test_photon_noise_is_made_the_same_everywhere(rng: np.random.Generator) -> None:
    clean = np.repeat([40.0, 400.0], 128)[:, None] * np.ones(256)
    noise = {"name": "poisson", "gain": 1.0, "offset": 0.0, "read_noise": 0.0}
    ((x, level),) = noisy_blocks(rng.poisson(clean).astype(np.float32), Recipe(axes="yx", noise=noise), "cpu")
    for half in (x[0, 0, :120], x[0, 0, 136:]):
        assert float(half.std()) == pytest.approx(level, rel=0.05)


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    wanted = tmp_path / "cells.safetensors"
    assert unused(wanted) == wanted
    wanted.touch()
    (tmp_path / "cells-2.safetensors").touch()
    assert unused(wanted) == tmp_path / "cells-3.safetensors"
