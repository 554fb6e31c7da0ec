"""Noise model of a camera whose pixels differ: maps of offset, gain and read variance, from its calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import PrivateAttr

from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.noise_models import Noise, Poisson
from napari_tweedie.images.camera import EvenCamera, check_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

WHOLE = -1


class Camera(Noise):
    """Photon noise of a camera whose pixels have their own offset, gain and read noise, such as an sCMOS camera.

    ``y = gain · Poisson(light) + offset + N(0, read variance)``, all three maps. Images are brought to what a camera of the
    medians of these maps would have seen, in whose grey levels the result is, and go on with its one model.
    """

    name: ClassVar[str] = "camera"
    title: ClassVar[str] = "Camera with maps (sCMOS)"

    maps: ArrayInput = Parameter(
        Input.needed("maps"),
        "Offset, gain and read variance of every pixel: three planes, as the tool for camera maps makes them.",
        layer="image",
    )
    top: int = Parameter(
        WHOLE, "Row of the maps at which the image begins; -1: the image is as large as the maps.", advanced=True, ge=-1, le=2**16
    )
    left: int = Parameter(
        WHOLE, "Column of the maps at which the image begins; -1: the image is as large as the maps.", advanced=True, ge=-1,
        le=2**16,
    )  # fmt: skip

    _even: EvenCamera | None = PrivateAttr(None)

    @property
    def is_uniform(self) -> bool:
        return False

    @property
    def even(self) -> EvenCamera:
        """The camera that this one is brought to.

        Raises
        ------
        ValueError
            If the maps are none.
        """
        if self._even is None:
            maps = self.maps.real()
            check_maps(maps)
            self._even = EvenCamera.of(maps)
        return self._even

    def level(self, mean: float) -> float | None:
        """Return that of the even camera; NaN, for known but not at hand, as long as the maps are named only."""
        return np.nan if self.maps.array is None else self.remaining().level(mean)

    def remaining(self) -> Poisson:
        """Return the model of images once they are evened."""
        even = self.even
        return Poisson(gain=even.gain, offset=even.offset, read_noise=even.read_noise)

    def evened(self, block: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Return images, shape (…, Y, X), as the even camera would have seen them.

        Raises
        ------
        ValueError
            If the maps do not fit the image.
        """
        return self.even.seen(block, self._of(block.shape[-2:]))

    def beginning(self, top: int, left: int) -> Camera:
        """Return this camera for a part of the image that begins at a pixel of it."""
        return self.model_copy(update={"top": max(self.top, 0) + top, "left": max(self.left, 0) + left})

    def add(self, clean: Tensor, generator: Generator) -> Tensor:
        """Return what this camera sees of an image that is clean for the even one, shape (…, Y, X)."""
        offset, gain, variance = (torch.from_numpy(plane).to(clean) for plane in self._of(clean.shape[-2:]).astype(np.float32))
        photons = Poisson(gain=1.0, offset=0.0, read_noise=0.0).add((clean - self.even.offset) / self.even.gain, generator)
        white = torch.randn(clean.shape, generator=generator, dtype=clean.dtype).to(clean.device)
        return gain * photons + offset + variance.sqrt() * white

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse an image of so many rows and columns that the maps do not fit.

        Raises
        ------
        ValueError
            If they are others, and it is not said where the image begins; or if the maps are none.
        """
        self._of(shape)

    def _of(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the maps of an image of so many rows and columns."""
        maps = self.maps.real()
        if self._even is None:
            check_maps(maps)
        place = tuple(max(first, 0) for first in (self.top, self.left))
        wanted = tuple(slice(first, first + length) for first, length in zip(place, shape, strict=True))
        cut = maps[(slice(None), *wanted)]
        whole = WHOLE in (self.top, self.left) and maps.shape[1:] != tuple(shape)
        if whole or cut.shape[1:] != tuple(shape):
            sizes = [f"{rows} × {columns}" for rows, columns in (maps.shape[1:], shape)]
            raise ValueError(
                f"the camera maps have {sizes[0]} pixels, the image has {sizes[1]}, from row {place[0]} and column {place[1]}: "
                "give top and left, where on the camera the image begins, or maps of the same pixels"
            )
        return cut
