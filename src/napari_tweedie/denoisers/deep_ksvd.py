"""Architecture of `deep-ksvd`: overlapping patches as sums of few atoms, found by unfolded iterations of thresholding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.denoisers.levels import level_maps
from napari_tweedie.denoisers.network import pad_to_multiple
from napari_tweedie.denoisers.one_width import OneWidthNetwork
from napari_tweedie.denoisers.shrinkage import COARSE, background, cosine_frame, soft_threshold

SIDE = 8
"""Height and width of a patch."""
MARGIN = SIDE
"""Pixels that are repeated around an image, so that every pixel lies in as many patches."""
CHUNK = 8192
"""Patches that are computed at a time: their codes have many times as many numbers."""
ONE = 0.5413
"""Where softplus is 1."""
LEAST = 1e-3
"""Least weight of an estimate, next to 1: every pixel has some."""


class DeepKSVD(OneWidthNetwork):
    """Codes z of patches y by ``z ← S_θ(z + A (y − D z))``, turn by turn; the patches that they stand for are averaged.

    The thresholds θ of a patch are those of its atoms, learnt, times the noise level, times a number from a small network.
    Weights of estimates depend on ratios alone: the network is positively homogeneous, ``net(k x, k σ) = k net(x, σ)`` for k > 0.
    A smooth background is left alone.

    Parameters
    ----------
    width : int
        Atoms of the dictionary.
    blocks : int
        Turns after the first.
    step : int
        Distance of patches along each axis, in pixels.

    Notes
    -----
    After deep K-SVD (Scetbon, Elad, Milanfar, "Deep K-SVD denoising", 2021): one dictionary for all turns, thresholds from a
    network that looks at the patch, learnt weights of the pixels of a patch. Unlike there, atoms have thresholds of their own,
    and one set of weights is for all noise levels.
    """

    kind = "deep-ksvd"
    stride = COARSE

    def __init__(self, width: int = 256, blocks: int = 6, step: int = 2) -> None:
        super().__init__()
        self.width, self.blocks, self.step = width, blocks, step
        frame = cosine_frame(SIDE, width)
        self.analysis = nn.Parameter(frame.T.contiguous())
        self.dictionary = nn.Parameter(frame.clone())
        self.atoms = nn.Parameter(frame.clone())
        self.thresholds = nn.ParameterList(torch.full((width,), -0.5) for _ in range(blocks + 1))
        self.judge = nn.ModuleList([nn.Linear(SIDE**2 + 1, 64), nn.Linear(64, 32), nn.Linear(32, 2)])
        self.overlap = nn.Parameter(torch.zeros(SIDE**2))
        for weight in self.judge[-1].parameters():
            nn.init.zeros_(weight)

    def __str__(self) -> str:
        return f"deep K-SVD, {self.width} atoms, {self.blocks + 1} turns"

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Predict the noise of `x`, shape (B, 1, Y, X), of levels `sigma`, (B,) or maps, as `levels.level_maps` takes them.

        A patch is told the mean level of its pixels.
        """
        shape = x.shape[-2:]
        level = level_maps(sigma, x).mean(1, keepdim=True)
        even = level.shape[2:] == (1, 1)
        x = pad_to_multiple(x, self.stride)
        details = x - background(x)
        padded = F.pad(details, [MARGIN] * 4, mode="replicate")
        patches = F.unfold(padded, SIDE, stride=self.step).transpose(1, 2)
        if even:
            levels = level.flatten(1)[..., None].expand(-1, patches.shape[1], -1)
        else:
            level = pad_to_multiple(level.expand(-1, -1, *shape), self.stride)
            level = F.pad(level, [MARGIN] * 4, mode="replicate")
            levels = F.avg_pool2d(level, SIDE, self.step).flatten(2).transpose(1, 2)
        some = max(1, CHUNK // len(x))
        parts = [self._estimates(*part) for part in zip(patches.split(some, 1), levels.split(some, 1), strict=True)]
        estimates, weights = (torch.cat(part, 1).to(x.dtype) for part in zip(*parts, strict=True))
        weights = weights * F.softplus(self.overlap + ONE)
        folded = [
            F.fold(what.transpose(1, 2), padded.shape[-2:], SIDE, stride=self.step) for what in (weights * estimates, weights)
        ]
        inner = slice(MARGIN, -MARGIN)
        clean = (folded[0] / folded[1].clamp_min(1e-12))[..., inner, inner]
        return (details - clean)[..., : shape[0], : shape[1]]

    def _estimates(self, patches: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Return clean patches (B, N, 64) and the weight of each, (B, N, 1), for levels (B, N, 1)."""
        cancellation_point()
        factor, weight = self._judged(patches, level)
        level = level * factor
        dictionaries = [self.dictionary] * self.blocks + [self.atoms]
        code, residual = torch.zeros(()), patches
        for dictionary, threshold in zip(dictionaries, self.thresholds, strict=True):
            code = residual @ self.analysis + code
            code = soft_threshold(code, (level * F.softplus(threshold)).to(code.dtype))
            made = code @ dictionary
            residual = patches - made
        return made, weight

    def _judged(self, patches: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Return by what the thresholds of each patch are multiplied, and how much its estimate counts."""
        ratio = patches / level.clamp_min(1e-12)
        power = 1 + ratio.square().mean(2, keepdim=True)
        seen = torch.cat([ratio * power.rsqrt(), power.log()], 2)
        first, *others = cast("Iterable[nn.Linear]", self.judge)
        seen = first(seen)
        for layer in others:
            seen = layer(F.relu(seen))
        factor, weight = seen.float().split(1, 2)
        return F.softplus(factor + ONE), LEAST + torch.sigmoid(weight)
