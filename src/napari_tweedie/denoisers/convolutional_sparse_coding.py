"""Architecture of `csc`: an image as a sum of few atoms on a grid, found by unfolded iterations of thresholding."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.denoisers.levels import level_maps
from napari_tweedie.denoisers.network import pad_to_multiple
from napari_tweedie.denoisers.one_width import OneWidthNetwork
from napari_tweedie.denoisers.shrinkage import COARSE, background, cosine_frame, soft_threshold

STRIDE = 4
"""Distance of the atoms of one kind, in pixels."""
REACH = 3
"""Height and width of an atom, in strides."""


class ConvolutionalSparseCoding(OneWidthNetwork):
    """Codes z of an image y by ``z ← S_θ(z + A (y − B z))`` with strided kernels A and B, turn by turn; ``B z`` is clean.

    An atom has 12 × 12 pixels, and one of every kind lies at every fourth pixel along each axis. An image of one channel is seen
    as one of 16 channels, a fourth in height and width, so that strided atoms are plain kernels of 3 × 3. Thresholds θ are
    proportional to the noise level, and nothing has a bias, so that the network is positively homogeneous,
    ``net(k x, k σ) = k net(x, σ)`` for k > 0. A smooth background is left alone.

    Parameters
    ----------
    width : int
        Kinds of atoms.
    blocks : int
        Turns after the first; each has dictionaries and thresholds of its own.
    shifts : int
        How many places the grid of atoms takes along each axis, 1, 2 or 4: the estimates are averaged.

    Notes
    -----
    After CSCNet (Simon & Elad, "Rethinking the CSC model for natural images", 2019): strided atoms, an average over moved grids,
    learned thresholds. Unlike there, one set of weights is for all noise levels, and each turn has dictionaries of its own, as in
    the untied form of LISTA (Gregor & LeCun 2010).
    """

    kind = "csc"
    stride = COARSE

    def __init__(self, width: int = 144, blocks: int = 7, shifts: int = 2) -> None:
        super().__init__()
        self.width, self.blocks, self.shifts = width, blocks, shifts
        side = STRIDE * REACH
        atoms = F.pixel_unshuffle(cosine_frame(side, width).view(-1, 1, side, side) / REACH, STRIDE)
        adjoint = atoms.flip(2, 3).transpose(0, 1)
        self.analysis = nn.ParameterList(atoms.clone() for _ in range(blocks + 1))
        self.synthesis = nn.ParameterList(adjoint.clone() for _ in range(blocks + 1))
        self.thresholds = nn.ParameterList(torch.full((width,), -0.8) for _ in range(blocks + 1))

    def __str__(self) -> str:
        return f"convolutional sparse coding, {self.width} kinds of atoms, {self.blocks + 1} turns"

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Predict the noise of `x`, shape (B, 1, Y, X), of levels `sigma`, (B,) or maps, as `levels.level_maps` takes them."""
        shape = x.shape[-2:]
        level = level_maps(sigma, x).mean(1, keepdim=True)
        x = pad_to_multiple(x, self.stride)
        details = x - background(x)
        height, width = details.shape[-2:]
        padded = F.pad(details, [STRIDE] * 4, mode="replicate")
        even = level.shape[2:] == (1, 1)
        if not even:
            level = F.pad(pad_to_multiple(level.expand(-1, -1, *shape), self.stride), [STRIDE] * 4, mode="replicate")
        clean = torch.zeros_like(details)
        offsets = [STRIDE // self.shifts * n for n in range(self.shifts)]
        for down in offsets:
            for across in offsets:
                seen = (..., slice(down, down + height + STRIDE), slice(across, across + width + STRIDE))
                estimate = self._on_grid(padded[seen], level if even else F.avg_pool2d(level[seen], STRIDE))
                top, left = STRIDE - down, STRIDE - across
                clean = clean + estimate[..., top : top + height, left : left + width]
        return (details - clean / len(offsets) ** 2)[..., : shape[0], : shape[1]]

    def _on_grid(self, details: Tensor, level: Tensor) -> Tensor:
        """Return what codes on one grid make of details, for levels (B, 1, 1, 1) or of every place of the grid."""
        seen = F.pixel_unshuffle(details, STRIDE).contiguous(memory_format=torch.channels_last)
        if level.shape[2:] != (1, 1):
            level = F.pad(level, [REACH // 2] * 4, mode="replicate")  # atoms stick out
        code, residual = torch.zeros(()), seen
        for analysis, synthesis, threshold in zip(self.analysis, self.synthesis, self.thresholds, strict=True):
            cancellation_point()
            code = F.conv2d(residual, analysis, padding=REACH - 1) + code
            code = soft_threshold(code, (level * F.softplus(threshold).view(-1, 1, 1)).to(code.dtype))
            made = F.conv2d(code, synthesis)
            residual = seen - made
        return F.pixel_shuffle(made.to(details.dtype), STRIDE)
