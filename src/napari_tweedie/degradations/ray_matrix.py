"""Sums along rays as a sparse matrix, which on a CPU takes a tenth of the time of sampling the rays anew for every sum.

The same numbers as `Rays.project`: bilinear weights, those of a pixel and a ray added up over the samples along it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.rays import Rays

USES = 6
"""Sums and their transposes after which a matrix is worth to be made: it takes as long as about ten."""
LARGEST = 6e7
"""Entries at most, of 8 bytes each, and twice that while they are collected."""
ENTRIES = 2.2
"""Entries for each pixel and angle, about: rays that pass within a pixel of it."""


class RayMatrix:
    """The matrix of the sums along the rays of a scan, made once it has been asked for often enough.

    Parameters
    ----------
    rays : Rays
        The scan.
    side, detector : int
        Sides of the image and of the detector, in pixels.
    """

    def __init__(self, rays: Rays, side: int, detector: int) -> None:
        self._rays, self._side, self._detector = rays, side, detector
        self._uses = 0
        self._matrix: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what travels to other processes: not the matrix, which is large and made again there."""
        return {**self.__dict__, "_matrix": None, "_uses": 0}

    def serves(self, like: Tensor) -> bool:
        """Count a use, and tell whether the matrix serves for it: on a CPU, in float32, without derivatives."""
        plain = like.device.type == "cpu" and like.dtype == torch.float32 and not (torch.is_grad_enabled() and like.requires_grad)
        if not plain or ENTRIES * self._side**2 * len(self._rays.theta) > LARGEST:
            return False
        self._uses += 1
        if self._uses > USES and self._matrix is None:
            self._matrix = self._made()
        return self._matrix is not None

    def project(self, x: Tensor) -> Tensor:
        """Return the sums, (…, detector, angles), of images (…, side, side)."""
        columns = np.ascontiguousarray(x.detach().numpy().reshape(-1, self._side**2).T)
        sums = (self._matrix @ columns).T.reshape(*x.shape[:2], len(self._rays.theta), self._detector)
        return torch.from_numpy(np.ascontiguousarray(sums.swapaxes(-1, -2)))

    def smear(self, y: Tensor) -> Tensor:
        """Return the transpose of `project`."""
        rows = np.ascontiguousarray(y.detach().numpy().swapaxes(-1, -2).reshape(-1, self._matrix.shape[0]).T)
        images = (self._matrix.T @ rows).T.reshape(*y.shape[:2], self._side, self._side)
        return torch.from_numpy(np.ascontiguousarray(images))

    def _made(self) -> Any:
        from scipy.sparse import csr_array, vstack

        rays, side = self._rays, self._side
        blocks = []
        like = torch.zeros((), dtype=torch.float32)
        for _, cos, sin, t, d in rays.portions(like, side, self._detector):
            lengths = rays.lengths(d).numpy()
            for one in range(len(cos)):
                points = rays.points(side, cos[one : one + 1], sin[one : one + 1], t, d)[0].double().numpy()
                at = (points + 1) / 2 * (side - 1)
                low = np.floor(at).astype(np.int32)
                beyond = at - low
                values, columns, numbers = [], [], []
                for down in (0, 1):
                    for right in (0, 1):
                        x, y = low[..., 0] + right, low[..., 1] + down
                        weight = np.abs(1 - right - beyond[..., 0]) * np.abs(1 - down - beyond[..., 1]) * lengths
                        inside = (x >= 0) & (x < side) & (y >= 0) & (y < side) & (weight > 0)
                        values.append(weight[inside])
                        columns.append(y[inside] * side + x[inside])
                        numbers.append(np.nonzero(inside)[1])
                places = (np.concatenate(numbers).astype(np.int32), np.concatenate(columns))
                entries = np.concatenate(values).astype(np.float32)
                blocks.append(csr_array((entries, places), shape=(self._detector, side**2)))
        return vstack(blocks, format="csr")
