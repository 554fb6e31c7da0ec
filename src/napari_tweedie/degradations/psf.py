"""Blur with a measured point-spread function: its background, pixel size, middle and sum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.psf_array import (
    NOISY_SYMMETRIC,
    SYMMETRIC,
    cut_off,
    is_symmetric,
    is_wrapped,
    moved,
    odd,
    odd_axis,
    offset,
    resampled,
    saturated,
    trimmed,
    widths,
)
from napari_tweedie.degradations.psf_noise import background, noise, without_noise, without_strays
from napari_tweedie.degradations.varying_blur import VaryingBlur

Array = NDArray[np.float64]

SAME_SIZE = 0.01
"""Relative difference up to which pixel sizes count as equal."""
TOLD = 0.001
"""Part of the light that is left out from which on that is told."""
NOTICED = 0.05
"""Distance of the centre of mass from the middle, in pixels, from which on it is corrected."""


class PsfBlur(VaryingBlur):
    """Blur with a measured or computed point-spread function, or with several of them, on a grid over the field of view."""

    name: ClassVar[str] = "psf-blur"
    title: ClassVar[str] = "Point-spread function"

    psf: ArrayInput = Parameter(
        Input.needed("psf"),
        "The function; it is brought to the pixels of the image and to sum 1. With two axes more in front it varies over the "
        "field: rows and columns of functions, from border to border.",
        layer="image",
    )
    pixel: float | None = Parameter(
        None, "Size of its pixels along Y and X; none: as its layer says, else that of the image.", unit="nm", gt=0, advanced=True
    )
    step: float | None = Parameter(
        None, "Distance of its planes; none: as its layer says, else that of the image.", unit="nm", gt=0, advanced=True
    )
    correct: bool = Parameter(
        True,
        "Move its centre of mass to the middle, subtract a background that its border shows, and cut off noise and emptiness.",
        advanced=True,
    )

    _sizes: tuple[float, ...] = PrivateAttr(())

    def with_spacing(self, spacing: tuple[float, ...], nanometres: float | None) -> PsfBlur:
        informed = PsfBlur(**dict(self))
        informed._sizes = () if nanometres is None else tuple(size * nanometres for size in spacing)
        return informed

    def varies(self, ndim: int) -> bool:
        array = self.psf.array
        return array is not None and array.ndim == ndim + 2 and self.kernel_axes() == ndim

    def weights(self, ndim: int) -> Array:
        return self._prepared(self._checked(self._given(), ndim), ndim)[0]

    def grid(self, ndim: int) -> Array:
        functions = self._given()
        kernels = [self._prepared(self._checked(function, ndim), ndim)[0] for row in functions for function in row]
        sides = np.max([kernel.shape for kernel in kernels], axis=0)
        pads = [[((n - m) // 2,) * 2 for n, m in zip(sides, kernel.shape, strict=True)] for kernel in kernels]
        same = [np.pad(kernel, pad) for kernel, pad in zip(kernels, pads, strict=True)]
        return np.array(same).reshape(*functions.shape[:2], *sides)

    def _given(self) -> Array:
        return self.psf.real().astype(np.float64)

    def _prepared(self, given: Array, ndim: int) -> tuple[Array, list[str]]:
        """Return the kernel, and what was done to the function."""
        kernel = given
        notes: list[str] = []
        if self.correct:
            kernel, done = _cleaned(kernel)
            notes += done
        ratio, unknown = self._ratio(ndim)
        if any(abs(factor - 1) > SAME_SIZE for factor in ratio):
            kernel = resampled(kernel, ratio)
            sizes = " × ".join(f"{factor:.3g}" for factor in ratio)
            notes.append(f"The point-spread function was resampled to the pixels of the image, {sizes} times as large.")
        notes += unknown
        if self.correct:
            kernel, done = _centred(kernel, NOISY_SYMMETRIC if noise(given) else SYMMETRIC)
            notes += done
            small = trimmed(kernel)
            if any(2 * n < length for n, length in zip(small.shape, given.shape, strict=True)):
                sizes = " × ".join(str(n) for n in small.shape)
                notes.append(f"The point-spread function was cut to {sizes} pixels, which hold 99.99 % of it.")
            kernel = small
        else:
            kernel = odd(kernel, (0,) * ndim)
        return kernel / kernel.sum(), notes

    def _checked(self, kernel: Array, ndim: int) -> Array:
        """Return a function as it is given, over `ndim` axes."""
        if kernel.ndim == ndim + 1 and kernel.shape[0] == 1:
            kernel = kernel[0]
        if kernel.ndim != ndim:
            way = "treat Z plane by plane (volume off), or give it its axis Z" if ndim == 3 else "choose volume, or a plane of it"
            raise ValueError(
                f"the point-spread function has {kernel.ndim} axes (shape {kernel.shape}), the restored blocks {ndim}: {way}"
            )
        if not np.isfinite(kernel).all() or kernel.sum() <= 0:
            raise ValueError("the point-spread function must be finite and its sum positive")
        return kernel

    def _ratio(self, ndim: int) -> tuple[tuple[float, ...], list[str]]:
        """Return how many times as large the image's pixels are as the function's, and what is unknown; 1 where either is."""
        given = (self.step, self.pixel, self.pixel)[-ndim:]
        of_layer = self.psf.spacing[-ndim:] if len(self.psf.spacing) >= ndim else (None,) * ndim
        image = self._sizes[-ndim:] if len(self._sizes) >= ndim else (None,) * ndim
        own = [size or layer for size, layer in zip(given, of_layer, strict=True)]
        pairs = list(zip(image, own, strict=True))
        one_sided = [pair for pair in pairs if (pair[0] is None) != (pair[1] is None)]
        notes = []
        if one_sided:
            theirs, ours = one_sided[-1]
            known, unknown, way = (
                (ours, "image", "give the image its pixel size")
                if theirs is None
                else (theirs, "function", "give its pixel size")
            )
            other = "point-spread function" if theirs is None else "image"
            notes.append(
                f"Pixels of the {other} are {known:.4g} nm large, those of the {unknown} are of unknown size and were taken as "
                f"equal: {way} if they are not."
            )
        return tuple(theirs / ours if theirs and ours else 1.0 for theirs, ours in pairs), notes

    def kernel_axes(self) -> int:
        """Return the number of axes of a function; a single plane counts as flat, and before a plane or stack may be a grid."""
        shape = self.psf.values().shape
        return len(shape) - (1 if shape[0] == 1 and len(shape) < 5 else 2 if len(shape) > 3 else 0)

    def notes(self, ndim: int) -> list[str]:
        axes, given = self.kernel_axes(), self._given()
        if not self.varies(axes):
            return self._prepared(self._checked(given, axes), axes)[1]
        rows, columns = given.shape[:2]
        _, notes = self._prepared(self._checked(given[rows // 2, columns // 2], axes), axes)
        return [f"The point-spread function varies over the field, between {rows} × {columns} that are given.", *notes]


def _cleaned(kernel: Array) -> tuple[Array, list[str]]:
    """Return the function without background and noise around it, and what was done or seems wrong, a sentence each."""
    notes = []
    if count := saturated(kernel):
        notes.append(
            f"{count} pixels of the point-spread function share its largest value, {kernel.max():.4g}, as where a camera "
            "saturates: its peak is lost and it is taken to be too wide; record it with less light."
        )
    sigma, level = noise(kernel), background(kernel)
    if level > 0:
        kernel = kernel - level if sigma else np.clip(kernel - level, 0, None)
        notes.append(f"A background of {level:.4g} was subtracted from the point-spread function.")
    if sigma > 0:
        clean, alike = without_noise(kernel, sigma)
        kept = np.clip(clean, 0, None)
        if kept.any():
            part = 100 * sigma / kernel.max()
            kernel = kept
            mirrors = f", averaged with its mirror images along {', '.join(alike)}" if alike else ""
            notes.append(f"Noise of {part:.2g} % of its peak was removed from the point-spread function{mirrors}.")
            kernel, apart = without_strays(kernel)
            if apart > TOLD:
                notes.append(
                    f"{100 * apart:.2g} % of the light of the point-spread function lies apart from it: it was left out."
                )
    if part := cut_off(kernel):
        notes.append(
            f"At its border the point-spread function still has {100 * part:.0f} % of its peak: its tail was cut off, and what "
            "it blurs further is missing; give more of it."
        )
    if (axis := odd_axis(kernel)) is not None:
        sizes = " × ".join(f"{width:.1f}" for width in widths(kernel))
        notes.append(
            f"The standard deviations of the point-spread function are {sizes} px: along axis {axis + 1}, taken as "
            f"{'ZYX'[axis]}, it is unlike the other two, as Z mostly is; if it is Z, move it to the front."
        )
    return kernel, notes


def _centred(kernel: Array, symmetric: float) -> tuple[Array, list[str]]:
    """Return the function of odd sides with its centre in the middle, and what was done, a sentence each."""
    notes = []
    if is_wrapped(kernel):
        kernel = np.fft.fftshift(kernel)
        notes.append("The point-spread function had its centre in the corner: its quadrants were swapped.")
    shift = tuple(round(distance) if abs(distance) > 1 else 0 for distance in offset(kernel))
    kernel = odd(kernel, shift)
    rest = tuple(
        d if abs(d) > NOTICED and is_symmetric(kernel, axis, symmetric) else 0.0 for axis, d in enumerate(offset(kernel))
    )
    kernel = moved(kernel, rest) if any(rest) else kernel
    if any(shift) or any(rest):
        text = ", ".join(f"{0.0 - round(whole + part, 2):+g}" for whole, part in zip(shift, rest, strict=True))
        notes.append(f"The point-spread function was moved by ({text}) px, its centre of mass to its middle.")
    return kernel, notes
