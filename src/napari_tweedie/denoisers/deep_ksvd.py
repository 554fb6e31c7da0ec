"""Architecture of `deep-ksvd`: overlapping patches as sums of few atoms, found by unfolded iterations of thresholding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.denoisers.levels import level_maps
from napari_tweedie.denoisers.network import pad_to_multiple
from napari_tweedie.denoisers.one_width import OneWidthNetwork
from napari_tweedie.denoisers.shrinkage import COARSE, background, cosine_frame

SIDE = 12
"""Height and width of a patch."""
STEP = 4
"""Distance of the patches of a grid along each axis, in pixels."""
MARGIN = SIDE - STEP // 2
"""Pixels that are repeated around an image, so that every pixel lies in as many patches of either grid."""
CHUNK = 2048
"""Patches that are computed at a time: their codes stay in the cache of a core."""
LESS = -0.5
"""Softplus of it, 0.47, is the first threshold, in noise levels."""
ONE = 0.5413
"""Where softplus is 1."""
LEAST = 1e-3
"""Least weight of an estimate, next to 1: every pixel has some."""
FINEST = 1e-6
"""Least threshold, in noise levels, so that it can be divided by."""
TINY = 1e-12
"""Least noise level, so that it can be divided by."""


class DeepKSVD(OneWidthNetwork):
    """Codes z of patches y by ``z ← S_θ(z + A (y − D z))``, turn by turn; the patches that they stand for are averaged.

    The thresholds θ of a patch are those of its atoms, learnt, times the noise level, times a number from a small network.
    Weights of estimates depend on ratios alone: the network is positively homogeneous, ``net(k x, k σ) = k net(x, σ)`` for k > 0.
    A smooth background is left alone.

    Parameters
    ----------
    width : int
        Atoms of a dictionary.
    blocks : int
        Turns after the first; each has dictionaries and thresholds of its own.
    grids : int
        Grids of patches, 1 or 2: the second lies in the gaps of the first. While it learns there is one, as patches of either are
        treated alike.

    Notes
    -----
    After deep K-SVD (Scetbon, Elad, Milanfar, "Deep K-SVD denoising", 2021): thresholds from a network that looks at the patch,
    learnt weights of the pixels of a patch. Unlike there, each turn has dictionaries of its own, as in the untied form of LISTA
    (Gregor & LeCun 2010), atoms have thresholds of their own, and one set of weights is for all noise levels.

    Everything is computed in units of the threshold: dividing the rows of A and multiplying the columns of D by θ costs nothing
    next to the patches.
    """

    kind = "deep-ksvd"
    stride = COARSE

    def __init__(self, width: int = 256, blocks: int = 5, grids: int = 2) -> None:
        super().__init__()
        self.width, self.blocks, self.grids = width, blocks, grids
        frame = cosine_frame(SIDE, width)
        self.analysis = nn.ParameterList(frame.clone() for _ in range(blocks + 1))
        self.synthesis = nn.ParameterList(frame.T.contiguous() for _ in range(blocks + 1))
        self.thresholds = nn.ParameterList(torch.full((width, 1), LESS) for _ in range(blocks + 1))
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
        x = pad_to_multiple(x, self.stride)
        details = x - background(x)
        padded = F.pad(details, [MARGIN] * 4, mode="replicate")
        if level.shape[2:] != (1, 1):
            level = F.pad(pad_to_multiple(level.expand(-1, -1, *shape), self.stride), [MARGIN] * 4, mode="replicate")
        matrices = self._matrices()
        overlap = F.softplus(self.overlap + ONE).view(-1, 1, 1)
        sums = torch.zeros_like(padded), torch.zeros_like(padded)
        for start in range(1 if self.training else self.grids):
            first = (1 - start) * STEP // 2
            seen: Any = (..., *(slice(first, length - first) for length in padded.shape[-2:]))
            made, weights = self._on_grid(padded[seen], level if level.shape[2:] == (1, 1) else level[seen], matrices)
            counts = overlap * weights
            for total, part in zip(sums, (counts * made, counts), strict=True):
                total[seen] += F.fold(part.transpose(0, 1), padded[seen].shape[-2:], SIDE, stride=STEP)
        clean = (sums[0] / sums[1])[..., MARGIN : MARGIN + x.shape[-2], MARGIN : MARGIN + x.shape[-1]]
        return (details - clean)[..., : shape[0], : shape[1]]

    def _matrices(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Return A and D of every turn in units of its thresholds, and how codes in units of those before are scaled."""
        thresholds = [F.softplus(threshold).clamp_min(FINEST) for threshold in self.thresholds]
        before = [thresholds[0], *thresholds]
        return [
            (analysis / now, synthesis * now.T, last / now)
            for analysis, synthesis, now, last in zip(self.analysis, self.synthesis, thresholds, before, strict=False)
        ]

    def _on_grid(self, details: Tensor, level: Tensor, matrices: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return the clean patches of one grid, (144, B, N), and their weights, (1, B, N)."""
        patches = F.unfold(details, SIDE, stride=STEP).transpose(0, 1)
        if level.shape[2:] != (1, 1):
            level = F.avg_pool2d(level, SIDE, STEP)
        levels = level.flatten(1).expand(*patches.shape[1:]).flatten()[None]
        parts = zip(patches.flatten(1).split(CHUNK, 1), levels.split(CHUNK, 1), strict=True)
        estimates, weights = zip(*(self._estimates(*part, matrices) for part in parts), strict=True)
        return torch.cat(estimates, 1).view(patches.shape), torch.cat(weights, 1).view(1, *patches.shape[1:])

    def _estimates(self, patches: Tensor, level: Tensor, matrices: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return clean patches (144, N) and the weight of each, (1, N), for levels (1, N)."""
        factor, weight = self._judged(patches, level)
        unit = (level * factor).clamp_min(TINY)
        patches = patches / unit
        code, residual = None, patches
        for analysis, synthesis, ratio in matrices:
            cancellation_point()
            code = analysis @ residual if code is None else torch.addmm(code * ratio.to(code.dtype), analysis, residual)
            code = F.softshrink(code, 1.0)
            made = synthesis @ code
            residual = patches - made
        return made * unit, weight

    def _judged(self, patches: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Return by what the thresholds of each patch are multiplied, and how much its estimate counts."""
        ratio = patches / level.clamp_min(TINY)
        power = 1 + ratio.square().mean(0, keepdim=True)
        seen = torch.cat([ratio * power.rsqrt(), power.log()])
        for place, layer in enumerate(cast("Iterable[nn.Linear]", self.judge)):
            seen = torch.addmm(layer.bias[:, None], layer.weight, F.relu(seen) if place else seen)
        factor, weight = seen.to(patches.dtype).split(1)
        return F.softplus(factor + ONE), LEAST + torch.sigmoid(weight)
