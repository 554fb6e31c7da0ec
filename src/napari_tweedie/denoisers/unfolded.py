"""Bundled networks of unfolded sparse coding."""

from __future__ import annotations

from typing import ClassVar, Literal

from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers.network import Unet


class Csc(Unet):
    """Convolutional sparse coding, unfolded: what is no sum of a few trained atoms is noise.

    Positively homogeneous, as `Unet`, and it follows offsets: a smooth background is left as it is. It knows white noise, of one
    level or of a map.
    """

    name: ClassVar[str] = "csc"
    title: ClassVar[str] = "Convolutional sparse coding"
    halo: ClassVar[int] = 56
    bytes_per_pixel: ClassVar[int] = 300
    follows_offset: ClassVar[bool] = True
    flat_error: ClassVar[tuple[float, float]] = (0.06, 0.0)
    longest_wave: ClassVar[float] = 32.0
    takes_levels: ClassVar[bool] = False
    for_levels: ClassVar[str] = "csc"

    precision: Literal["auto", "float32", "bfloat16"] = Parameter(
        "float32", "Arithmetic of the network; auto: bfloat16 where this device is measured to run it faster.", advanced=True
    )
