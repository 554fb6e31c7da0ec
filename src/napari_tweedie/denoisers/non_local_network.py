"""Architecture of `lidia`: groups of similar patches through small separable transforms, from coarse to fine."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.denoisers.levels import level_maps
from napari_tweedie.denoisers.network import pad_to_multiple
from napari_tweedie.denoisers.one_width import OneWidthNetwork

SIDE, STRIDE, NEIGHBOURS, REACH = 8, 4, 16, 6
"""Height of a patch, distance of the patches that groups are made for, patches in a group, how far away they are looked for."""
MARGIN = REACH + SIDE
"""Pixels that are mirrored around an image, so that every pixel lies in as many patches."""
CHUNK = 1024
"""Groups that are computed at a time: their numbers are many times those of the image."""
LEAST = 1e-4
"""Least weight of an estimate, next to 1: every pixel has some."""


class SeparableLayer(nn.Module):
    """``W Z V`` of groups Z (G, k, n): W mixes the k patches of a group, V the n numbers of each and the noise level."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.within = nn.Parameter(torch.empty(inputs + 1, outputs))
        self.across = nn.Parameter(torch.eye(NEIGHBOURS))
        nn.init.orthogonal_(self.within)

    def forward(self, groups: Tensor, sigma: Tensor) -> Tensor:
        mixed = groups @ self.within[:-1] + sigma * self.within[-1]
        return self.across @ mixed


