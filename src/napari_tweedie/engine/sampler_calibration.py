"""Calibration of a sampler that was just trained: on pixels of its pairs that it has not learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.calibration import LEVELS, conformal_quantile, cross_validated, standardised_errors
from napari_tweedie.core import device as devices
from napari_tweedie.core.lazy import torch
from napari_tweedie.engine.learning import Source, examples_of
from napari_tweedie.samplers.sampler import WhiteNoise
from napari_tweedie.samplers.summary import Running, Summary
from napari_tweedie.training.tiles import CHECKED, cut

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.denoisers.network import Network
    from napari_tweedie.training.learning import Learning

SAMPLES = 16
"""Samples of a tile: as many as are drawn untouched."""


def calibration_of(network: Network, sources: Sequence[Source], settings: Learning, device: str = "auto") -> dict[str, Any]:
    """Return by what the intervals of a sampler must be widened, at several levels, and the share of pixels they then hold.

    The pixels are those held out of learning, of whole images where there are at least four; what a tile's interval holds is
    measured with the factor of the other tiles.

    Parameters
    ----------
    network : Network
        What learnt to sample.
    sources : sequence of Source
        What it learnt from, with targets.
    settings : Learning
        How it learnt: they say which pixels were held out.
    device : str
        Where to compute.

    Returns
    -------
    dict
        "levels", and for each of them "factors" and "coverages"; "samples" of which the spread was taken.
    """
    from napari_tweedie.training.adversarial import parted

    place = devices.pick(device)
    examples = (example for source in sources for example in examples_of(source, settings, place))
    tiles = cut(examples, np.random.default_rng(settings.seed))
    scores, summary = [], None
    white = WhiteNoise(torch.Generator().manual_seed(settings.seed + 2), range(SAMPLES))
    _, apart = parted(tiles)
    for tile in (apart or tiles)[:CHECKED]:
        assert tile.partner is not None
        summary = summary_of(network, tile.noisy, tile.example.sigma, white)
        held = tile.held_out
        scores.append(standardised_errors(tile.partner[0, 0][held], summary.mean[0, 0][held], summary.std[0, 0][held]))
    assert summary is not None
    pooled = np.concatenate(scores)
    several = scores if len(scores) > 1 else np.array_split(scores[0], 2)
    return {
        "levels": list(LEVELS),
        "factors": [round(conformal_quantile(pooled, level) / summary.width(level), 4) for level in LEVELS],
        "coverages": [round(float(cross_validated(list(several), level).mean()), 4) for level in LEVELS],
        "samples": SAMPLES,
    }


def summary_of(network: Network, noisy: Tensor, sigma: float, white: WhiteNoise) -> Summary:
    """Return what samples of an image (1, 1, Y, X) say together."""
    from napari_tweedie.denoisers.sampling_network import drawn
    from napari_tweedie.denoisers.stepwise import told_level

    made: Any = network
    noise = torch.cat([white(noisy) for _ in made.widths], 1)
    running, level = Running(), told_level(noisy.new_tensor([sigma]))
    with torch.no_grad():
        for one in noise.split(1):
            running.add(drawn(made, noisy, level, one, torch.float32))
    return running.summary()
