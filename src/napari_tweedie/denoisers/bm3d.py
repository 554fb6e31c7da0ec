"""BM3D, where it is installed: groups of similar blocks, filtered together."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_tweedie.denoisers.classical import ArrayDenoiser, mirrored

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

SMALLEST = 16
"""Side in pixels below which the packages fail; smaller images are mirrored."""


class Bm3d(ArrayDenoiser):
    """Similar blocks, stacked and filtered together; needs the packages bm3d and bm4d, free for non-commercial use only.

    They are the authors' own (Dabov et al. 2007; Mäkinen, Azzari, Foi 2020; for volumes Maggioni et al. 2013), installed by
    ``pip install "napari-tweedie[bm3d]"``.
    """

    name: ClassVar[str] = "bm3d"
    title: ClassVar[str] = "BM3D (non-commercial)"
    halo: ClassVar[int] = 32

    def obstacle(self) -> str:
        missing = [package for package in ("bm3d", "bm4d") if find_spec(package) is None]
        licence, way_out = "free for non-commercial use only", 'pip install "napari-tweedie[bm3d]"'
        return f"bm3d needs the package {missing[0]}, {licence}: {way_out}" if missing else ""

    def clean(self, images: Tensor) -> Tensor:
        if obstacle := self.obstacle():
            raise ValueError(obstacle)
        return super().clean(images)

    def clean_array(self, image: NDArray[np.float32]) -> NDArray[Any]:
        if image.ndim == 2:
            from bm3d import bm3d as denoise
        else:
            from bm4d import bm4d as denoise
        padded = mirrored(image, SMALLEST)
        return denoise(padded.astype(np.float64), 1.0)[tuple(slice(n) for n in image.shape)]