class GroupNetwork(nn.Module):
    """What is noise in groups of patches: separable layers with rectifiers between them, two by two around a skip."""

    def __init__(self, inputs: int, width: int, blocks: int) -> None:
        super().__init__()
        self.first = SeparableLayer(inputs, width)
        self.middle = nn.ModuleList(SeparableLayer(width, width) for _ in range(2 * blocks))
        self.last = SeparableLayer(width, SIDE**2 + 1)
        for layer in self.middle[1::2]:
            nn.init.zeros_(cast("SeparableLayer", layer).within)
        nn.init.orthogonal_(self.last.within, gain=0.1)

    def forward(self, groups: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noise of groups (G, k, n), (G, k, 64), and the weights of the estimates, (G, k, 1), for levels (G, 1, 1)."""
        features = self.first(groups, sigma)
        for one, other in zip(self.middle[::2], self.middle[1::2], strict=True):
            features = features + other(F.relu(one(F.relu(features), sigma)), sigma)
        noise, weight = self.last(F.relu(features), sigma).split([SIDE**2, 1], dim=2)
        return noise, LEAST + torch.sigmoid(weight / sigma.clamp_min(1e-12))


class NonLocalNetwork(OneWidthNetwork):
    """Two scales of grouped patches: an estimate at half the size guides the search and the transforms at full size.

    All layers are linear and without bias, the noise level is one of the numbers of a patch, and weights depend on ratios: the
    network is positively homogeneous, ``net(k x, k σ) = k net(x, σ)`` for k > 0.

    Parameters
    ----------
    width : int
        Features of a patch.
    blocks : int
        Pairs of layers at each scale.

    Notes
    -----
    After LIDIA (Vaksman, Elad, Milanfar, "LIDIA: Lightweight Learned Image Denoising with Instance Adaptation", 2020): groups of
    nearest patches, separable transforms, two scales, weighted averages of overlapping patches. Unlike there, groups are made for
    every fourth pixel along each axis and return all of their patches, as those of BM3D do, and there are no biases.
    """

    kind = "lidia"
    jumps = True
    stride = 2 * STRIDE

    def __init__(self, width: int = 64, blocks: int = 2) -> None:
        super().__init__()
        self.width, self.blocks = width, blocks
        self.coarse = GroupNetwork(SIDE**2, width, blocks)
        self.fine = GroupNetwork(2 * SIDE**2, width, blocks)

    def __str__(self) -> str:
        return f"non-local network, width {self.width}, {self.blocks} pairs of layers a scale"

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Predict the noise of `x`, shape (B, 1, Y, X), of levels `sigma`, (B,) or maps, as `levels.level_maps` takes them.

        A group of patches is told the mean level of the patch that it was made for; of levels at several scales, their mean.
        """
        return x - self.both(x, sigma)[1]

    def both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clean image that guides, from half the size, and the final one."""
        shape = x.shape[-2:]
        level = level_maps(sigma, x).mean(1, keepdim=True)
        if level.shape[2:] != (1, 1):
            level = pad_to_multiple(level.expand(-1, -1, *shape), self.stride)
        x = pad_to_multiple(x, self.stride)
        small, half = F.avg_pool2d(x, 2), level / 2
        if level.shape[2:] != (1, 1):
            half = F.avg_pool2d(level.square(), 2).sqrt() / 2
        coarse = grouped(self.coarse, small, smoothed(small), half)
        guide = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        fine = grouped(self.fine, x, guide, level, guided=True)
        return guide[..., : shape[0], : shape[1]], fine[..., : shape[0], : shape[1]]


def smoothed(x: Tensor) -> Tensor:
    """Return x averaged over 3 × 3, in which noise hides less what is alike."""
    return F.avg_pool2d(F.pad(x, [1, 1, 1, 1], mode="replicate"), 3, 1)


def grouped(network: GroupNetwork, x: Tensor, guide: Tensor, sigma: Tensor, guided: bool = False) -> Tensor:
    """Return what a network makes of the groups of x: its estimates of all patches, averaged where they overlap.

    Patches are alike where those of `guide` are; if `guided`, the network sees these, too. Levels `sigma` have the shape
    (B, 1, 1, 1) or that of x.
    """
    padded, looked_at = (_mirrored(image) for image in (x, guide))
    places = similar(looked_at)  # (B, G, k), of the upper left pixel
    levels = sigma.flatten(1) if sigma.shape[2:] == (1, 1) else _means(_inner(_mirrored(sigma)))
    levels = levels.expand(len(x), places.shape[1])
    width, inside = padded.shape[-1], torch.arange(SIDE, device=x.device)
    patch = (inside[:, None] * width + inside).ravel()
    flat = [image.flatten(1) for image in ((padded, looked_at) if guided else (padded,))]
    total, counted = (torch.zeros(len(x), padded[0].numel(), device=x.device, dtype=x.dtype) for _ in range(2))
    some = max(1, CHUNK // len(x))
    for chosen, level in zip(places.split(some, 1), levels.split(some, 1), strict=True):
        cancellation_point()
        pixels = (chosen[..., None] + patch).flatten(1)  # (B, G k n)
        seen = torch.cat([image.gather(1, pixels).view(-1, NEIGHBOURS, SIDE**2) for image in flat], 2)
        noise, weight = network(seen, level.reshape(-1, 1, 1))
        weight = weight.to(x.dtype).expand(-1, -1, SIDE**2)
        total.scatter_add_(1, pixels, (weight * (seen[..., : SIDE**2] - noise)).reshape(len(x), -1))
        counted.scatter_add_(1, pixels, weight.reshape(len(x), -1))
    clean = (total / counted).view(padded.shape)
    return clean[..., MARGIN : MARGIN + x.shape[-2], MARGIN : MARGIN + x.shape[-1]]


@torch.no_grad()
def similar(image: Tensor) -> Tensor:
    """Return where the patches lie that are most like those on a grid: indices (B, G, k) of upper left pixels, itself first."""
    height, width = image.shape[-2:]
    rows, columns = (torch.arange(REACH, n - REACH - SIDE + 1, STRIDE, device=image.device) for n in (height, width))
    offsets = [(dy, dx) for dy in range(-REACH, REACH + 1) for dx in range(-REACH, REACH + 1)]
    inner, distances = _inner(image), []
    for dy, dx in offsets:
        cancellation_point()
        other = image[..., REACH + dy : height - REACH + dy, REACH + dx : width - REACH + dx]
        near = 0 if dy or dx else -1
        distances.append(_means((inner - other).square()) + near)
    chosen = torch.stack(distances, 2).topk(NEIGHBOURS, dim=2, largest=False).indices
    steps = torch.tensor([dy * width + dx for dy, dx in offsets], device=image.device)
    grid = (rows[:, None] * width + columns).ravel()
    return grid[None, :, None] + steps[chosen]


def _means(inner: Tensor) -> Tensor:
    """Return the means, (B, G), over the patches that groups are made for, of an image without its margin of `REACH`."""
    return F.avg_pool2d(inner, SIDE, STRIDE).flatten(1)


def _inner(image: Tensor) -> Tensor:
    """Return what lies within reach of all sides."""
    return image[..., REACH : image.shape[2] - REACH, REACH : image.shape[3] - REACH]


def _mirrored(x: Tensor) -> Tensor:
    """Pad by `MARGIN` at every side, by reflection as far as the image reaches."""
    mode = "reflect" if min(x.shape[-2:]) > MARGIN else "replicate"
    return F.pad(x, [MARGIN] * 4, mode=mode)
