"""Critic of samples: a small network that tells targets from samples, given what was measured, and how both learn from it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 48
"""Features at full size; there are twice as many below."""
EVERY = 4
"""Steps between two that penalise the critic's gradient: that takes twice as long."""
PENALTY = 1.0
"""Weight of the mean squared gradient, by place."""
SOFT = 0.2
"""Slope of the critic's activation below 0."""


BANDS = 3
"""Bands of frequencies, fine to coarse, that the critic sees what was added to the regression in."""


class Critic(nn.Module):
    """How much a target looks like one, place by place, next to its image: a few convolutions that see 22 pixels.

    Its first channels are bands of what was added to the regression, each in units of the regression's error there: fine detail
    is a small part of that, and would hardly be seen. The others are what was measured, less the regression, in noise levels,
    and the regression, in five noise levels.
    """

    def __init__(self) -> None:
        super().__init__()
        sizes = list(pairwise((BANDS + 2, WIDTH, 2 * WIDTH, 2 * WIDTH, 2 * WIDTH, 1)))
        shapes = [(3, 1, 1), (4, 2, 1), (4, 2, 1), (3, 1, 1), (1, 1, 0)]
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, side, step, margin) for (a, b), (side, step, margin) in zip(sizes, shapes, strict=True)
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Return scores (B, 1, Y / 4, X / 4)."""
        for place, layer in enumerate(self.layers):
            seen = layer(F.leaky_relu(seen, SOFT) if place else seen)
        return seen


def bands(x: Tensor) -> Tensor:
    """Return images (B, 1, Y, X) as a sum of bands, (B, 3, Y, X): what binomial blurs of growing width take away one by one."""
    weights = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = torch.outer(weights, weights).view(1, 1, 3, 3)
    found = []
    for step in range(BANDS - 1):
        reach = 2**step
        smooth = F.conv2d(F.pad(x, [reach] * 4, mode="replicate"), kernel, dilation=reach)
        found.append(x - smooth)
        x = smooth
    return torch.cat([*found, x], 1)


def seen(x: Tensor, noisy: Tensor, mean: Tensor, level: Tensor, errors: Tensor, counts: Tensor) -> Tensor:
    """Return what the critic sees of a target or sample x.

    Parameters
    ----------
    x, noisy, mean : Tensor
        What is judged, what was measured, and its regression, (B, 1, Y, X).
    level : Tensor
        Noise level, (B, 1, 1, 1).
    errors : Tensor
        Root mean square of the regression's error in every band, in noise levels, (3,).
    counts : Tensor
        Pixels that count, (B, 1, Y, X): the others are those of the regression.
    """
    added = bands((x - mean) * counts) / (level * errors.view(1, -1, 1, 1))
    return torch.cat([added, (noisy - mean) / level, mean / (5 * level)], 1)


def critic_loss(critic: Critic, real: Tensor, fake: Tensor, penalise: bool, precision: torch.dtype) -> Tensor:
    """Return what the critic minimises: the relativistic loss of pairs, and now and then the penalty of its gradients.

    ``log(1 + exp(D(fake) − D(real)))`` (Jolicoeur-Martineau 2018), with zero-centred gradients at both (Huang et al., "The GAN is
    dead; long live the GAN", 2024).
    """
    if not penalise:
        with torch.autocast(real.device.type, dtype=precision, enabled=precision is not torch.float32):
            scores = critic(real).float(), critic(fake).float()
        return F.softplus(scores[1] - scores[0]).mean()
    pair = [one.detach().requires_grad_() for one in (real, fake)]
    scores = critic(pair[0]), critic(pair[1])
    slopes = torch.autograd.grad([score.sum() for score in scores], pair, create_graph=True)
    power = sum((slope[:, :BANDS].square().sum((1, 2, 3)) for slope in slopes), torch.zeros(()))
    return F.softplus(scores[1] - scores[0]).mean() + EVERY * PENALTY * power.mean() / scores[0][0].numel()


def adversarial_loss(critic: Critic, real: Tensor, fakes: list[Tensor], precision: torch.dtype) -> Tensor:
    """Return what samples minimise to be taken for targets: ``log(1 + exp(D(real) − D(fake)))``."""
    with torch.autocast(real.device.type, dtype=precision, enabled=precision is not torch.float32):
        target = critic(real).float()
        scores = [critic(fake).float() for fake in fakes]
    return torch.stack([F.softplus(target - score).mean() for score in scores]).mean()
