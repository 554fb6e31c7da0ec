from typing import ClassVar

import numpy as np
import torch

from napari_tweedie import denoisers
from napari_tweedie.degradations.correlation import REACH, Correlation
from napari_tweedie.denoisers.coloured import matched
from napari_tweedie.denoisers.network import Unet


class TakesWhite(Unet):
    """The same network, used as one that knows white noise only."""

    takes_levels: ClassVar[bool] = False


def test_offsets_of_rows_go_better_with_a_network_that_is_told_of_them(scene: np.ndarray, generator: torch.Generator) -> None:
    clean = torch.from_numpy(np.tile(scene, (2, 1))).float()[None, None]
    offsets = torch.randn((1, 1, clean.shape[2], 1), generator=generator)
    noisy = clean + 0.1 * (0.8**0.5 * torch.randn(clean.shape, generator=generator) + 0.2**0.5 * offsets)
    near = np.zeros((REACH + 1, REACH + 1))
    near[0, 0] = 0.8
    correlation = Correlation(tuple(map(tuple, near.tolist())), rows=(0.2, *[0.0] * REACH))
    errors = [
        (matched(denoiser, correlation)(noisy, 0.1) - clean).square().mean()
        for denoiser in (denoisers.load("unet", precision="float32"), TakesWhite(precision="float32"))
    ]
    assert errors[0] < 0.9 * errors[1]
