"""Network that mends fused planes: what the neighbours of a plane still tell, once it was denoised with their average.

Averages know how well a neighbour fits by rules; a network learns from clips what a frame that was found says of the one it was
found for, and starts from the result that it mends, to which it adds nothing before it has learnt. What it adds has no light of
its own, over some pixels: the traces of regions are those of the average.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_tweedie.degradations.linear_algebra import smoothed
from napari_tweedie.denoisers.error_network import FEATURES, seen
from napari_tweedie.denoisers.network import pad_to_multiple
from napari_tweedie.denoisers.small_unet import ResidualBlock, SmallUNet

if TYPE_CHECKING:
    from napari_tweedie.denoisers.fusion import Fused

OWN = FEATURES + 3
"""What it is shown of a plane: the result and the residual, the plane alone and fused, and the level that is left."""
MEANS = 4
"""Weighted means of the neighbours that it makes."""
OUTLIER = 8.0
"""Differences, in noise levels, beyond which all look alike."""
LIGHT = 6.0
"""Standard deviation, in pixels, of the window over which what is added has no mean."""


class FusionNetwork(SmallUNet):
    """Encoder of every neighbour, means of what it finds, and a small U-Net for what is added to the result.

    Neighbours may be in any order and of any number. All is in units of the noise level, so that it is as little bound to grey
    levels as the denoisers are.

    Parameters
    ----------
    denoisers : sequence of str
        Names of the denoisers whose results it knows; each has some weights of its own, and others for counted light.
    width : int
        Features of every neighbour.
    widths : sequence of int
        Features at each scale, fine to coarse; each scale halves the size of the one before.
    """

    def __init__(self, denoisers: Sequence[str], width: int = 12, widths: Sequence[int] = (24, 48, 64)) -> None:
        super().__init__(denoisers, widths)
        self.width = width
        self.own = nn.Conv2d(OWN, width, 3, padding=1)
        self.each = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.facts = nn.Linear(2, width, bias=False)
        self.inner = ResidualBlock(width)
        self.weights = nn.Conv2d(width, MEANS, 1)
        self.head = nn.Conv2d(OWN + 2 * width + 3 * MEANS, widths[0], 3, padding=1)
        self.kinds = nn.Parameter(torch.zeros(2 * len(denoisers), widths[0]))
        self.add_scales()
        self.tail = nn.Conv2d(widths[0], 2 + MEANS, 3, padding=1)
        for weight in self.tail.parameters():
            nn.init.zeros_(weight)

    @property
    def architecture(self) -> dict[str, Any]:
        """What its weights file says of it."""
        return {"name": "fusion", "denoisers": list(self.denoisers), "width": self.width, "widths": list(self.widths)}

    def kind(self, denoiser: str, counted: bool) -> int:
        """Return the number of a denoiser, of counted light whose noise was stabilised or not."""
        return 2 * self.denoisers.index(denoiser) + counted

    def forward(self, own: Tensor, beside: Tensor, facts: Tensor, kinds: Tensor) -> Tensor:
        """Return what is to be added to the results, in noise levels, shape (B, 1, Y, X).

        Parameters
        ----------
        own : Tensor
            What is shown of planes, shape (B, `OWN`, Y, X), by `shown`.
        beside : Tensor
            What they differ from their neighbours, measured and denoised, and the weights of these, −1 where one is to be left
            out: shape (B, N, 3, Y, X).
        facts : Tensor
            How far away neighbours are, and their noise levels over that of the plane, shape (B, N, 2).
        kinds : Tensor
            What the planes are of, numbers of `kind`, shape (B,).
        """
        height, width = own.shape[-2:]
        own = pad_to_multiple(own, self.stride)
        beside = pad_to_multiple(beside.flatten(0, 1), self.stride).unflatten(0, beside.shape[:2])
        features, candidates = self._pooled(own, beside, facts)
        features = self.head(features) + self.kinds[kinds][..., None, None]
        features = self.over_scales(features)
        with torch.autocast(features.device.type, enabled=False):
            made = self.tail(F.relu(features.float()))[..., :height, :width]
            added = made[:, :1] + (made[:, 1:] * candidates[..., :height, :width]).sum(1, keepdim=True)
            return added - smoothed(added, LIGHT)

    def _pooled(self, own: Tensor, beside: Tensor, facts: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is shown to the U-Net, and images, (B, 1 + `MEANS`, Y, X), shares of which may be added: denoised ones."""
        there = (beside[:, :, 2:] >= 0).to(own.dtype)
        known = torch.stack([facts[..., 0] / 3, facts[..., 1].log()], -1)
        shared = self.own(own)[:, None] + self.facts(known)[..., None, None]
        differences = beside[:, :, :2].clamp(-OUTLIER, OUTLIER)
        each = self.each(torch.cat([differences, beside[:, :, 2:].clamp(min=0)], 2).flatten(0, 1))
        each = self.inner(F.relu(shared + each.unflatten(0, beside.shape[:2])).flatten(0, 1))
        weights = F.softplus(self.weights(each)).unflatten(0, beside.shape[:2]).float() * there
        each = F.relu(each).unflatten(0, beside.shape[:2]) * there
        total = 1 + weights.sum(1)
        noisy, alone = own[:, FEATURES - 6 : FEATURES - 5], own[:, FEATURES : FEATURES + 1]
        means = [(mine + (weights * differences[:, :, n : n + 1]).sum(1)) / total for n, mine in enumerate((noisy, alone))]
        pooled = [each.sum(1) / (1 + there.sum(1)), each.amax(1)]
        return torch.cat([own, *pooled, *means, total.log()], 1), torch.cat([alone, means[1]], 1)


def shown(noisy: Tensor, clean: Tensor, plane: Tensor, level: Tensor, result: Tensor, sigma: Tensor) -> Tensor:
    """Return what the network is shown of planes, shape (B, `OWN`, Y, X).

    Parameters
    ----------
    noisy, clean : Tensor
        Planes as measured, and denoised alone, shape (B, 1, Y, X).
    plane, level, result : Tensor
        Fused planes, the levels of their noise, and what they were denoised to, same shape.
    sigma : Tensor
        Noise levels of the planes, shape (B, 1, 1, 1), > 0.
    """
    apart = [((each - result) / sigma).clamp(-OUTLIER, OUTLIER) for each in (clean, plane)]
    return torch.cat([seen(noisy, result, sigma), *apart, level / sigma], 1)


def missing(network: FusionNetwork, kind: int, fused: Fused, result: Tensor) -> Tensor:
    """Return what is to be added to the result of a fused plane, in noise levels, both of shape (1, 1, Y, X)."""
    beside, sigma = fused.beside, fused.sigma
    level = torch.full((1, 1, 1, 1), sigma, dtype=result.dtype, device=result.device)
    own = shown(fused.noisy, fused.clean, fused.plane, fused.level, result, level)
    others = torch.cat([(beside.noisy - result) / sigma, (beside.clean - result) / sigma, beside.weight], 1)[None]
    facts = torch.stack([beside.distance, beside.sigma / sigma], 1)[None]
    found: Tensor = network(own, others, facts, torch.tensor([kind], device=result.device))
    return found
