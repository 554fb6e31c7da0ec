"""Bundled networks of unfolded sparse coding."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers.levels import level_maps
from napari_tweedie.denoisers.network import Unet

if TYPE_CHECKING:
    from torch import Tensor

AROUND = 9
"""Height and width, in pixels, over which it is looked at how much was removed."""
MOST = 2.0
"""Root mean square, in noise levels, of what may be removed there."""


class Unfolded(Unet):
    """What the networks of unfolded sparse coding share: called as U-Nets are, they remove no more than twice the noise."""

    halo: ClassVar[int] = 56
    bytes_per_pixel: ClassVar[int] = 300
    follows_offset: ClassVar[bool] = True
    knows_fusion: ClassVar[bool] = False
    longest_wave: ClassVar[float] = 32.0
    takes_levels: ClassVar[bool] = False

    precision: Literal["auto", "float32", "bfloat16"] = Parameter(
        "float32", "Arithmetic of the network; auto: bfloat16 where this device is measured to run it faster.", advanced=True
    )

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        removed = x - super().__call__(x, sigma)
        level = level_maps(sigma, x).square().mean(1, keepdim=True)
        power = torch.nn.functional.avg_pool2d(removed.square(), AROUND, 1, AROUND // 2, count_include_pad=False)
        share = (MOST**2 * level / power.clamp_min(torch.finfo(x.dtype).tiny)).clamp(max=1).sqrt()
        return x - share * removed


class Csc(Unfolded):
    """Convolutional sparse coding, unfolded: what is no sum of a few trained atoms is noise, if it is no stronger than that.

    Positively homogeneous, as `Unet`, and it follows offsets: a smooth background is left as it is. It knows white noise, of one
    level or of a map.
    """

    name: ClassVar[str] = "csc"
    title: ClassVar[str] = "Convolutional sparse coding"
    flat_error: ClassVar[tuple[float, float]] = (0.06, 0.0)
    for_levels: ClassVar[str] = "csc"


class DeepKsvd(Unfolded):
    """Deep K-SVD: overlapping patches as sums of a few trained atoms, with thresholds that depend on the patch, averaged.

    Positively homogeneous, as `Unet`, and it follows offsets: a smooth background is left as it is. It knows white noise, of one
    level or of a map. What it sees of a pixel are the patches around it, 23 × 23 pixels, and the background.
    """

    name: ClassVar[str] = "deep-ksvd"
    title: ClassVar[str] = "Deep K-SVD"
    halo: ClassVar[int] = 40
    bytes_per_pixel: ClassVar[int] = 400
    flat_error: ClassVar[tuple[float, float]] = (0.06, 0.0)
    for_levels: ClassVar[str] = "deep-ksvd"
