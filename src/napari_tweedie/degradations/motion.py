"""Motion blur: the camera or the sample moved during the exposure."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.blur import Blur

STEPS_PER_PIXEL = 20


class MotionBlur(Blur):
    """Mean of the image shifted along a straight line at constant speed, linear between pixels."""

    name: ClassVar[str] = "motion-blur"
    title: ClassVar[str] = "Motion blur"

    length: float = Parameter(9.0, "Way of the motion.", unit="px", ge=0, le=200)
    angle: float = Parameter(0.0, "Direction, from the X axis towards the upper edge of the image.", unit="°", ge=-180, le=180)

    def weights(self, ndim: int) -> NDArray[np.float64]:
        count = int(np.ceil(self.length * STEPS_PER_PIXEL)) + 1
        way = (np.arange(count) + 0.5) / count * self.length - self.length / 2
        rows, columns = -way * np.sin(np.deg2rad(self.angle)), way * np.cos(np.deg2rad(self.angle))
        rows, columns = (np.where(np.abs(positions) < 1e-9, 0, positions) for positions in (rows, columns))
        profiles = []
        for positions in (rows, columns):
            radius = int(np.ceil(np.abs(positions).max()))
            profiles.append(np.clip(1 - np.abs(np.arange(-radius, radius + 1) - positions[:, None]), 0, None))
        kernel: NDArray[np.float64] = np.einsum("ky,kx->yx", *profiles) / count
        return kernel.reshape((1,) * (ndim - 2) + kernel.shape)
