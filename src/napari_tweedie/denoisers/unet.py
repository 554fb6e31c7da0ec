"""Architecture of the bundled networks: a U-Net without biases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.denoisers.convolution import Convolution, TransposedConvolution
from napari_tweedie.denoisers.levels import level_maps

STRIP = 128
"""Rows that a layer is computed for at a time where memory counts: features of the finest scale are its largest part."""


def convolution(inputs: int, outputs: int) -> Convolution:
    """Return a 3 × 3 convolution without bias that keeps the size."""
    return Convolution(inputs, outputs, kernel_size=3, padding=1, bias=False)


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolution(width, width)
        self.second = convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)

    def branch(self, x: Tensor) -> Tensor:
        """Return what is added to `x`."""
        return self.second(F.relu(self.first(x)))

    def add_to(self, x: Tensor) -> None:
        """Compute the same in the memory of `x`, strip by strip."""
        above = x[:, :, :0]  # the last rows of the strip before, as they were
        for wide, inner, place in strips(x.shape[2], 2):
            rows = torch.cat([above, x[:, :, place.start : wide.stop]], dim=2)
            above = x[:, :, place][:, :, -2:].clone()
            x[:, :, place] += self.branch(rows)[:, :, inner]


class ResidualBlocks(nn.Sequential):
    """A chain of residual blocks, in the memory of its argument unless gradients are recorded."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return super().forward(x)
        for block in cast("Iterable[ResidualBlock]", self):
            block.add_to(x)
        return x


def residual_blocks(width: int, count: int) -> ResidualBlocks:
    """Return a chain of residual blocks."""
    return ResidualBlocks(*(ResidualBlock(width) for _ in range(count)))


def strips(height: int, reach: int) -> Iterator[tuple[slice, slice, slice]]:
    """Yield strips of rows: one with `reach` rows around it, its place therein, and its place among all rows.

    Between strips the work can be stopped.
    """
    for top in range(0, height, STRIP):
        cancellation_point()
        bottom = min(height, top + STRIP)
        first = max(0, top - reach)
        yield slice(first, min(height, bottom + reach)), slice(top - first, bottom - first), slice(top, bottom)


class UNet(nn.Module):
    """Noise-conditioned residual U-Net without biases.

    Every layer is a bias-free convolution or a ReLU and the noise levels enter as channels, constant or maps,
    so the network is positively homogeneous: ``net(k x, k σ) = k net(x, σ)`` for k > 0.
    It predicts the noise, hence the clean image is ``x − net(x, σ)``.

    Parameters
    ----------
    channels : int
        Channels of the image.
    widths : sequence of int
        Features at each scale, fine to coarse; each scale halves the size of the one before.
    blocks : int
        Residual blocks per scale on the way down, at the bottom, and on the way up.
    levels : int
        Channels of noise levels: 1, that of white noise, or one for each of `levels.SCALES`.
    direct : bool
        Whether it makes the clean image itself, for training with blind spots: a pixel then has no way of its own to the result,
        and features are blurred before they are thinned out, which leaves no checkerboards (Höck et al., "N2V2", 2022).

    Notes
    -----
    The family is that of DRUNet (Zhang et al. 2021), made bias-free after Mohan et al. (2020).
    Height and width of the input must be multiples of `stride`.
    """

    jumps: ClassVar[bool] = False
    """As of `OneWidthNetwork`."""

    def __init__(
        self, channels: int = 1, widths: tuple[int, ...] = (32, 64, 128, 256), blocks: int = 2, levels: int = 1,
        direct: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.widths, self.blocks, self.levels, self.direct = tuple(widths), blocks, levels, direct
        *fine, coarsest = widths
        steps = list(pairwise(widths))
        self.stride = 2 ** len(steps)
        self.head = convolution(channels + levels, widths[0])
        self.down = nn.ModuleList(residual_blocks(width, blocks) for width in fine)
        self.shrink = nn.ModuleList(Convolution(a, b, 2, stride=2, bias=False) for a, b in steps)
        self.bottom = residual_blocks(coarsest, blocks)
        self.grow = nn.ModuleList(TransposedConvolution(b, a, 2, stride=2, bias=False) for a, b in reversed(steps))
        self.up = nn.ModuleList(residual_blocks(width, blocks) for width in reversed(fine))
        self.tail = convolution(widths[0], channels)

    @property
    def architecture(self) -> dict[str, Any]:
        """What its weights file says of it."""
        direct = {"direct": True} if self.direct else {}
        return {"widths": list(self.widths), "blocks": self.blocks, "levels": self.levels, **direct}

    def __str__(self) -> str:
        return f"U-Net, widths {', '.join(map(str, self.widths))}, {self.blocks} blocks a scale"

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Predict the noise of `x`, shape (B, C, Y, X), or the clean image if `direct`.

        Its levels `sigma` have the shape (B,) or are as `levels.level_maps` takes them.

        White noise has the same level at every scale. A network with one channel of levels is given their mean.
        """
        level = level_maps(sigma, x)
        if self.levels == 1:
            level = level.mean(1, keepdim=True)
        image = torch.cat([x, level.expand(-1, self.levels, *x.shape[2:])], dim=1)
        features = self._features(image)
        rows = [self._end(features[:, :, wide], image[:, :, wide])[:, :, inner] for wide, inner, _ in strips(x.shape[2], 2)]
        return torch.cat(rows, dim=2)

    def at_once(self, image: Tensor) -> Tensor:
        """Return what `forward` does, not strip by strip, of an image whose further channels are its noise levels."""
        return self._end(self._features(image), image)

    def _features(self, image: Tensor) -> Tensor:
        """Return the features of the finest scale, without what skips it."""
        features, skips = self.head(image), []
        for blocks, shrink in zip(self.down, self.shrink, strict=True):
            features = blocks(features)
            features = shrink(blurred(features) if self.direct else features)
            skips.append(features.clone())
        features = self.bottom(features)
        for grow, blocks in zip(self.grow, self.up, strict=True):
            features += skips.pop()
            features = blocks(grow(features))
        return features

    def _end(self, features: Tensor, image: Tensor) -> Tensor:
        """Return the noise; what skips the finest scale is computed again, as it is large and quickly done."""
        return self.tail(features if self.direct else features + self.head(image))


def blurred(features: Tensor) -> Tensor:
    """Average features with weights 1, 2, 1 along each axis; borders are repeated."""
    padded = F.pad(features, [1, 1, 1, 1], mode="replicate")
    across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    return (across[:, :, :-2] + 2 * across[:, :, 1:-1] + across[:, :, 2:]) / 16


def with_levels(network: UNet, levels: int) -> UNet:
    """Return a copy of a network of one channel of levels that has several: of their mean, it makes the same."""
    if network.levels != 1:
        raise ValueError(f"a network with one channel of noise levels is needed (got {network.levels})")
    channels = network.head.in_channels - 1
    made = UNet(channels, network.widths, network.blocks, levels, network.direct)
    weights = dict(network.state_dict())
    image, level = weights["head.weight"].split([channels, 1], dim=1)
    weights["head.weight"] = torch.cat([image, (level / levels).expand(-1, levels, -1, -1)], dim=1)
    made.load_state_dict(weights)
    return made.to(level.device)


def initialise(network: UNet, gain: float, generator: torch.Generator) -> None:
    """Fill the weights with orthogonal matrices of a small `gain`: with it, training needs no normalisation layers."""
    for weight in network.parameters():
        nn.init.orthogonal_(weight, gain=gain, generator=generator)
