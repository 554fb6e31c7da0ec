"""What the networks of unfolded sparse coding share: soft thresholds, and a smooth background that is no matter of atoms."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

COARSE = 8
"""Height and width, in pixels, of the squares whose means make the background."""


def soft_threshold(code: Tensor, threshold: Tensor) -> Tensor:
    """Return ``sign(z) max(|z| − θ, 0)``, the proximal map of θ |z|, for θ ≥ 0."""
    return code - code.clamp(-threshold, threshold)


def background(x: Tensor) -> Tensor:
    """Return the smooth part of images (B, 1, Y, X): means of 8 × 8 pixels, averaged over 3 × 3 of them, interpolated between.

    Its noise is that of the image divided by about 25. Height and width are multiples of 8.
    """
    means = F.avg_pool2d(x, COARSE)
    smooth = F.avg_pool2d(F.pad(means, [1, 1, 1, 1], mode="replicate"), 3, 1)
    return F.interpolate(smooth, scale_factor=COARSE, mode="bilinear", align_corners=False)


def cosine_frame(side: int, count: int) -> Tensor:
    """Return products of sampled cosines as atoms, shape (count, side²), lowest frequencies first.

    The frame is tight where `count` is a square of at least ``side²``: codes of a patch by all atoms then stand for the patch.
    Of ``side²`` atoms it is the discrete cosine transform, of more the tight frame nearest to cosines of more frequencies.
    """
    waves = math.isqrt(count - 1) + 1
    at = torch.arange(side, dtype=torch.float64) + 0.5
    line = torch.cos(math.pi / waves * torch.arange(waves, dtype=torch.float64)[:, None] * at)
    u, _, v = torch.linalg.svd(torch.kron(line, line), full_matrices=False)
    order = torch.arange(waves)[:, None] + torch.arange(waves)
    return (u @ v)[order.ravel().argsort(stable=True)[:count]].float().contiguous()
