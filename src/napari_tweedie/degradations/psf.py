"""Blur with a measured point-spread function: its background, pixel size, middle and sum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from napari_tweedie.core.method import ArrayInput, Input, Parameter
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.degradations.linear_algebra import Shape

Array = NDArray[np.float64]

SAME_SIZE = 0.01
"""Relative difference up to which pixel sizes count as equal."""
NOTICED = 0.05
"""Distance of the centre of mass from the middle, in pixels, from which on it is corrected."""
SYMMETRIC = 0.995
"""Correlation of a function's profile with its mirror image from which on its centre of mass is its centre."""
SAMPLES = 8
"""Points per pixel over which the function is averaged when its pixels change."""


class PsfBlur(Blur):
    """Blur with a measured or computed point-spread function."""

    name: ClassVar[str] = "psf-blur"
    title: ClassVar[str] = "Point-spread function"

    psf: ArrayInput = Parameter(
        Input.needed("psf"), "The function; it is brought to the pixels of the image and to sum 1.", layer="image"
    )
    pixel: float | None = Parameter(
        None, "Size of its pixels along Y and X; none: as its layer says, else that of the image.", unit="nm", gt=0, advanced=True
    )
    step: float | None = Parameter(
        None, "Distance of its planes; none: as its layer says, else that of the image.", unit="nm", gt=0, advanced=True
    )
    correct: bool = Parameter(
        True, "Move its centre of mass to the middle, and subtract a background that its border shows.", advanced=True
    )

    _sizes: tuple[float, ...] = PrivateAttr(())

    def with_spacing(self, spacing: tuple[float, ...], nanometres: float | None) -> PsfBlur:
        informed = PsfBlur(**dict(self))
        informed._sizes = () if nanometres is None else tuple(size * nanometres for size in spacing)
        return informed

    def weights(self, ndim: int) -> Array:
        return self._prepared(ndim)[0]

    def _prepared(self, ndim: int) -> tuple[Array, list[str]]:
        """Return the kernel, and what was done to the function."""
        kernel = self.psf.real().astype(np.float64)
        if kernel.ndim == ndim + 1 and kernel.shape[0] == 1:
            kernel = kernel[0]
        if kernel.ndim != ndim:
            raise ValueError(
                f"the point-spread function has {kernel.ndim} axes (shape {kernel.shape}), the restored blocks {ndim}: "
                "choose volume for a 3-D function, or planes for a 2-D one"
            )
        if not np.isfinite(kernel).all() or kernel.sum() <= 0:
            raise ValueError("the point-spread function must be finite and its sum positive")
        notes = []
        level = background(kernel) if self.correct else 0.0
        if level > 0:
            kernel = np.clip(kernel - level, 0, None)
            notes.append(f"A background of {level:.4g} was subtracted from the point-spread function.")
        ratio = self._ratio(ndim)
        if any(abs(factor - 1) > SAME_SIZE for factor in ratio):
            kernel = resampled(kernel, ratio)
            sizes = " × ".join(f"{factor:.3g}" for factor in ratio)
            notes.append(f"The point-spread function was resampled to the pixels of the image, {sizes} times as large.")
        if self.correct and is_wrapped(kernel):
            kernel = np.fft.fftshift(kernel)
            notes.append("The point-spread function had its centre in the corner: its quadrants were swapped.")
        distances = offset(kernel)
        shift = tuple(round(distance) if abs(distance) > 1 else 0 for distance in distances)
        kernel = odd(kernel, shift if self.correct else (0,) * ndim)
        if self.correct:
            rest = tuple(d if abs(d) > NOTICED and is_symmetric(kernel, axis) else 0.0 for axis, d in enumerate(offset(kernel)))
            kernel = moved(kernel, rest) if any(rest) else kernel
            if any(shift) or any(rest):
                text = ", ".join(f"{0.0 - round(whole + part, 2):+g}" for whole, part in zip(shift, rest, strict=True))
                notes.append(f"The point-spread function was moved by ({text}) px, its centre of mass to its middle.")
        return kernel / kernel.sum(), notes

    def _ratio(self, ndim: int) -> tuple[float, ...]:
        """Return how many times as large the image's pixels are as the function's; 1 where either is unknown."""
        given = (self.step, self.pixel, self.pixel)[-ndim:]
        of_layer = self.psf.spacing[-ndim:] if len(self.psf.spacing) >= ndim else (None,) * ndim
        image = self._sizes[-ndim:] if len(self._sizes) >= ndim else (None,) * ndim
        own = (size or layer for size, layer in zip(given, of_layer, strict=True))
        return tuple(theirs / ours if theirs and ours else 1.0 for theirs, ours in zip(image, own, strict=True))

    def _ndim(self) -> int:
        """Return the number of axes of the function; a single plane counts as flat."""
        shape = self.psf.values().shape
        return len(shape) - (shape[0] == 1)

    def norm(self, image: Shape | None = None) -> float:
        kernel = self.kernel(self._ndim() if image is None else len(image))
        return float(np.abs(kernel).sum())

    def notes(self, ndim: int) -> list[str]:
        return self._prepared(self._ndim())[1]


