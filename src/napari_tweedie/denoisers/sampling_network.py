"""Architecture of trained samplers: the U-Net with noise of its own at every scale, another sample for other noise."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_tweedie.denoisers.levels import level_maps
from napari_tweedie.denoisers.network import pad_to_multiple
from napari_tweedie.denoisers.unet import UNet

FIRST = 0.1
"""Standard deviation of the weights of the noise before anything is learnt."""


class SamplingUNet(UNet):
    """A `UNet` whose features get white noise at every scale, on the way down and up, weighted feature by feature.

    Noise is given as images, one for every scale, at the size of the image: a scale gets the sums of squares of 2ⁿ × 2ⁿ pixels
    over 2ⁿ, which are white, too. So tiles of an image get the noise of their place. It is multiplied by the noise level, so that
    the network stays positively homogeneous.

    Notes
    -----
    After Ohayon, Adrai, Vaksman, Elad, Milanfar, "High perceptual quality image denoising with a posterior sampling CGAN" (2021).
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256), blocks: int = 2) -> None:
        super().__init__(1, widths, blocks)
        sizes = [*widths, *reversed(widths[:-1])]
        self.noise = nn.ParameterList(torch.zeros(1, width, 1, 1) for width in sizes)

    @property
    def architecture(self) -> dict[str, Any]:
        return {**super().architecture, "samples": True}

    def __str__(self) -> str:
        return f"{super().__str__()}, with noise at {len(self.widths)} scales"

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Predict what is to be taken from the first channel of `x`, the image; the others are the noise of every scale.

        Its shape is (B, 1 + scales, Y, X), that of the result (B, 1, Y, X).
        """
        level = level_maps(sigma, x).mean(1, keepdim=True)
        image = torch.cat([x[:, :1], level.expand(-1, -1, *x.shape[2:])], 1)
        drawn = [2**n * F.avg_pool2d(level * noise, 2**n) if n else level * noise for n, noise in enumerate(x[:, 1:].split(1, 1))]
        weights = iter(self.noise)
        features, skips = self.head(image) + next(weights) * drawn[0], []
        for scale, (blocks, shrink) in enumerate(zip(self.down, self.shrink, strict=True), start=1):
            features = shrink(blocks(features))
            skips.append(features.clone())
            features = features + next(weights) * drawn[scale]
        features = self.bottom(features)
        for scale, (grow, blocks) in reversed(list(enumerate(zip(reversed(self.grow), reversed(self.up), strict=True)))):
            features = blocks(grow(features + skips.pop()) + next(weights) * drawn[scale])
        return self._end(features, image)


def sampling(network: UNet, generator: torch.Generator) -> SamplingUNet:
    """Return a network that samples, with the weights of one that does not, and noise that hardly counts yet."""
    made = SamplingUNet(network.widths, network.blocks)
    made.load_state_dict({**made.state_dict(), **network.state_dict()})
    for weight in made.noise:
        nn.init.normal_(weight, 0, FIRST, generator)
    return made.to(network.head.weight.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def drawn(network: SamplingUNet, x: Tensor, sigma: Tensor, noise: Tensor, precision: torch.dtype) -> Tensor:
    """Return samples of the clean image of x, (B, 1, Y, X), for levels (B,) and white noise (B, scales, Y, X)."""
    padded = pad_to_multiple(torch.cat([x, noise], 1), network.stride)
    with torch.autocast(x.device.type, dtype=precision, enabled=precision is not torch.float32):
        made = network(padded.contiguous(memory_format=torch.channels_last), sigma)
    return x - made[..., : x.shape[-2], : x.shape[-1]].to(x.dtype)
