"""Small U-Net of the networks that go with denoisers: those of their errors, and of what neighbours tell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), with biases."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return it for x of shape (B, width, Y, X)."""
        return x + self.second(F.relu(self.first(x)))


class SmallUNet(nn.Module):
    """Scales of a U-Net, and what it knows of the denoisers that it goes with.

    Parameters
    ----------
    denoisers : sequence of str
        Names of the denoisers.
    widths : sequence of int
        Features at each scale, fine to coarse; each scale halves the size of the one before.
    """

    def __init__(self, denoisers: Sequence[str], widths: Sequence[int]) -> None:
        super().__init__()
        self.denoisers, self.widths = tuple(denoisers), tuple(widths)
        self.stride = 2 ** (len(widths) - 1)

    def add_scales(self) -> None:
        """Make the layers of the scales, where they come among the others."""
        *fine, coarsest = self.widths
        self.down = nn.ModuleList(ResidualBlock(width) for width in fine)
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(self.widths))
        self.bottom = ResidualBlock(coarsest)
        pairs = list(pairwise(self.widths))[::-1]
        self.grow = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(ResidualBlock(width) for width in reversed(fine))

    def over_scales(self, features: Tensor) -> Tensor:
        """Return features of the finest scale, shape (B, width, Y, X), once they went down all scales and up again."""
        skips = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            features = block(features)
            skips.append(features)
            features = shrink(features)
        features = self.bottom(features)
        for grow, block in zip(self.grow, self.up, strict=True):
            features = block(grow(features) + skips.pop())
        return features