def background(psf: Array) -> float:
    """Return the level that the border of the function stands on; 0 where the border shows none.

    It is the median of the outermost pixels, if that is beyond three times their own spread (the function has died out
    there) and between 0.1 % and half of the peak. A kernel that is cut off while it falls, or is flat, keeps its border.
    """
    inside = np.zeros(psf.shape, bool)
    inside[tuple(slice(1, -1) for _ in psf.shape)] = True
    border = psf[~inside]
    level = float(np.median(border))
    spread = 1.4826 * float(np.median(np.abs(border - level)))
    peak = float(psf.max())
    return level if level > 3 * spread and 1e-3 * peak < level < 0.5 * peak else 0.0


def resampled(psf: Array, ratio: tuple[float, ...]) -> Array:
    """Return the function on pixels `ratio` times as large, an axis each: means of its linear interpolation over them.

    The middle of the result, whose sides are odd, is the middle n // 2 of the function.
    """
    for axis, (n, factor) in enumerate(zip(psf.shape, ratio, strict=True)):
        side = int(np.ceil((n // 2) / factor))
        count = int(np.ceil(SAMPLES * max(1.0, factor)))
        within = (np.arange(count) + 0.5) / count - 0.5
        points = factor * (np.arange(-side, side + 1)[:, None] + within)[..., None]
        weights = np.clip(1 - np.abs(points - (np.arange(n) - n // 2)), 0, None).mean(1)
        psf = np.moveaxis(np.tensordot(weights, psf, (1, axis)), 0, axis)
    return psf


def offset(psf: Array) -> tuple[float, ...]:
    """Return how far the centre of mass of what is above zero lies from the middle, n // 2, in pixels, an axis each."""
    weights = np.clip(psf, 0, None)
    grids = zip(np.indices(psf.shape), psf.shape, strict=True)
    return tuple(float((weights * grid).sum() / weights.sum()) - n // 2 for grid, n in grids)


def is_wrapped(psf: Array) -> bool:
    """Return whether the function lies around the corner of its array, as Fourier transforms order it."""
    at_border = any(place in (0, n - 1) for place, n in zip(np.unravel_index(psf.argmax(), psf.shape), psf.shape, strict=True))
    return at_border and min(psf.shape) > 2 and _width(np.fft.fftshift(psf)) < 0.5 * _width(psf)


def _width(psf: Array) -> float:
    """Return the root mean square distance from the centre of mass of what is above zero, in pixels."""
    weights = np.clip(psf, 0, None)
    squares = zip(np.indices(psf.shape), offset(psf), psf.shape, strict=True)
    distance = sum((grid - n // 2 - centre) ** 2 for grid, centre, n in squares)
    return float(np.sqrt((weights * distance).sum() / weights.sum()))


def is_symmetric(psf: Array, axis: int) -> bool:
    """Return whether the profile along an axis is its own mirror image: of the trace of a motion, no point is the centre."""
    profile = np.clip(psf, 0, None).sum(tuple(other for other in range(psf.ndim) if other != axis))
    places = np.arange(len(profile))
    centre = (profile * places).sum() / profile.sum()
    mirrored = np.interp(2 * centre - places, places, profile, left=0, right=0)
    norm = np.sqrt((profile**2).sum() * (mirrored**2).sum())
    return bool(norm > 0 and (profile * mirrored).sum() > SYMMETRIC * norm)


def moved(psf: Array, distance: tuple[float, ...]) -> Array:
    """Return the function moved towards the start by parts of a pixel, an axis each, by cubic splines; nothing is cut off."""
    from scipy.ndimage import shift

    return np.clip(shift(np.pad(psf, 2), [-d for d in distance], order=3), 0, None)


def odd(psf: Array, shift: tuple[int, ...]) -> Array:
    """Return the function with odd sides, its pixel at the middle plus `shift` in the middle; zeros surround it."""
    sides = [max(n // 2 + d, n - 1 - n // 2 - d) for n, d in zip(psf.shape, shift, strict=True)]
    pads = [(side - n // 2 - d, side - (n - 1 - n // 2 - d)) for side, n, d in zip(sides, psf.shape, shift, strict=True)]
    return np.pad(psf, pads)
